//! waldo-reqwest passes the conformance suite on real sockets: by itself, and within a stack of
//! middlewares.

#![expect(clippy::unwrap_used, reason = "what cannot be built fails the test")]

#[cfg(test)]
#[path = "client/chunks.rs"]
mod chunks;
#[cfg(test)]
#[path = "../../../examples/tests/conformance/row.rs"]
mod row;

use std::error::Error as StdError;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use tokio::runtime::{Builder, Runtime};
use waldo_conformance::{
    self as conformance, Adapter, Ask, BodyKind, Client as Certifiable, Ending, KeyPair, Lacking,
    Need, Setup,
};
use waldo_reqwest::reqwest::{self, Request, Response};
use waldo_reqwest::reqwest_middleware::{self, ClientWithMiddleware, Middleware, Next};
use waldo_reqwest::{Client, Credentials, Error, Refused, Snapshot};

use crate::chunks::Chunks;
use crate::row::Row;

/// reqwest's connections live as long as their runtime, so all calls share one.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// The adapter as its users have it, but that nothing hangs for ever.
#[derive(Clone, Copy)]
enum Way {
    Plain,
    Stack,
}

impl Adapter for Way {
    type Client = Certified;

    fn lacks(&self) -> &[Need] {
        // A login goes on behind its call.
        &[Need::TiedLogins]
    }

    fn client(&self, setup: &Setup) -> Result<Certified, Box<dyn StdError>> {
        let client = Client::builder(Credentials::new(&setup.key.id, &setup.key.secret)?)
            .origin(&setup.origin)
            .timeout(Duration::from_secs(20))
            .limits(|limits| setup.settings.apply(limits))
            .build()?;
        let stack = match self {
            Self::Plain => None,
            Self::Stack => {
                let around = Arc::new(PassesOn) as Arc<dyn Middleware>;
                Some(client.middleware_stack([around]).with(PassesOn).build())
            }
        };
        Ok(Certified { client, stack })
    }
}

/// A middleware as there are many: it does something else.
struct PassesOn;

#[async_trait]
impl Middleware for PassesOn {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        next.run(request, extensions).await
    }
}

struct Certified {
    client: Client,
    stack: Option<ClientWithMiddleware>,
}

impl Certified {
    async fn call(&self, ask: &Ask) -> Ending {
        let mut request =
            Request::new(ask.method().clone(), ask.uri().to_string().parse().unwrap());
        request.headers_mut().clone_from(ask.headers());
        *request.timeout_mut() = ask.deadline();
        *request.body_mut() = match ask.body() {
            BodyKind::None => None,
            BodyKind::Replayable => Some(ask.bytes().to_vec().into()),
            BodyKind::OneShot => {
                Some(Chunks::of(ask.bytes(), ask.bytes().len().div_ceil(100).max(1)).into())
            }
        };
        let result = match &self.stack {
            None => self.client.execute(request).await,
            Some(stack) => stack.execute(request).await.map_err(|error| match error {
                reqwest_middleware::Error::Reqwest(error) => Error::Reqwest(error),
                reqwest_middleware::Error::Middleware(error) => error.downcast().unwrap(),
            }),
        };
        match result {
            Ok(response) => {
                let status = response.status().as_u16();
                match response.bytes().await {
                    Ok(body) => Ending::Answered { status, body: body.to_vec() },
                    Err(error) => failure(&error),
                }
            }
            Err(Error::Refused(Refused { refusal, retry_in, .. })) => {
                Ending::refused(&refusal, retry_in)
            }
            Err(Error::ForeignOrigin(_)) => Ending::ForeignOrigin,
            Err(Error::Reqwest(error) | Error::BrokeOff(error)) => failure(&error),
            Err(other) => Ending::Other(other.to_string()),
        }
    }
}

fn failure(error: &reqwest::Error) -> Ending {
    if error.is_timeout() { Ending::TimedOut } else { Ending::Failed }
}

impl Certifiable for Certified {
    fn send(&self, ask: &Ask) -> Ending {
        RUNTIME.block_on(async {
            tokio::select! {
                () = ask.cancelled() => Ending::Cancelled,
                ending = self.call(ask) => ending,
            }
        })
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.client.reset(Credentials::new(&key.id, &key.secret).unwrap());
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        self.client.invalidate(self.client.generation());
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.client.snapshot().map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot = Snapshot::from_json(stored.as_bytes()).unwrap();
        Ok(self.client.resume(&snapshot).is_ok())
    }
}

#[test]
fn waldo_reqwest_passes_every_scenario_that_sockets_can_do() {
    assert_is_certified(Way::Plain, "reqwest");
}

#[test]
fn waldo_reqwest_passes_them_in_a_stack_of_middlewares() {
    assert_is_certified(Way::Stack, "reqwest-middleware");
}

#[expect(
    clippy::print_stdout,
    reason = "a test that fails shows what was printed, here the report"
)]
fn assert_is_certified(way: Way, stack: &str) {
    let report = conformance::certify(&way);
    println!("{report}");
    assert!(report.is_certified());
    // The scenarios whose logins end with their calls.
    assert_eq!(report.skipped(), 3);
    Row::keep_results(stack, &report);
}
