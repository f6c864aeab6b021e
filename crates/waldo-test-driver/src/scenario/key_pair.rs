//! A key pair in a scenario.

use std::fmt;

use serde::Deserialize;

use crate::server::Server;

/// An API key and its client secret: `{"id": "wk.me", "secret": "ws.mine"}`.
///
/// [`KeyPair::default`] is the key pair that [`Server::default`] knows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// The API key.
    pub id: String,
    /// The client secret.
    pub secret: String,
}

impl Default for KeyPair {
    fn default() -> Self {
        Self { id: Server::KEY_ID.to_owned(), secret: Server::KEY_SECRET.to_owned() }
    }
}

/// Does not show the key or the secret.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}
