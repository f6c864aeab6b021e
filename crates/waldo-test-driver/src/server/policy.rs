//! The behaviour of the server that the API's documents leave open.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::accept::Accept;
use super::clock::{BadWord, ClockOffset, duration, spelled, spelled_option};
use super::evaluation::EvaluationEnd;
use super::path;
use super::rotation::Rotation;

/// The documented lifetime of a token.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The behaviour that the API leaves open, or in which other servers of the protocol differ.
///
/// The default is the documented API, read in the client's favour. In JSON, all fields are
/// optional, and durations are strings such as `"10s"` or `"1500ms"`.
///
/// ```
/// use waldo_test_driver::server::{Policy, RenewalForm, Rotation};
///
/// let (rotation, renewal) = (Rotation::Strict, RenewalForm::Bare);
/// let policy = Policy { rotation, renewal, ..Policy::default() };
/// let same: Policy = serde_json::from_str(r#"{"rotation": "strict", "renewal": "bare"}"#)?;
/// assert_eq!(policy, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
// Exhaustive on purpose: tests build one with `..Policy::default()`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The path of the login. Default: `/authenticate`. In JSON it must be a
    /// [`RequestPath`](super::RequestPath).
    #[serde(deserialize_with = "path::checked::deserialize")]
    pub login_path: String,
    /// The lifetime of a token. Default: 1 h.
    ///
    /// With [`DateStyle::Whole`], `exp` is the second of the minting plus the lifetime, rounded up
    /// to whole seconds. Zero is allowed: such a server refuses its new tokens.
    #[serde(with = "spelled")]
    pub lifetime: Duration,
    /// How `exp` and `iat` are written.
    pub dates: DateStyle,
    /// The algorithm that signs tokens. Tokens with another algorithm are invalid.
    pub algorithm: Algorithm,
    /// Which claims a token carries.
    pub claims: Claims,
    /// Where `iat` comes from.
    pub iat: IssuedAt,
    /// How long after its login a chain of renewals ends, independently of `exp` (tymon's
    /// `refresh_ttl`). Default: never.
    #[serde(with = "spelled_option")]
    pub chain_limit: Option<Duration>,
    /// What becomes of a token when its successor is issued.
    pub rotation: Rotation,
    /// The form of a renewed token in a response.
    pub renewal: RenewalForm,
    /// Which responses to calls carry a renewed token.
    pub renewal_on: RenewalOn,
    /// How a granted login is answered.
    pub login_answer: LoginAnswer,
    /// Whether the login's 200 also carries the token in its `Authorization` header.
    pub login_header: bool,
    /// The forms of a request's `Authorization` header that are accepted besides `Bearer x`.
    pub accept: Accept,
    /// The offset of the server's clock.
    pub clock_offset: ClockOffset,
    /// The headers about the server's clock.
    pub date: DateHeader,
    /// How a call to a path that the API does not have is answered.
    pub unknown_paths: UnknownPaths,
    /// When a call with a body is refused for its token.
    pub refuses: Refuses,
    /// How long the token of a login is refused at first, because not all servers know it yet.
    /// Default: zero.
    #[serde(with = "spelled")]
    pub known_after: Duration,
    /// The servers that answer.
    pub servers: Servers,
    /// When an evaluation ends. Default: never.
    pub evaluations: EvaluationEnd,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            login_path: "/authenticate".to_owned(),
            lifetime: HOUR,
            dates: DateStyle::default(),
            algorithm: Algorithm::default(),
            claims: Claims::default(),
            iat: IssuedAt::default(),
            chain_limit: None,
            rotation: Rotation::default(),
            renewal: RenewalForm::default(),
            renewal_on: RenewalOn::default(),
            login_answer: LoginAnswer::default(),
            login_header: false,
            accept: Accept::default(),
            clock_offset: ClockOffset::default(),
            date: DateHeader::default(),
            unknown_paths: UnknownPaths::default(),
            refuses: Refuses::default(),
            known_after: Duration::ZERO,
            servers: Servers::default(),
            evaluations: EvaluationEnd::default(),
        }
    }
}

/// How a token's dates are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: a date is either whole or fractional.
pub enum DateStyle {
    /// In whole seconds, as in almost all libraries. `iat` is rounded down, and the lifetime is
    /// rounded up.
    #[default]
    Whole,
    /// With milliseconds if they are not zero. A lifetime such as `1500ms` needs this style to be
    /// exact.
    Fractional,
}

/// The HMAC algorithms that may sign a token. The API's own sample accepts these three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// Exhaustive on purpose: a shared secret admits no other algorithm.
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

/// Which claims a token carries. Default: all.
// Exhaustive on purpose: tests build one with `..Claims::default()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent switches, each named after its claim"
)]
pub struct Claims {
    /// The expiry. Without it the server still forgets the token when its lifetime ends.
    pub exp: bool,
    /// The time of issue.
    pub iat: bool,
    /// A serial number. Without it, tokens minted for one key within one second are
    /// byte-identical.
    pub jti: bool,
    /// The API key of the token.
    pub sub: bool,
}

impl Default for Claims {
    fn default() -> Self {
        Self { exp: true, iat: true, jti: true, sub: true }
    }
}

