//! An emulator, and a client of it that is built as most are.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, Service, ServiceExt};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_tower::http::{Request, Response};
use waldo_tower::{
    Body, ConfigBuilder, Credentials, Error, SharedSession, Waldo, WaldoLayer, config,
};

/// A test that takes longer hangs; so does one that is ended by a login's lease of half a minute.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) type Hyper = Client<HttpConnector, Body<Full<Bytes>>>;

/// An emulator whose tokens last an hour and renew themselves.
pub(crate) fn emulator() -> Emulator {
    Emulator::start(Server::default()).unwrap()
}

pub(crate) fn settings(origin: &str) -> ConfigBuilder {
    config(Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap()).origin(origin)
}

pub(crate) fn layer(settings: ConfigBuilder) -> WaldoLayer {
    layer_of(SharedSession::new(settings.build().unwrap()))
}

pub(crate) fn layer_of(session: SharedSession) -> WaldoLayer {
    WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)))
}

pub(crate) fn hyper() -> Hyper {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) fn service(emulator: &Emulator) -> Waldo<Hyper> {
    layer(settings(&emulator.origin())).layer(hyper())
}

pub(crate) fn get(emulator: &Emulator, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("{}{path}", emulator.origin())).body(Full::default()).unwrap()
}

/// The status of a call.
pub(crate) async fn status<S, R>(service: S, request: Request<Full<Bytes>>) -> Result<u16, Error>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error = Error>,
{
    service.oneshot(request).await.map(|response| response.status().as_u16())
}

/// Runs a test on a runtime of several threads, and fails it when it hangs.
pub(crate) fn on_a_runtime<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(TIMEOUT, test).await });
    ended.unwrap_or_else(|_| panic!("no end within {TIMEOUT:?}"))
}

/// Waits, on a thread where that hurts nobody, until so many requests stand at gates.
pub(crate) async fn until_held(emulator: &Arc<Emulator>, count: usize) {
    let emulator = Arc::clone(emulator);
    let held = tokio::task::spawn_blocking(move || emulator.wait_until_held(count, TIMEOUT))
        .await
        .unwrap();
    assert!(held, "no {count} requests at the gate");
}
