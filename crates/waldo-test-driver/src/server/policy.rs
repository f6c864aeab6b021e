//! What the server does wherever the API's documents leave a choice.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::accept::Accept;
use super::clock::{BadWord, ClockOffset, duration, spelled, spelled_option};
use super::path;
use super::rotation::Rotation;

/// The documented lifetime of a token.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Everything the API leaves open, or that other servers of the same protocol do differently.
///
/// The default is the documented API in its friendliest reading. As JSON, any subset of the fields
/// may be given; durations are strings such as `"10s"` or `"1500ms"`.
///
/// ```
/// use waldo_test_driver::server::{Policy, RenewalForm, Rotation};
///
/// let policy = Policy { rotation: Rotation::Strict, renewal: RenewalForm::Bare, ..Policy::default() };
/// let same: Policy = serde_json::from_str(r#"{"rotation": "strict", "renewal": "bare"}"#)?;
/// assert_eq!(policy, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
// Exhaustive on purpose: tests build one with `..Policy::default()`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The path of the login; `/authenticate` by default. As JSON it has to be a
    /// [`RequestPath`](super::RequestPath).
    #[serde(deserialize_with = "path::checked::deserialize")]
    pub login_path: String,
    /// How long a token lasts from its minting; one hour by default.
    ///
    /// With [`DateStyle::Whole`], `exp` is the second of the minting plus this, rounded up to
    /// whole seconds. Zero is allowed: a server that rejects what it has just issued.
    #[serde(with = "spelled")]
    pub lifetime: Duration,
    /// How `exp` and `iat` are written.
    pub dates: DateStyle,
    /// The algorithm tokens are signed with. Tokens of another one are invalid from then on.
    pub algorithm: Algorithm,
    /// Which claims a token carries.
    pub claims: Claims,
    /// Where `iat` comes from.
    pub iat: IssuedAt,
    /// How long after its login a chain of renewals ends, independently of `exp` (tymon's
    /// `refresh_ttl`); without end by default.
    #[serde(with = "spelled_option")]
    pub chain_limit: Option<Duration>,
    /// What becomes of a token when its successor is issued.
    pub rotation: Rotation,
    /// How a fresh token is sent.
    pub renewal: RenewalForm,
    /// Which responses to calls carry a fresh token.
    pub renewal_on: RenewalOn,
    /// How a granted login is answered.
    pub login_answer: LoginAnswer,
    /// Whether the login's 200 carries the token in its `Authorization` header as well.
    pub login_header: bool,
    /// Which forms of the request's `Authorization` header are accepted beside `Bearer x`.
    pub accept: Accept,
    /// How far the server's clock is off.
    pub clock_offset: ClockOffset,
    /// What the headers say of the server's clock.
    pub date: DateHeader,
    /// How a call to a path that the API does not have is answered.
    pub unknown_paths: UnknownPaths,
    /// When a call with a body is refused for its token.
    pub refuses: Refuses,
    /// How long the token of a login is refused at first, because not all servers know it yet; no
    /// time by default.
    #[serde(with = "spelled")]
    pub known_after: Duration,
    /// Who answers.
    pub servers: Servers,
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
        }
    }
}

/// How a token's dates are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: a date is whole or it is not.
pub enum DateStyle {
    /// In whole seconds, as almost every library does: `iat` is cut, the lifetime is rounded up.
    #[default]
    Whole,
    /// With milliseconds, where they are not zero; what a lifetime such as `1500ms` needs to be
    /// exact.
    Fractional,
}

/// The HMAC algorithms a token may be signed with; the three that the API's own sample would
/// accept.
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

/// Which claims a token carries; all by default.
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
    /// When it was issued.
    pub iat: bool,
    /// A serial number. Without it, tokens minted for one key within one second are
    /// byte-identical.
    pub jti: bool,
    /// The API key it belongs to.
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
// Exhaustive on purpose: these are the two that were observed.
pub enum IssuedAt {
    /// Each token says when it was minted itself.
    #[default]
    Minted,
    /// A renewed token keeps the `iat` of its login, as tymon/jwt-auth does, so `exp - iat` exceeds
    /// the real lifetime.
    Login,
}

/// How a fresh token is sent in a response's `Authorization` header.
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
    /// One space; no token is issued.
    Blank,
    /// `from scheme response function`, as hapi's own test server sends; no token is issued.
    Malformed,
    /// Three headers: a blank one, `Bearer x`, and a malformed one.
    Several,
    /// `Bearer` and 20 KB that have the shape of a JWT; no token is issued.
    Oversized,
    /// No header; no token is issued.
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
    /// 201 with `{"token": "x"}`, as litestar does.
    Created,
    /// 200 with `{}`, and the token in the `Authorization` header alone, as many servers of this
    /// protocol do.
    Header,
}

/// Which responses to authenticated calls carry a fresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RenewalOn {
    /// Every 2xx, as documented.
    #[default]
    Success,
    /// 200 alone.
    Ok,
    /// Every status, errors too.
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

/// How an authenticated call to a path outside of [`Server::ENDPOINTS`](super::Server::ENDPOINTS)
/// is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnknownPaths {
    /// 200, and what was asked as JSON: `{"method", "path", "bytes"}`.
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
    /// It reads the whole body, and then it answers.
    #[default]
    AfterBody,
    /// It answers on the head with `Connection: close`, and closes the connection without reading
    /// the body.
    OnHead,
    /// It answers on the head, and then it neither reads the body nor closes the connection.
    OnHeadAlone,
}

/// Who answers, while a new signing key is deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: one server has the old key, and one the new.
pub enum Servers {
    /// One server, or several with one signing key.
    #[default]
    Alike,
    /// Two servers answer by turns, the first request by the second. The second one signs with the
    /// key that [`Server::rotate_signing_key`](super::Server::rotate_signing_key) brings, and each
    /// refuses the tokens of the other.
    ByTurns,
}

/// What the response headers tell of the server's clock.
///
/// Written `"present"`, `"absent"`, `"aged:60s"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
// Exhaustive on purpose: a date is there, is not, or is a cache's.
pub enum DateHeader {
    /// A `Date` of the moment of the response.
    #[default]
    Present,
    /// No `Date`.
    Absent,
    /// As a cache answers: an `Age` of this long, in whole seconds, and a `Date` that much in the
    /// past.
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
