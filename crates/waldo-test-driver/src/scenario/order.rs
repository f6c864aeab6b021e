//! One call, as a scenario asks for it.

use std::fmt;

use http::Method;
use serde::{Deserialize, Deserializer, de};

use super::answer::ExpectedAnswer;
use super::span::Span;
use crate::server::RequestPath;

/// The name of a call: small letters, digits and hyphens, so that it can be a path too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(String);

impl CallId {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if !is_name(&text) {
            return Err(de::Error::custom(format!(
                "{text:?} cannot name a call: use small letters, digits and hyphens, such as \"slow-1\""
            )));
        }
        Ok(Self(text))
    }
}

/// Whether a call or a scenario may be named so.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

/// The body of a call: absent, of a kind that can be produced again, or of a kind that cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: a body is one of these.
pub enum BodyKind {
    /// None.
    #[default]
    None,
    /// Bytes, which can be sent again.
    Replayable,
    /// A stream, which can be sent once.
    OneShot,
}

impl BodyKind {
    /// The bytes of the body.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Replayable | Self::OneShot => {
                br#"{"customerId": "customer-1", "note": "the body of a call"}"#
            }
        }
    }
}

/// One call: what is asked, and how it must end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub(super) id: CallId,
    #[serde(default)]
    path: Option<RequestPath>,
    #[serde(default)]
    pub(super) body: BodyKind,
    #[serde(default)]
    pub(super) deadline: Option<Span>,
    /// To another origin than the client's.
    #[serde(default)]
    pub(super) elsewhere: bool,
    /// So many at once.
    #[serde(default = "once")]
    pub(super) times: usize,
    pub(super) answer: ExpectedAnswer,
}

fn once() -> usize {
    1
}

impl Order {
    /// Its name.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// The method: `POST` with a body, else `GET`.
    pub fn method(&self) -> Method {
        match self.body {
            BodyKind::None => Method::GET,
            BodyKind::Replayable | BodyKind::OneShot => Method::POST,
        }
    }

    /// The path: the one that is given, else the call's name.
    pub fn path(&self) -> String {
        self.path.as_ref().map_or_else(|| format!("/{}", self.id), |path| path.as_str().to_owned())
    }

    /// Its body.
    pub fn body(&self) -> BodyKind {
        self.body
    }

    /// How long the call may take.
    pub fn deadline(&self) -> Option<Span> {
        self.deadline
    }

    /// Whether it goes to another origin than the client's.
    pub fn goes_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// How many such calls are started at once.
    pub fn times(&self) -> usize {
        self.times
    }
}
