//! The tokens of the measurements. They are always the same, so that counts repeat.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// The secret that every token is signed with.
pub(crate) const SECRET: &str = "ws.a-secret-of-32-bytes-to-sign.";

/// The `iat` of every token. It lies far in the future, so that no client counts a token as
/// expired.
const ISSUED: u64 = 4_000_000_000;

/// The same instant as a `Date` of the tokens' server.
pub(crate) const DATE: &str = "Tue, 02 Oct 2096 07:06:40 GMT";

const HOUR: u64 = 3600;

/// The smallest length of a subject.
const SUBJECT: usize = 24;

/// One of many roles.
const ROLE: &str = r#""role-000","#;

/// The claims that show the lifetime of a token.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) exp: u64,
    pub(crate) iat: u64,
}

/// The tokens of one chain. Each token ends one second later than the one before. The tokens are
/// minted at their first use.
#[derive(Debug)]
pub(crate) struct Chain {
    size: usize,
    length: usize,
    tokens: OnceLock<Vec<String>>,
}

impl Chain {
    /// A chain of `length` tokens of `size` bytes.
    pub(crate) const fn new(size: usize, length: usize) -> Self {
        Self { size, length, tokens: OnceLock::new() }
    }

    pub(crate) fn tokens(&self) -> &[String] {
        self.tokens
            .get_or_init(|| (0..self.length as u64).map(|number| mint(self.size, number)).collect())
    }
}

/// A token of exactly `size` bytes. Both dates come last, which is the worst place for a reader. A
/// large token has many roles.
///
/// # Panics
/// If no token can have this size.
pub(crate) fn mint(size: usize, number: u64) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signature = URL_SAFE_NO_PAD.encode([0; 32]).len();
    let dates = format!(r#","iat":{ISSUED},"exp":{}}}"#, ISSUED + HOUR + number);
    let room = (size - header.len() - signature - 2) * 3 / 4 - dates.len() - r#"{"sub":"""#.len();
    let roles = roles(room.saturating_sub(SUBJECT) / ROLE.len());
    let subject = "customer-0123456789-".chars().cycle().take(room - roles.len());
    let payload = format!(r#"{{"sub":"{}"{roles}{dates}"#, subject.collect::<String>());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    assert_eq!(token.len(), size, "no token has this size");
    token
}

/// A claim with many roles that fits into `room`. It has one role less than would fit, for its
/// frame.
fn roles(room: usize) -> String {
    let roles: String =
        (1..room).map(|number| ROLE.replace("000", &format!("{number:03}"))).collect();
    if roles.is_empty() { roles } else { format!(r#","roles":[{}]"#, roles.trim_end_matches(',')) }
}
