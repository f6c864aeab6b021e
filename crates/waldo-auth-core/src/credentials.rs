//! The key pair.

use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::hint::black_box;

use zeroize::Zeroizing;

use crate::fingerprint::fingerprint;

#[cfg(feature = "verify")]
use crate::verify::SigningKey;

/// An API key and its client secret. They are redacted in `Debug`, and wiped from memory on drop.
///
/// The API does not document the layout of the key and the secret, so only empty values and white
/// space at the ends are refused.
///
/// ```
/// use waldo_auth_core::Credentials;
///
/// let credentials = Credentials::new("wk.4f…", "ws.9a…")?;
/// assert_eq!(format!("{credentials:?}"), "Credentials(…)");
/// assert!(Credentials::new("wk.4f…", "").is_err());
/// # Ok::<(), waldo_auth_core::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    api_key: Zeroizing<String>,
    client_secret: Zeroizing<String>,
    #[cfg(feature = "verify")]
    signing_key: SigningKey,
}

/// The time of the comparison depends on the lengths only, so it does not show how far two secrets
/// agree.
impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        is_same(&self.api_key, &other.api_key) & is_same(&self.client_secret, &other.client_secret)
    }
}

/// Compares two texts of equal length in constant time.
///
/// The crate `subtle` would do the same, but only the feature `verify` brings it.
fn is_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    // Hide the intermediate result, or the compiler may end the loop at the first difference.
    let difference =
        pairs.fold(0, |difference, (one, other)| black_box(difference | (one ^ other)));
    one.len() == other.len() && difference == 0
}

impl Eq for Credentials {}

impl Credentials {
    /// The key pair as the dashboard shows it.
    ///
    /// # Errors
    /// The key or the secret is empty, or begins or ends with white space. Most often this is a
    /// line end from a file.
    pub fn new(
        api_key: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        // Wrap both values first, so that both are wiped even if one is refused.
        let [api_key, client_secret] = [api_key.into(), client_secret.into()].map(Zeroizing::new);
        let api_key = checked("API key", api_key)?;
        let client_secret = checked("client secret", client_secret)?;
        Ok(Self {
            #[cfg(feature = "verify")]
            signing_key: SigningKey::of(&client_secret),
            api_key,
            client_secret,
        })
    }

    /// The login's JSON body (rule 1).
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Do not build a `serde_json::Value`: it would leave copies of the secret in memory.
        // Reserve the largest size, six bytes for each byte: a buffer that grows leaves a copy
        // behind.
        let mut body = Vec::with_capacity(6 * (self.api_key.len() + self.client_secret.len()) + 64);
        for (before, text) in
            [(r#"{"apiKey":"#, &self.api_key), (r#","clientSecret":"#, &self.client_secret)]
        {
            body.extend_from_slice(before.as_bytes());
            let written = serde_json::to_writer(&mut body, text.as_str());
            debug_assert!(written.is_ok(), "text can always be written to memory");
        }
        body.push(b'}');
        body
    }

    /// Feeds the key and the secret to a hasher of this crate. There is no `Hash`, because it would
    /// feed them to any hasher.
    pub(crate) fn hash(&self, state: &mut impl Hasher) {
        (self.api_key.as_str(), self.client_secret.as_str()).hash(state);
    }

    /// Calls `derive` with the API key and the client secret.
    pub(crate) fn derive<R>(&self, derive: impl FnOnce(&str, &str) -> R) -> R {
        derive(&self.api_key, &self.client_secret)
    }

    /// Whether `text` contains the key or the secret.
    pub(crate) fn occur_in(&self, text: &str) -> bool {
        text.contains(self.api_key.as_str()) || text.contains(self.client_secret.as_str())
    }

    /// The FNV-1a hash of the API key, which tells key pairs apart and does not show the key.
    ///
    /// Sandbox and production share one origin, so a snapshot records the fingerprint of its key.
    /// This prevents mix-ups. It does not stop an attacker, but an attacker with the snapshot
    /// already has the token.
    pub(crate) fn fingerprint(&self) -> u64 {
        fingerprint(self.api_key.as_bytes())
    }

    /// The key of the signature check: the client secret.
    #[cfg(feature = "verify")]
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }
}

fn checked(
    what: &'static str,
    text: Zeroizing<String>,
) -> Result<Zeroizing<String>, CredentialsError> {
    if text.is_empty() {
        return Err(CredentialsError { what, problem: "is empty" });
    }
    if text.trim().len() != text.len() {
        return Err(CredentialsError { what, problem: "begins or ends with white space; trim it" });
    }
    Ok(text)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Why a key pair is refused. The error names the key or the secret and the reason, and never shows
/// the value.
///
/// `Debug` shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CredentialsError {
    what: &'static str,
    problem: &'static str,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} {}", self.what, self.problem)
    }
}

impl fmt::Debug for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_01_the_body_is_json_for_any_key_pair() {
        let credentials = Credentials::new("a\"b\\\u{7}", "ß\n\u{1f600}x").unwrap();
        let body: serde_json::Value = serde_json::from_slice(&credentials.to_json()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"apiKey": "a\"b\\\u{7}", "clientSecret": "ß\n\u{1f600}x"})
        );
    }

    #[test]
    fn rule_20_the_buffer_of_the_body_never_grows() {
        for text in ["\u{1}", "\"", "\\", "\n", "\u{7f}", "a", "ß", "\u{1f600}", "\u{2028}"] {
            let text = format!("x{}x", text.repeat(1000));
            let credentials = Credentials::new(text.as_str(), text.as_str()).unwrap();
            assert_eq!(
                credentials.to_json().capacity(),
                12 * text.len() + 64,
                "{:?}",
                text.get(..8)
            );
        }
    }

    #[test]
    fn blank_halves_and_stray_line_ends_are_refused() {
        for (key, secret, message) in [
            ("", "s", "the API key is empty"),
            ("k", "", "the client secret is empty"),
            ("k\n", "s", "the API key begins or ends with white space; trim it"),
            ("k", " s", "the client secret begins or ends with white space; trim it"),
        ] {
            assert_eq!(Credentials::new(key, secret).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn key_pairs_are_equal_if_both_halves_are() {
        let pair = |key: &str, secret: &str| Credentials::new(key, secret).unwrap();
        assert_eq!(pair("key", "secret"), pair("key", "secret"));
        for (key, secret) in [
            ("Key", "secret"),
            ("key", "Secret"),
            ("key", "secreT"),
            ("ke", "secret"),
            ("key", "secrets"),
            ("secret", "key"),
        ] {
            assert_ne!(pair("key", "secret"), pair(key, secret));
            assert_ne!(pair(key, secret), pair("key", "secret"));
        }
    }

    #[test]
    fn fingerprints_distinguish_different_keys() {
        let of = |key: &str| Credentials::new(key, "s").unwrap().fingerprint();
        assert_eq!(of("sandbox.wk.1"), of("sandbox.wk.1"));
        assert_ne!(of("sandbox.wk.1"), of("wk.1"));
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c, "the published FNV-1a test vector");
    }
}
