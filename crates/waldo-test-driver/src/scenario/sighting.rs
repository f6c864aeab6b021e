//! One request that the server saw.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, Method};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::breach::Breach;
use super::window::Precision;
use crate::server::Target;

/// The name of a token, by its order of issue. `"login 1"` came with the first granted login.
/// `"renewal 2"` is the second renewed token that came on the response to a call.
///
/// If a token is byte-identical to an earlier one, it keeps the earlier name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TokenName {
    /// The token of the n-th granted login, from 1.
    Login(u32),
    /// The n-th token that came on the response to a call, from 1.
    Renewal(u32),
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login(number) => write!(f, "login {number}"),
            Self::Renewal(number) => write!(f, "renewal {number}"),
        }
    }
}

impl FromStr for TokenName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.split_once(' ').and_then(|(kind, number)| {
            let number = number.parse().ok().filter(|number| *number > 0)?;
            match kind {
                "login" => Some(Self::Login(number)),
                "renewal" => Some(Self::Renewal(number)),
                _ => None,
            }
        });
        name.ok_or_else(|| {
            format!(r#"{text:?} names no token: expected one such as "login 1" or "renewal 2""#)
        })
    }
}

impl<'de> Deserialize<'de> for TokenName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// The server's answer: `200`, `"nothing"`, `"cut_short"`, `"trickle"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Given {
    /// A whole response with this status.
    Status(u16),
    /// No answer: the server hung, or cut the connection.
    Nothing,
    /// The head and half of the body.
    CutShort,
    /// The head, and an endless body, a byte at a time.
    Trickle,
    /// The head, and an endless body, as fast as the client reads.
    Flood,
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Nothing => f.write_str("nothing"),
            Self::CutShort => f.write_str("a response that was cut short"),
            Self::Trickle => f.write_str("a response without an end"),
            Self::Flood => f.write_str("a flood without an end"),
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Forms;

        impl Visitor<'_> for Forms {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a status such as 200, "nothing", "cut_short", "trickle" or "flood""#)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Given, E> {
                status(number, &self).map(Given::Status)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Given, E> {
                match text {
                    "nothing" => Ok(Given::Nothing),
                    "cut_short" => Ok(Given::CutShort),
                    "trickle" => Ok(Given::Trickle),
                    "flood" => Ok(Given::Flood),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        from.deserialize_any(Forms)
    }
}

/// Reads the status of a final response.
pub(super) fn status<E: de::Error>(number: u64, expected: &impl de::Expected) -> Result<u16, E> {
    let status = u16::try_from(number).ok().filter(|status| (200..=999).contains(status));
    status.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), expected))
}

/// The name of a key pair, by the order of the first logins.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PairName {
    pub(super) number: usize,
    id: String,
}

impl PairName {
    pub(super) fn new(number: usize, id: String) -> Self {
        Self { number, id }
    }

    /// Whether this key pair has this API key.
    pub(super) fn is(&self, id: &str) -> bool {
        self.id == id
    }
}

impl fmt::Display for PairName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            1 => f.write_str("the first pair"),
            2 => f.write_str("the second pair"),
            3 => f.write_str("the third pair"),
            number => write!(f, "pair {number}"),
        }
    }
}

/// Like `Display`, which does not show the API key.
impl fmt::Debug for PairName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One request that the server saw, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub(super) target: Target,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    /// All headers except `Authorization`.
    pub(super) headers: HeaderMap,
    pub(super) token: Option<TokenName>,
    /// The key pair of a login.
    pub(super) pair: Option<PairName>,
    /// `None` if the server has not read the body.
    pub(super) body: Option<Vec<u8>>,
    pub(super) given: Given,
    pub(super) given_body: Vec<u8>,
    pub(super) breaches: Vec<Breach>,
    /// The time since the start of the scenario.
    pub(super) at: Duration,
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::Login => match &self.pair {
                Some(pair) => write!(f, "a login as {pair}")?,
                None => f.write_str("a login as nobody")?,
            },
            Target::Calls => match self.token {
                Some(token) => write!(f, "{} with {token}", self.path)?,
                None => write!(f, "{} without a token of this server", self.path)?,
            },
        }
        write!(f, ", given {}, at {}", self.given, Precision::Bounds.tell(self.at))
    }
}
