//! The requests that the server must see.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::order::CallId;
use super::sighting::{Given, TokenName};
use super::window::Window;

/// One line of the expected requests: one request, or several in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedSeen(pub(super) Vec<ExpectedRequest>);

/// A request, or several equal requests: `{"login": 200}`, `{"call": "a", "token": "login 1",
/// "given": 200, "times": 16}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedRequest {
    pub(super) kind: RequestKind,
    pub(super) given: Given,
    pub(super) times: Times,
    pub(super) at: Option<Window>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    Login { key: Option<String> },
    Call { id: CallId, token: TokenName },
}

/// The number of equal requests: `16`, or a range such as `[1, 2]`, because HTTP stacks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "TimesForm")]
pub(super) struct Times {
    pub(super) least: usize,
    pub(super) most: usize,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number such as 16, or the least and the most such as [1, 2]")]
enum TimesForm {
    Exactly(usize),
    Between(usize, usize),
}

impl From<TimesForm> for Times {
    fn from(form: TimesForm) -> Self {
        match form {
            TimesForm::Exactly(times) => Self { least: times, most: times },
            TimesForm::Between(least, most) => Self { least, most },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    login: Option<Given>,
    key: Option<String>,
    call: Option<CallId>,
    token: Option<TokenName>,
    given: Option<Given>,
    times: Option<Times>,
    at: Option<Window>,
}

const EXAMPLE: &str = r#"{"login": 200} or {"call": "a", "token": "login 1", "given": 200}"#;

impl TryFrom<Form> for ExpectedRequest {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let Form { login, key, call, token, given, times, at } = form;
        let (kind, given) = match (login, key, call, token, given) {
            (Some(given), key, None, None, None) => (RequestKind::Login { key }, given),
            (None, None, Some(id), Some(token), Some(given)) => {
                (RequestKind::Call { id, token }, given)
            }
            _ => {
                return Err(format!(
                    r#"this is neither a login, with "login" and perhaps "key", nor a call, with "call", "token" and "given": expected {EXAMPLE}"#
                ));
            }
        };
        let times = times.unwrap_or(Times { least: 1, most: 1 });
        if times.most == 0 {
            return Err("what is seen no times is left out".to_owned());
        }
        if times.least > times.most {
            return Err("times: the least comes first, as in [1, 2]".to_owned());
        }
        Ok(Self { kind, given, times, at })
    }
}

impl<'de> Deserialize<'de> for ExpectedRequest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Form::deserialize(from)?.try_into().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ExpectedSeen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = ExpectedSeen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "a request such as {EXAMPLE}, or a list of requests that come in any order"
                )
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExpectedSeen, A::Error> {
                let request =
                    ExpectedRequest::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ExpectedSeen(vec![request]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ExpectedSeen, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(ExpectedSeen)
            }
        }

        from.deserialize_any(Forms)
    }
}
