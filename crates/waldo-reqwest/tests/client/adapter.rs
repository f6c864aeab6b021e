//! The cases that every adapter must pass.

use std::error::Error as StdError;
use std::sync::Arc;

use waldo_adapter_tests::fleet::TestStore;
use waldo_adapter_tests::{Adapter, Answer, Call, Failure, Kind, Payload, Setup, run};
use waldo_reqwest::reqwest::redirect::Policy;
use waldo_reqwest::reqwest::{self, Body, Method, Response};
use waldo_reqwest::reqwest_middleware::{self, ClientWithMiddleware};
use waldo_reqwest::{
    Client, ClientBuilder, CredentialSource, Credentials, Error, Explanation, Generation,
};

/// A client, or a stack of middlewares around the client.
#[derive(Clone)]
struct Reqwest {
    client: Client,
    stack: Option<ClientWithMiddleware>,
}

fn builder(setup: Setup) -> ClientBuilder {
    shared(Client::builder(setup.credentials()), setup.store)
        .max_wait(setup.max_wait)
        .timeout(setup.timeout)
        .origin(setup.origin)
        .limits(setup.limits)
        .http_status_as_error(false)
}

/// The builder with the store, if there is one.
fn shared(builder: ClientBuilder, store: Option<Arc<TestStore>>) -> ClientBuilder {
    match store {
        Some(store) => builder.store(store),
        None => builder,
    }
}

fn failure(error: Error) -> Failure {
    let kind = if let Error::Refused(refused) = &error {
        Kind::Refused(refused.refusal.clone())
    } else if matches!(error, Error::BrokeOff(_)) {
        Kind::BrokeOff
    } else if matches!(error, Error::Reqwest(_)) {
        Kind::Stack
    } else {
        Kind::Other
    };
    let (is_timeout, never_sent) = (error.is_timeout(), error.never_sent());
    Failure { kind, is_timeout, never_sent, retry_in: error.retry_in(), error: error.into() }
}

impl Reqwest {
    fn stacked(self) -> Self {
        Self { stack: Some(self.client.middleware_stack([]).build()), ..self }
    }

    async fn respond(&self, call: Call) -> Result<Response, Error> {
        let method = if call.payload.is_some() { Method::POST } else { Method::GET };
        let mut request = self.client.request(method, call.path);
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        request = match call.payload {
            None => request,
            Some(Payload::Bytes(bytes)) => request.body(bytes),
            Some(Payload::Stream(stream)) => request.body(Body::wrap(stream)),
        };
        let Some(stack) = &self.stack else { return request.send().await };
        stack.execute(request.build()?).await.map_err(|error| match error {
            reqwest_middleware::Error::Reqwest(error) => Error::Reqwest(error),
            reqwest_middleware::Error::Middleware(error) => error.downcast().unwrap(),
        })
    }
}

impl Adapter for Reqwest {
    fn build(setup: Setup) -> Self {
        Self { client: builder(setup).build().unwrap(), stack: None }
    }

    fn from_env() -> Result<String, Box<dyn StdError>> {
        Ok(Client::from_env()?.origin().to_string())
    }

    fn from_source(setup: Setup, source: CredentialSource) -> Self {
        let builder = ClientBuilder::from_source(source).unwrap();
        let builder = shared(builder.origin(setup.origin).limits(setup.limits), setup.store);
        let client = builder.http_status_as_error(false).build().unwrap();
        Self { client, stack: None }
    }

    fn following(setup: impl Fn() -> Setup) -> Vec<Self> {
        let follows = || {
            let follows = reqwest::Client::builder().redirect(Policy::limited(10));
            let client = builder(setup()).client_builder(follows).build().unwrap();
            Self { client, stack: None }
        };
        let plain = || Self::build(setup());
        vec![follows(), follows().stacked(), plain(), plain().stacked()]
    }

    fn send(&self, call: Call) -> Result<Answer, Failure> {
        let client = self.clone();
        run(async move {
            let mut response = client.respond(call).await.map_err(failure)?;
            let headers = std::mem::take(response.headers_mut());
            let generation = Generation::of(response.extensions());
            let status = response.status().as_u16();
            let body = response.bytes().await.map_err(|error| failure(Error::Reqwest(error)))?;
            Ok(Answer { status, headers, generation, body: body.to_vec() })
        })
    }

    fn reset(&self, credentials: Credentials) {
        self.client.reset(credentials);
    }

    fn generation(&self) -> Option<Generation> {
        self.client.generation()
    }

    fn invalidate(&self, generation: Option<Generation>) -> bool {
        self.client.invalidate(generation)
    }

    fn explain(&self) -> Explanation {
        self.client.explain()
    }

    fn resume_from(&self, other: &Self) {
        self.client.resume(&other.client.snapshot().unwrap()).unwrap();
    }
}

waldo_adapter_tests::test_adapter!(Reqwest);
waldo_adapter_tests::test_uploads!(Reqwest);
