//! The origins and key pairs of the clients.

use std::sync::LazyLock;

use http::Uri;
use waldo_auth_core::{Config, Credentials};

use waldo_test_driver::server::Server;

const ORIGIN: &str = "https://api.waldo.example";
pub(super) static CALL: LazyLock<Uri> =
    LazyLock::new(|| Uri::from_static("https://api.waldo.example/customer?field=id"));
pub(super) static ABROAD: LazyLock<Uri> =
    LazyLock::new(|| Uri::from_static("https://elsewhere.example/customer?field=id"));

/// The key pairs that the server knows. A client begins with the first key pair.
pub(crate) const KEYS: [(&str, &str); 2] =
    [(Server::KEY_ID, Server::KEY_SECRET), ("wk.sandbox.other", "ws.sandbox.other")];

pub(super) fn config(seed: u64) -> Config {
    Config::builder(ORIGIN, credentials(0))
        .jitter_seed(seed)
        .build()
        .unwrap_or_else(|error| unreachable!("the model's own origin is a good one: {error}"))
}

pub(super) fn credentials(pair: usize) -> Credentials {
    let (key, secret) = if pair == 0 { KEYS[0] } else { KEYS[1] };
    Credentials::new(key, secret)
        .unwrap_or_else(|error| unreachable!("the model's own key pair is a good one: {error}"))
}
