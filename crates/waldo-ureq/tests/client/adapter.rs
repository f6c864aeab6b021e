//! The cases that every adapter must pass.

use std::error::Error as StdError;
use std::sync::Arc;

use waldo_adapter_tests::fleet::TestStore;
use waldo_adapter_tests::{Adapter, Answer, Call, Failure, Kind, Payload, Setup};
use waldo_ureq::ureq::Agent;
use waldo_ureq::ureq::config::RedirectAuthHeaders;
use waldo_ureq::{
    Client, ClientBuilder, CredentialSource, Credentials, Error, Explanation, Generation, OneShot,
};

use crate::site::settings;

#[derive(Clone)]
struct Ureq(Client);

fn builder(setup: Setup) -> ClientBuilder {
    let builder = Client::builder(setup.credentials()).origin(setup.origin).limits(setup.limits);
    shared(builder, setup.store)
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
    } else if matches!(error, Error::Ureq(_)) {
        Kind::Stack
    } else {
        Kind::Other
    };
    let (is_timeout, never_sent) = (error.is_timeout(), error.never_sent());
    Failure { kind, is_timeout, never_sent, retry_in: error.retry_in(), error: error.into() }
}

impl Adapter for Ureq {
    fn build(setup: Setup) -> Self {
        let (timeout, max_wait) = (setup.timeout, setup.max_wait);
        let builder = builder(setup).timeout(timeout).max_wait(max_wait);
        Self(builder.agent(settings().build()).build().unwrap())
    }

    fn from_env() -> Result<String, Box<dyn StdError>> {
        Ok(Client::from_env()?.origin().to_string())
    }

    fn from_source(setup: Setup, source: CredentialSource) -> Self {
        let builder = ClientBuilder::from_source(source).unwrap();
        let builder = shared(builder.origin(setup.origin).limits(setup.limits), setup.store);
        Self(builder.agent(settings().build()).build().unwrap())
    }

    fn following(setup: impl Fn() -> Setup) -> Vec<Self> {
        let follows =
            settings().max_redirects(10).redirect_auth_headers(RedirectAuthHeaders::SameHost);
        // ureq's own defaults follow, too, and set no timeout, which would be a setting for each
        // request.
        let defaults = Agent::config_builder().proxy(None).build();
        let without_agent = builder(setup());
        [builder(setup()).agent(follows.build()), builder(setup()).agent(defaults), without_agent]
            .map(|builder| Self(builder.build().unwrap()))
            .into()
    }

    fn send(&self, call: Call) -> Result<Answer, Failure> {
        let get = call.payload.is_none();
        let mut request = if get { self.0.get(&call.path) } else { self.0.post(&call.path) };
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        let response = match call.payload {
            None => request.call(),
            Some(Payload::Bytes(bytes)) => request.send(bytes),
            Some(Payload::Stream(stream)) => request.send(OneShot::new(stream)),
        };
        let (head, mut body) = response.map_err(failure)?.into_parts();
        let body = body.read_to_vec().map_err(|error| failure(Error::Ureq(error)))?;
        let generation = Generation::of(&head.extensions);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, generation, body })
    }

    fn reset(&self, credentials: Credentials) {
        self.0.reset(credentials);
    }

    fn generation(&self) -> Option<Generation> {
        self.0.generation()
    }

    fn invalidate(&self, generation: Option<Generation>) -> bool {
        self.0.invalidate(generation)
    }

    fn explain(&self) -> Explanation {
        self.0.explain()
    }

    fn resume_from(&self, other: &Self) {
        self.0.resume(&other.0.snapshot().unwrap()).unwrap();
    }
}

waldo_adapter_tests::test_adapter!(Ureq);
