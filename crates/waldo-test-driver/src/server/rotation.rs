//! What becomes of a token when its successor is issued.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::{BadWord, duration};

/// What becomes of the token a request carried once the server has issued its successor.
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
    /// The old token stays valid until its `exp`, as most servers have it.
    #[default]
    Lenient,
    /// The old token is dead the moment its successor is issued (tymon/jwt-auth without grace,
    /// warden-jwt_auth).
    ///
    /// A successor that is byte-identical to the token presented (no `jti`, same second) retires
    /// nothing.
    Strict,
    /// The old token lives on for this long, counted from its first successor (tymon/jwt-auth with
    /// grace).
    Grace(Duration),
    /// The rotation of `devise_token_auth`.
    ///
    /// A request rotates, unless the last rotation or batch request of the same login is less than
    /// `window` ago: then it is part of a batch, extends the window, issues nothing, and its
    /// response carries an [`Echo`] of the token it was sent with. The newest token and the one
    /// before it are valid until the next rotation; the one before those only inside the
    /// window; older ones are dead.
    Batch {
        /// How close to the last rotation a request counts as part of a batch.
        window: Duration,
        /// What the response of a batch request carries.
        echo: Echo,
    },
}

/// What the response of a batch request carries (see [`Rotation::Batch`]).
///
/// `devise_token_auth` names the token that was sent beside the login's newest expiry, in separate
/// fields. A JWT has its expiry inside, so being true to both at once takes a second signature:
/// that is [`Echo::Restamped`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Echo {
    /// The identity (`jti`, `iat`) and fate of the token that was sent, with the expiry of the
    /// login's newest token.
    ///
    /// So a slow response can bring back an older token that looks as fresh as the newest.
    #[default]
    Restamped,
    /// The very bytes of the token that was sent.
    Sent,
    /// One space, as the same server does in its non-bearer header.
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
