//! What the clients have in common: the server, a store if they share one, and the time.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use http::header::DATE;
use http::{HeaderValue, Method, Request, Response, Uri};
use waldo_auth_core::{Config, ConfigBuilder, Credentials, Instant, Now, Snapshot};
use waldo_test_driver::server::{Policy, Server};

use crate::network::Way;

const ORIGIN: &str = "https://api.waldo.example";
static CALL: LazyLock<Uri> =
    LazyLock::new(|| Uri::from_static("https://api.waldo.example/customer?field=id"));
static LOGIN: LazyLock<Uri> =
    LazyLock::new(|| Uri::from_static("https://api.waldo.example/authenticate"));

/// Where a machine's monotonic clock starts.
const UPTIME: Duration = Duration::from_secs(1000);
const BEGAN: Duration = Duration::from_secs(1_800_000_000);

/// A store that processes share. A leader locks it, reads it again, and logs in only if that brings
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) token: Option<Snapshot>,
    pub(crate) locked: bool,
}

/// What the clients have in common.
#[derive(Debug)]
pub(crate) struct Site {
    server: Server,
    pub(crate) store: Option<Store>,
}

impl Site {
    pub(crate) fn new(policy: Policy, store: Option<Store>) -> Self {
        Self { server: Server::new(policy).with_key(Server::KEY_ID, Server::KEY_SECRET), store }
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The server handles a request, by the clock of the node that the way leads to.
    pub(crate) fn answer(
        &mut self,
        request: &Request<Vec<u8>>,
        way: Way,
        at: Duration,
    ) -> Response<Vec<u8>> {
        let shift = Duration::from_secs_f64(way.skew.abs());
        let clock = BEGAN + at;
        let clock = if way.skew < 0.0 { clock.saturating_sub(shift) } else { clock + shift };
        // It is given no faults, so it always answers.
        let mut response = self
            .server
            .handle(request, SystemTime::UNIX_EPOCH + clock)
            .response()
            .unwrap_or_default();
        if !way.stale.is_zero() {
            let date =
                httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + clock.saturating_sub(way.stale));
            if let Ok(date) = HeaderValue::try_from(date) {
                response.headers_mut().insert(DATE, date);
            }
        }
        response
    }
}

/// What a client's clocks show.
pub(crate) fn clocks(at: Duration) -> Now {
    Now::new(UPTIME + at, SystemTime::UNIX_EPOCH + BEGAN + at)
}

/// When a client's monotonic clock shows this instant.
pub(crate) fn time_of(instant: Instant) -> Duration {
    instant.since_start().saturating_sub(UPTIME)
}

/// The request of a call.
pub(crate) fn call() -> Request<Vec<u8>> {
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = CALL.clone();
    request
}

/// The request of a login.
pub(crate) fn login() -> Request<Vec<u8>> {
    let pair = serde_json::json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET });
    let mut request = Request::new(pair.to_string().into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = LOGIN.clone();
    request
}

/// The documented defaults, changed so.
pub(crate) fn config(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Config {
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)
        .unwrap_or_else(|error| unreachable!("the model's own key pair is a good one: {error}"));
    change(Config::builder(ORIGIN, credentials))
        .build()
        .unwrap_or_else(|error| unreachable!("what is tried here is within the ranges: {error}"))
}
