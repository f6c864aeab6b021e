//! The cases that every adapter must pass.

use std::error::Error as StdError;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use waldo_adapter_tests::{Adapter, Answer, Call, Failure, Kind, Payload, Setup, Stream, run};
use waldo_tower::http::{Method, Request};
use waldo_tower::{
    Body, CredentialSource, Credentials, Error, Explanation, Generation, SharedSession, Timeout,
    Waldo, WaldoLayer, config, config_from_env,
};

use crate::site::{layer, layer_of, settings};

type Sent = Either<Full<Bytes>, Stream>;

#[derive(Clone)]
struct Tower {
    service: Waldo<Client<HttpConnector, Body<Sent>>>,
    origin: String,
}

fn failure(error: Error) -> Failure {
    let kind = if let Error::Refused(refused) = &error {
        Kind::Refused(refused.refusal.clone())
    } else if matches!(error, Error::BrokeOff(_)) {
        Kind::BrokeOff
    } else if matches!(error, Error::Inner(_) | Error::Timeout { .. }) {
        Kind::Stack
    } else {
        Kind::Other
    };
    let (is_timeout, never_sent) = (error.is_timeout(), error.never_sent());
    Failure { kind, is_timeout, never_sent, retry_in: error.retry_in(), error: error.into() }
}

impl Tower {
    fn of(layer: &WaldoLayer, origin: String) -> Self {
        let service = layer.layer(Client::builder(TokioExecutor::new()).build_http());
        Self { service, origin }
    }

    fn session(&self) -> &SharedSession {
        self.service.layer().session()
    }

    async fn answer(self, call: Call) -> Result<Answer, Error> {
        let method = if call.payload.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method);
        request = request.uri(format!("{}{}", self.origin, call.path));
        if let Some(timeout) = call.timeout {
            request = request.extension(Timeout(timeout));
        }
        let response = match call.payload {
            Some(Payload::Stream(stream)) => {
                let request = request.body(Either::Right(stream)).unwrap();
                self.service.one_shot().oneshot(request).await?
            }
            Some(Payload::Bytes(bytes)) => {
                self.service.oneshot(request.body(Either::Left(bytes.into())).unwrap()).await?
            }
            None => {
                self.service.oneshot(request.body(Either::Left(Full::default())).unwrap()).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| Error::Inner(error.into()))?;
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            generation: Generation::of(&head.extensions),
            body: body.to_bytes().to_vec(),
        })
    }
}

impl Adapter for Tower {
    fn build(setup: Setup) -> Self {
        let layer = layer((setup.limits)(settings(&setup.origin)));
        let layer = layer.timeout(setup.timeout).max_wait(setup.max_wait);
        let layer = match setup.store {
            Some(store) => layer.store(store),
            None => layer,
        };
        Self::of(&layer, setup.origin)
    }

    fn from_source(setup: Setup, source: CredentialSource) -> Self {
        let config = config(source.ask().unwrap()).origin(&setup.origin);
        let config = (setup.limits)(config).build().unwrap();
        let layer = layer_of(SharedSession::with_source(config, source));
        let layer = match setup.store {
            Some(store) => layer.store(store),
            None => layer,
        };
        Self::of(&layer, setup.origin)
    }

    fn from_env() -> Result<String, Box<dyn StdError>> {
        Ok(SharedSession::new(config_from_env()?.build()?).origin().to_string())
    }

    fn following(setup: impl Fn() -> Setup) -> Vec<Self> {
        vec![Self::build(setup())] // hyper follows no redirect
    }

    fn send(&self, call: Call) -> Result<Answer, Failure> {
        let client = self.clone();
        run(async move { client.answer(call).await.map_err(failure) })
    }

    fn reset(&self, credentials: Credentials) {
        self.session().reset(credentials);
    }

    fn generation(&self) -> Option<Generation> {
        self.session().generation()
    }

    fn invalidate(&self, generation: Option<Generation>) -> bool {
        self.session().invalidate(generation)
    }

    fn explain(&self) -> Explanation {
        self.session().explain()
    }

    fn resume_from(&self, other: &Self) {
        self.session().resume(&other.session().snapshot().unwrap()).unwrap();
    }
}

waldo_adapter_tests::test_adapter!(Tower);
waldo_adapter_tests::test_uploads!(Tower);
