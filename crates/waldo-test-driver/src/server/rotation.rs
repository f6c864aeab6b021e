//! What happens to a token after its successor is issued.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::{BadWord, duration};

/// What happens to the sent token after the server has issued its successor.
///
/// Written `"lenient"`, `"strict"`, `"grace:5s"`, `"batch:5s"` (or `"batch:5s:restamped"`),
/// `"batch:5s:sent"`, `"batch:5s:blank"`.
///
/// The API does not document its rotation, so a client must work with each of these.
///
/// ```
/// use std::time::Duration;
/// use waldo_test_driver::server::{Echo, Rotation};
///
/// let rotation: Rotation = "batch:5s".parse()?;
/// assert_eq!(rotation, Rotation::Batch { window: Duration::from_secs(5), echo: Echo::Restamped });
/// assert_eq!(rotation.to_string(), "batch:5s");
/// # Ok::<(), waldo_test_driver::server::BadWord>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Rotation {
    /// The old token stays valid until its `exp`, as on most servers.
    #[default]
    Lenient,
    /// The old token is invalid as soon as its successor is issued (tymon/jwt-auth without grace,
    /// warden-jwt_auth).
    ///
    /// A byte-identical successor (no `jti`, same second) retires no token.
    Strict,
    /// The old token stays valid for this time after its first successor (tymon/jwt-auth with
    /// grace).
    Grace(Duration),
    /// The rotation of `devise_token_auth`.
    ///
    /// If the last rotation or batch request of the same login is less than `window` ago, the
    /// request is part of a batch. It extends the window and issues no token, and its response
    /// carries an [`Echo`] of the sent token. Otherwise the request rotates. The newest two tokens
    /// are valid until the next rotation, the third newest token inside the window only, and older
    /// tokens are invalid.
    Batch {
        /// How long after the last rotation a request still belongs to a batch.
        window: Duration,
        /// The token in the response to a batch request.
        echo: Echo,
    },
}

/// The token in the response to a batch request (see [`Rotation::Batch`]).
///
/// `devise_token_auth` sends the sent token and the login's newest expiry in separate fields. A JWT
/// holds its expiry, so both together need a second signature. [`Echo::Restamped`] does this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Echo {
    /// The sent token with the same identity (`jti`, `iat`), and with the expiry of the login's
    /// newest token.
    ///
    /// So a slow response can bring back an older token that seems as new as the newest token.
    #[default]
    Restamped,
    /// The exact bytes of the sent token.
    Sent,
    /// One space, as the same server sends in its non-bearer header.
    Blank,
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lenient => f.write_str("lenient"),
            Self::Strict => f.write_str("strict"),
            Self::Grace(span) => write!(f, "grace:{}", humantime::format_duration(*span)),
            Self::Batch { window, echo } => {
                write!(f, "batch:{}", humantime::format_duration(*window))?;
                match echo {
                    Echo::Restamped => Ok(()),
                    Echo::Sent => f.write_str(":sent"),
                    Echo::Blank => f.write_str(":blank"),
                }
            }
        }
    }
}

impl FromStr for Rotation {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let mut words = text.split(':');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("lenient"), None, None, None) => Ok(Self::Lenient),
            (Some("strict"), None, None, None) => Ok(Self::Strict),
            (Some("grace"), Some(span), None, None) => duration(span).map(Self::Grace),
            (Some("batch"), Some(window), echo, None) => {
                let window = duration(window)?;
                let echo = match echo {
                    None | Some("restamped") => Echo::Restamped,
                    Some("sent") => Echo::Sent,
                    Some("blank") => Echo::Blank,
                    Some(other) => {
                        return Err(BadWord(format!(
                            "{other:?} is no echo: expected restamped, sent or blank"
                        )));
                    }
                };
                Ok(Self::Batch { window, echo })
            }
            _ => Err(BadWord(format!(
                "{text:?} is no rotation: expected lenient, strict, grace:DURATION or batch:DURATION[:restamped|:sent|:blank]"
            ))),
        }
    }
}

impl TryFrom<String> for Rotation {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        text.parse()
    }
}

impl From<Rotation> for String {
    fn from(rotation: Rotation) -> Self {
        rotation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_read_and_written_alike() {
        for text in
            ["lenient", "strict", "grace:1s 500ms", "batch:5s", "batch:5s:sent", "batch:5s:blank"]
        {
            assert_eq!(text.parse::<Rotation>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_rotation_is_answered_with_the_known_ones() {
        for text in
            ["", "loose", "strict:5s", "grace", "grace:soon", "batch:5s:other", "batch:5s:sent:x"]
        {
            let error = text.parse::<Rotation>().unwrap_err().to_string();
            assert!(error.contains("expected") || error.contains("such as"), "{text}: {error}");
        }
    }
}
