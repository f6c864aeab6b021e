//! waldo-tower passes the conformance suite on real sockets, over hyper-util's client.

#![expect(clippy::unwrap_used, reason = "what cannot be built fails the test")]

#[cfg(test)]
#[path = "../../../examples/tests/conformance/row.rs"]
mod row;

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt};
use waldo_conformance::{
    self as conformance, Adapter, Ask, BodyKind, Client, Ending, KeyPair, Lacking, Need, Setup,
};
use waldo_tower::{
    Body, Credentials, Error, MaxWait, Refused, SharedSession, Snapshot, Waldo, WaldoLayer, config,
};

use crate::row::Row;

/// The adapter over hyper-util's client. The calls of all its clients are tasks of one thread, so
/// one that blocked it would be told.
struct Tower(Runtime);

impl Adapter for Tower {
    type Client = TowerClient;

    fn lacks(&self) -> &[Need] {
        // A login goes on behind its call.
        &[Need::TiedLogins]
    }

    fn client(&self, setup: &Setup) -> Result<TowerClient, Box<dyn StdError>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = setup.settings.apply(config(credentials).origin(&setup.origin)).build()?;
        let layer = WaldoLayer::new(SharedSession::new(config), tokio::time::sleep, |login| {
            drop(tokio::spawn(login));
        });
        let hyper = Hyper::builder(TokioExecutor::new()).build_http();
        Ok(TowerClient { service: layer.layer(hyper), runtime: self.0.handle().clone() })
    }
}

struct TowerClient {
    service: Service,
    runtime: tokio::runtime::Handle,
}

type Service = Waldo<Hyper<HttpConnector, Body<Full<Bytes>>>>;

async fn call(service: Service, ask: &Ask) -> Result<Ending, Error> {
    let deadline = ask.deadline().unwrap_or(Duration::from_secs(20));
    let mut request = ask.request().clone().map(Full::from);
    request.extensions_mut().insert(MaxWait(deadline));
    let whole = async {
        let response = match ask.body() {
            BodyKind::None | BodyKind::Replayable => service.oneshot(request).await?,
            BodyKind::OneShot => service.one_shot().oneshot(request).await?,
        };
        let status = response.status().as_u16();
        let Ok(body) = response.into_body().collect().await else { return Ok(Ending::Failed) };
        Ok(Ending::Answered { status, body: body.to_bytes().to_vec() })
    };
    // The session refuses a call at its deadline, and says why; so what only cuts it off comes a
    // moment later.
    let late = deadline + Duration::from_millis(50);
    tokio::select! {
        biased;
        () = ask.cancelled() => Ok(Ending::Cancelled),
        ended = tokio::time::timeout(late, whole) => ended.unwrap_or(Ok(Ending::TimedOut)),
    }
}

impl Client for TowerClient {
    fn send(&self, ask: &Ask) -> Ending {
        let (service, asked) = (self.service.clone(), ask.clone());
        let task = self.runtime.spawn(async move { call(service, &asked).await });
        match self.runtime.block_on(task).unwrap() {
            Ok(ending) => ending,
            Err(Error::Refused(Refused { refusal, retry_in, .. })) => {
                Ending::refused(&refusal, retry_in)
            }
            Err(Error::ForeignOrigin(_)) => Ending::ForeignOrigin,
            Err(Error::Inner(_) | Error::BrokeOff(_)) => Ending::Failed,
            Err(other) => Ending::Other(other.to_string()),
        }
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.service.layer().session().reset(Credentials::new(&key.id, &key.secret).unwrap());
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        let session = self.service.layer().session();
        session.invalidate(session.generation());
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.service.layer().session().snapshot().map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot = Snapshot::from_json(stored.as_bytes()).unwrap();
        Ok(self.service.layer().session().resume(&snapshot).is_ok())
    }
}

#[test]
fn waldo_tower_passes_every_scenario_that_sockets_can_do() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let report = conformance::certify(&Tower(runtime));
    println!("{report}");
    assert!(report.is_certified());
    Row::keep_results("tower", &report);
}
