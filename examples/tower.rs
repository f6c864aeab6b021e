//! `waldo-tower` in a stack of services.
//!
//!     cargo run --example tower
//!
//! The embedding is what stands above the line that ends it: the stack, and a call with a body that can be sent again, or once.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted otherwise than it should.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;
use tower::limit::ConcurrencyLimit;
use tower::timeout::Timeout;
use tower::{ServiceBuilder, ServiceExt};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};
use waldo_tower::{OneShot, SharedSession, Waldo, WaldoLayer};

/// What the stack is, from the outside in.
type Api = Timeout<Waldo<ConcurrencyLimit<Client<HttpConnector, Full<Bytes>>>>>;

fn stack(session: SharedSession) -> Api {
    ServiceBuilder::new()
        // Around the calls, to bound each as a whole, waiting for a login included.
        .timeout(Duration::from_secs(60))
        .layer(WaldoLayer::new(session, tokio::time::sleep))
        // Below them, where it counts what is under way, logins included; a call that waits for one counts for nothing.
        .concurrency_limit(4)
        .service(Client::builder(TokioExecutor::new()).build_http())
}

/// A body that is `Clone` is sent again when its token is refused.
async fn send(api: &Api, request: Request<Vec<u8>>) -> Result<Response<Incoming>, Failure> {
    api.clone().oneshot(request.map(Full::from)).await
}

/// A body that can be sent once says so by its type. If its token is refused, its caller is told, and the next call logs in.
async fn send_once(api: &Api, request: Request<Vec<u8>>) -> Result<Response<Incoming>, Failure> {
    api.clone().oneshot(request.map(|body| OneShot(Full::from(body)))).await
}

// Here ends the embedding.

fn main() -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let emulator = Emulator::start(Server::default())?;
    let api = stack(SharedSession::new(check::config(&emulator)?));
    check::check(&emulator, |request| runtime.block_on(send(&api, request)))?;
    check::sent_once(&emulator, |request| runtime.block_on(send_once(&api, request)))
}
