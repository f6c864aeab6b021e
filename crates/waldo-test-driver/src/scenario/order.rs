//! One call of a scenario.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use serde::{Deserialize, Deserializer, de};

use super::answer::ExpectedAnswers;
use super::span::Span;
use crate::server::RequestPath;

/// The name of a call: lower-case letters, digits and hyphens, so that it can be a path too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(String);

impl CallId {
    /// The name as a text.
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

/// Whether a call or a scenario may have this name.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

/// The kind of a call's body: absent, replayable, or one-shot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: every body is of one of these kinds.
pub enum BodyKind {
    /// None.
    #[default]
    None,
    /// Bytes, which can be sent again.
    Replayable,
    /// A stream, which can be sent only once.
    OneShot,
}

impl BodyKind {
    /// The bytes of a short body.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Replayable | Self::OneShot => {
                br#"{"customerId": "customer-1", "note": "the body of a call"}"#
            }
        }
    }
}

/// One call: its request and its expected ending.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub(super) id: CallId,
    #[serde(default)]
    method: Option<Verb>,
    #[serde(default)]
    path: Option<RequestPath>,
    #[serde(default)]
    query: Option<Query>,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    pub(super) body: BodyKind,
    /// The size of the body in bytes, if it is not short.
    #[serde(default)]
    pub(super) bytes: Option<usize>,
    #[serde(default)]
    pub(super) deadline: Option<Span>,
    /// A spelling of the client's origin, or another origin.
    #[serde(default)]
    origin: Option<String>,
    /// Whether the call goes to another origin than the client's.
    #[serde(default)]
    pub(super) elsewhere: bool,
    /// The number of equal calls at once.
    #[serde(default = "once")]
    pub(super) times: usize,
    pub(super) answer: ExpectedAnswers,
}

fn once() -> usize {
    1
}

impl Order {
    /// The name of the call.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// The method. Default: `POST` with a body, `GET` without one.
    pub fn method(&self) -> Method {
        match (&self.method, self.body) {
            (Some(Verb(method)), _) => method.clone(),
            (None, BodyKind::None) => Method::GET,
            (None, BodyKind::Replayable | BodyKind::OneShot) => Method::POST,
        }
    }

    /// The path. Default: the name of the call.
    pub fn path(&self) -> String {
        self.path.as_ref().map_or_else(|| format!("/{}", self.id), |path| path.as_str().to_owned())
    }

    /// The query, as it must be sent.
    pub fn query(&self) -> Option<&str> {
        self.query.as_ref().map(|Query(query)| query.as_str())
    }

    /// The user's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers.0
    }

    /// The URI of the call, for a client of the origin `home`. `elsewhere` is another origin.
    ///
    /// The URI is built from its parts, because this keeps the capitals of the scheme.
    ///
    /// # Errors
    /// The scenario spells an origin that no URI can have.
    pub fn uri(&self, home: &str, elsewhere: &str) -> Result<Uri, http::Error> {
        let split = |origin: &str| {
            let (scheme, authority) = origin.split_once("://").unwrap_or((origin, ""));
            (scheme.to_owned(), authority.to_owned())
        };
        let ((home_scheme, home_authority), (_, elsewhere_authority)) =
            (split(home), split(elsewhere));
        let spelled = match &self.origin {
            Some(spelled) => spelled
                .replace("{scheme}", &home_scheme)
                .replace("{SCHEME}", &home_scheme.to_uppercase())
                .replace("{authority}", &home_authority)
                .replace("{AUTHORITY}", &home_authority.to_uppercase())
                .replace("{elsewhere}", &elsewhere_authority),
            None if self.elsewhere => elsewhere.to_owned(),
            None => home.to_owned(),
        };
        let (scheme, authority) = split(&spelled);
        let target = match self.query() {
            Some(query) => format!("{}?{query}", self.path()),
            None => self.path(),
        };
        Uri::builder().scheme(scheme.as_str()).authority(authority).path_and_query(target).build()
    }

    /// The kind of the body.
    pub fn body(&self) -> BodyKind {
        self.body
    }

    /// The bytes of the body.
    pub fn bytes(&self) -> Vec<u8> {
        match self.bytes {
            // Neighbouring bytes differ, so a body with missing bytes is not equal.
            Some(length) => (0..=250).cycle().take(length).collect(),
            None => self.body.bytes().to_vec(),
        }
    }

    /// How long the call may take.
    pub fn deadline(&self) -> Option<Span> {
        self.deadline
    }

    /// The number of equal calls that are started at once.
    pub fn times(&self) -> usize {
        self.times
    }
}

/// A method by its name, such as `"PATCH"`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verb(Method);

impl<'de> Deserialize<'de> for Verb {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let method =
            Method::from_bytes(text.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
        method.map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no method of a call: expected one such as \"PATCH\""
            ))
        })
    }
}

/// A query without its question mark, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Query(String);

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let target = format!("/?{text}");
        let kept = target.parse::<Uri>().is_ok_and(|uri| uri.query() == Some(text.as_str()));
        if !kept || text.contains(char::is_whitespace) {
            return Err(de::Error::custom(format!(
                "{text:?} is no query: expected one such as \"a=1&b=2\""
            )));
        }
        Ok(Self(text))
    }
}

/// The headers of a user, as a list of names and values: `[["x-note", "one"], ["x-note", "two"]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Headers(HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in Vec::<(String, String)>::deserialize(from)? {
            let parsed = (HeaderName::try_from(&name), HeaderValue::from_bytes(value.as_bytes()));
            let (Ok(name), Ok(value)) = parsed else {
                return Err(de::Error::custom(format!(
                    "[{name:?}, {value:?}] is no header: expected one such as [\"x-note\", \"one\"]"
                )));
            };
            headers.append(name, value);
        }
        Ok(Self(headers))
    }
}