/// Where a token's `iat` comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: these are the two ways that were observed.
pub enum IssuedAt {
    /// Each token has its own time of minting.
    #[default]
    Minted,
    /// A renewed token keeps the `iat` of its login, as in tymon/jwt-auth. So `exp - iat` is longer
    /// than the real lifetime.
    Login,
}

/// The form of a renewed token in a response's `Authorization` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RenewalForm {
    /// `Bearer x`, as documented.
    #[default]
    Bearer,
    /// `bearer x`.
    LowerCase,
    /// `Bearer:x`.
    Colon,
    /// `x`, as the API's own sample expects it.
    Bare,
    /// `Bearer Bearer x`.
    Doubled,
    /// One space. No token is issued.
    Blank,
    /// `from scheme response function`, which hapi's own test server sends. No token is issued.
    Malformed,
    /// Three headers: a blank one, `Bearer x`, and a malformed one.
    Several,
    /// `Bearer` and 20 KB with the shape of a JWT. No token is issued.
    Oversized,
    /// No header. No token is issued.
    None,
}

/// How a granted login is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginAnswer {
    /// 200 with `{"token": "x"}`, as documented.
    #[default]
    Body,
    /// 200 with `{"token": "Bearer x"}`.
    Prefixed,
    /// 201 with `{"token": "x"}`, which litestar sends.
    Created,
    /// 200 with `{}`, and the token in the `Authorization` header only. Many servers of this
    /// protocol send it.
    Header,
}

/// Which responses to authenticated calls carry a renewed token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RenewalOn {
    /// Every 2xx, as documented.
    #[default]
    Success,
    /// Status 200 only.
    Ok,
    /// All statuses, including errors.
    All,
}

impl RenewalOn {
    pub(super) fn covers(self, status: StatusCode) -> bool {
        match self {
            Self::Success => status.is_success(),
            Self::Ok => status == StatusCode::OK,
            Self::All => true,
        }
    }
}

/// The answer to an authenticated call to a path outside
/// [`Server::ENDPOINTS`](super::Server::ENDPOINTS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnknownPaths {
    /// 200, with the request as JSON: `{"method", "path", "bytes"}`.
    #[default]
    Echo,
    /// The documented 404 `NOT_FOUND`, so that a mistyped path fails.
    NotFound,
}

/// When the server refuses a call with a body for its token: after it has read the body, or before.
///
/// The model gives the same answer in each case. The program around the model must ask
/// [`Server::refuses_on_head`](super::Server::refuses_on_head) before it reads a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refuses {
    /// The server reads the whole body before it answers.
    #[default]
    AfterBody,
    /// The server answers on the head with `Connection: close`, and closes the connection without
    /// reading the body.
    OnHead,
    /// The server answers on the head, leaves the body unread, and keeps the connection open.
    OnHeadAlone,
}

/// The servers that answer while a new signing key is deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: one server has the old key, and one has the new key.
pub enum Servers {
    /// One server, or several with one signing key.
    #[default]
    Alike,
    /// Two servers answer in turn, beginning with the second server. The second server signs with
    /// the key that [`Server::rotate_signing_key`](super::Server::rotate_signing_key) will bring.
    /// Each server refuses the tokens of the other.
    ByTurns,
}

/// The response headers about the server's clock.
///
/// Written `"present"`, `"absent"`, `"aged:60s"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
// Exhaustive on purpose: a date is present, absent, or from a cache.
pub enum DateHeader {
    /// A `Date` with the time of the response.
    #[default]
    Present,
    /// No `Date`.
    Absent,
    /// The headers of a cache: an `Age` of this time in whole seconds, and a `Date` that lies this
    /// time in the past.
    Aged(Duration),
}

impl fmt::Display for DateHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("present"),
            Self::Absent => f.write_str("absent"),
            Self::Aged(age) => write!(f, "aged:{}", humantime::format_duration(*age)),
        }
    }
}

impl FromStr for DateHeader {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        match text.split_once(':') {
            None if text == "present" => Ok(Self::Present),
            None if text == "absent" => Ok(Self::Absent),
            Some(("aged", age)) => duration(age).map(Self::Aged),
            _ => Err(BadWord(format!(
                "{text:?} is no date header: expected present, absent or aged:DURATION"
            ))),
        }
    }
}

impl TryFrom<String> for DateHeader {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        text.parse()
    }
}

impl From<DateHeader> for String {
    fn from(date: DateHeader) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_survives_json_and_unknown_fields_are_named() {
        let policy = Policy {
            lifetime: Duration::from_millis(1500),
            chain_limit: Some(Duration::from_secs(60)),
            date: DateHeader::Aged(Duration::from_secs(5)),
            clock_offset: ClockOffset::Behind(Duration::from_secs(9)),
            unknown_paths: UnknownPaths::NotFound,
            evaluations: EvaluationEnd::Polls(3),
            ..Policy::default()
        };
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy, "{json}");
        let error = serde_json::from_str::<Policy>(r#"{"lifetme": "5s"}"#).unwrap_err().to_string();
        assert!(error.contains("lifetme") && error.contains("lifetime"), "{error}");
        let error =
            serde_json::from_str::<Policy>(r#"{"login_path": "login"}"#).unwrap_err().to_string();
        assert!(error.contains("must begin with /"), "{error}");
        for bad in ["late", "aged", "aged:soon", "present:5s"] {
            assert!(bad.parse::<DateHeader>().is_err(), "{bad}");
        }
    }
}
