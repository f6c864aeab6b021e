//! `waldo-tower` in a stack of services.
//!
//!     cargo run --example tower
//!
//! The embedding is what stands above the line that ends it: the stacks, for bodies that can be
//! sent again, and for others. What follows shows it at work against an emulator, and exits
//! non-zero when that has counted otherwise than it should.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, ServiceExt};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};
use waldo_tower::{Body, OneShot, SharedSession, Waldo, WaldoLayer};

/// The service below the calls. It counts the requests under way, logins included. A call that
/// waits for a login does not count.
type Below = ConcurrencyLimit<Client<HttpConnector, Body<Full<Bytes>>>>;

/// Two stacks with one token.
#[derive(Clone)]
struct Api {
    /// A body that is `Clone` is sent again when its token is refused.
    again: Waldo<Below>,
    /// A body that can be sent once. If its token is refused, its caller gets the 401, and the
    /// next call logs in.
    once: OneShot<Below>,
}

fn api(session: SharedSession) -> Api {
    let waldo = WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)));
    let below = ConcurrencyLimit::new(Client::builder(TokioExecutor::new()).build_http(), 4);
    Api { again: waldo.layer(below.clone()), once: waldo.one_shot().layer(below) }
}

// Here ends the embedding.

fn main() -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let emulator = Emulator::start(Server::default())?;
    let api = api(SharedSession::new(check::config(&emulator)?));
    let body = |request: Request<Vec<u8>>| request.map(Full::from);
    check::check(&emulator, |request| runtime.block_on(api.again.clone().oneshot(body(request))))?;
    check::sent_once(&emulator, |request| runtime.block_on(api.once.clone().oneshot(body(request))))
}
