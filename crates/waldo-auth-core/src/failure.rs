//! Why a login failed, and why a call is refused.

use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::time::Instant;
use crate::wire;

/// The server's decision that this key pair may not log in (rule 2).
///
/// Another login with the same key pair is useless until somebody acts on the code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    pub(crate) status: StatusCode,
    pub(crate) code: RejectionCode,
}

impl Rejection {
    /// The status of the answer: 400, 401 or 403.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `code` of the answer's body.
    pub fn code(&self) -> &RejectionCode {
        &self.code
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match &self.code {
            RejectionCode::InvalidApiKey => "check the API key and the client secret",
            RejectionCode::ApiKeyRevoked => {
                "activate the API key again on the Waldo dashboard, or use another one"
            }
            RejectionCode::MissingParameters => {
                "the server did not find the key pair in the request; check the login path"
            }
            RejectionCode::Other(_) => "see the Waldo API's documentation for this code",
        };
        write!(f, "login rejected with {} {}: {advice}", self.status.as_u16(), self.code)
    }
}

impl Error for Rejection {}

/// The `code` of a rejected login, as the API documents them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionCode {
    /// `INVALID_API_KEY`: the key or the secret is wrong; the API does not say which.
    InvalidApiKey,
    /// `API_KEY_REVOKED`: the key was deactivated on the dashboard. It can be activated again.
    ApiKeyRevoked,
    /// `MISSING_PARAMETERS`: the server did not find `apiKey` and `clientSecret` in the request.
    MissingParameters,
    /// An undocumented code, at most 64 printable ASCII characters. It is `…` if the text held the
    /// key or the secret.
    Other(Box<str>),
}

impl RejectionCode {
    /// The documented code with this text; `None` for any other text.
    pub(crate) fn documented(text: &str) -> Option<Self> {
        [Self::InvalidApiKey, Self::ApiKeyRevoked, Self::MissingParameters]
            .into_iter()
            .find(|code| code.name() == text)
    }

    /// An undocumented code: the printable characters of this text, at most 64.
    pub(crate) fn other(text: &str) -> Self {
        const MAX_CODE: usize = 64;
        Self::Other(text.chars().filter(char::is_ascii_graphic).take(MAX_CODE).collect())
    }

    /// The code as the server wrote it.
    pub fn as_str(&self) -> &str {
        if let Self::Other(code) = self { code } else { self.name() }
    }

    /// The code as the journal shows it. The journal keeps no text of the server.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::ApiKeyRevoked => "API_KEY_REVOKED",
            Self::MissingParameters => "MISSING_PARAMETERS",
            Self::Other(_) => "OTHER",
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a login brought no token, if the key pair may be right (rule 2). A later login may work.
#[derive(Clone, Debug)]
pub struct Unavailable {
    reason: Reason,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Unavailable {
    /// A failure for `reason`.
    pub fn new(reason: Reason) -> Self {
        Self { reason, retry_after: None, source: None }
    }

    /// A failure without an answer, where the HTTP stack reports this error. The reason comes from
    /// the error and its sources.
    ///
    /// [`Error::source`] returns the error later, so the error must hold no secret.
    ///
    /// ```
    /// use std::io;
    /// use waldo_auth_core::{Reason, Unavailable};
    ///
    /// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    /// assert_eq!(Unavailable::transport(refused).reason(), Reason::ConnectionRefused);
    /// ```
    pub fn transport(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        Self::new(wire::transport_reason(&*error)).with_source(error)
    }

    /// Keeps the error of the HTTP stack for [`Error::source`]. It must hold no secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// What went wrong.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How long the server asked the client to wait (`Retry-After`), capped by the configuration.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// The hash leaves out the source, because the source changes no decision.
impl Hash for Unavailable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { reason, retry_after, source: _ } = self;
        (reason, retry_after).hash(state);
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "login unavailable: {}", self.reason)
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The reason for a failed login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No answer came, and no other variant fits. For example, the connection broke off.
    Transport,
    /// The host's name does not resolve.
    NameResolution,
    /// The origin's host refused the connection at this port.
    ConnectionRefused,
    /// The server's certificate is not trusted, has expired, or belongs to another host.
    Certificate,
    /// The server and this client do not agree on TLS. Most often, the port does not speak TLS.
    Tls,
    /// No answer came in time.
    Timeout,
    /// The code that sent the login panicked.
    Panicked,
    /// The answer is neither a success nor a rejection. For example: a 429, a 5xx, a firewall's
    /// 403, a redirect.
    Status(StatusCode),
    /// The answer is a success, but neither its body nor its headers hold a usable JWT.
    NoToken,
    /// The answer has this status and a compressed body, but the login did not ask for compression.
    Compressed(StatusCode),
    /// The answer's body is larger than 64 KiB.
    BodyTooLarge,
    /// The answer's token is not signed with the client secret, and the configuration asks for a
    /// signature.
    BadSignature,
    /// The answer's token had ended when it arrived, because the login took longer than a token
    /// lasts.
    DeadOnArrival,
}

impl Reason {
    /// The status of the answer, if the status is the reason or a part of it.
    pub(crate) fn status(self) -> Option<StatusCode> {
        match self {
            Self::Status(status) | Self::Compressed(status) => Some(status),
            Self::Transport
            | Self::NameResolution
            | Self::ConnectionRefused
            | Self::Certificate
            | Self::Tls
            | Self::Timeout
            | Self::Panicked
            | Self::NoToken
            | Self::BodyTooLarge
            | Self::BadSignature
            | Self::DeadOnArrival => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport => f.write_str("the server could not be reached, or the connection broke off; check the origin and the network"),
            Self::NameResolution => f.write_str("the server's name does not resolve; check the host in the origin, and this machine's DNS"),
            Self::ConnectionRefused => f.write_str("the server refused the connection; check the port in the origin, and that something listens there"),
            Self::Certificate => f.write_str(
                "the server's certificate is not trusted; check the host in the origin, this machine's clock, and the root certificates that the HTTP client has",
            ),
            Self::Tls => f.write_str("the server and this client do not agree on TLS; check the scheme and the port in the origin"),
            Self::Timeout => f.write_str("the server did not answer in time"),
            Self::Panicked => f.write_str("the code that sent the login panicked; look at the message of the panic"),
            Self::Status(status) if status.is_client_error() && *status != StatusCode::TOO_MANY_REQUESTS => {
                write!(f, "the server answered {}, and not as the API does; check the origin, the login path and proxies", status.as_u16())
            }
            Self::Status(status) => write!(f, "the server answered {}", status.as_u16()),
            Self::NoToken => f.write_str("the answer holds no usable token; check the origin and the login path"),
            Self::Compressed(status) => write!(
                f,
                "the server answered {} with a compressed body, which nobody asked for; switch compression off at the server or its proxy",
                status.as_u16()
            ),
            Self::BodyTooLarge => f.write_str("the answer is larger than 64 KiB; check the origin and the login path"),
            Self::BadSignature => f.write_str(
                "the token is not signed with the client secret; switch the signature check off if the server signs with another key",
            ),
            Self::DeadOnArrival => f.write_str("the token had ended when it arrived; logging in takes longer than a token lasts"),
        }
    }
}

/// Why a call was not sent, or not sent again after a 401. The server has not acted on a refused
/// call: it has not seen the call, or has answered it with a 401.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The server has rejected the key pair. Act on the rejection's code, then
    /// [`reset`](crate::Session::reset) the session, or wait for the probe.
    Rejected {
        /// The server's decision.
        rejection: Rejection,
        /// When one call may try again, because the key may have been activated again by then.
        retry_at: Instant,
    },
    /// The call has waited through the maximum number of failed logins. Try again later.
    Unavailable {
        /// The last failure.
        failure: Unavailable,
        /// When the next login may start.
        retry_at: Instant,
    },
    /// The call's deadline comes before a login can bring a token.
    Deadline {
        /// When to try again: at the end of the backoff. If a login is under way, it is one second
        /// from now at most, because the login has most likely ended by then.
        retry_at: Instant,
        /// The failed login that caused the backoff; `None` if no backoff is under way.
        failure: Option<Unavailable>,
    },
}

impl Refusal {
    /// When to try again, by the embedder's monotonic clock.
    pub fn retry_at(&self) -> Instant {
        match self {
            Self::Rejected { retry_at, .. }
            | Self::Unavailable { retry_at, .. }
            | Self::Deadline { retry_at, .. } => *retry_at,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { rejection, .. } => rejection.fmt(f),
            Self::Unavailable { failure, .. } => failure.fmt(f),
            Self::Deadline { failure: Some(failure), .. } => {
                write!(f, "the call's deadline comes before the next login can bring a token; {failure}")
            }
            Self::Deadline { failure: None, .. } => f.write_str(
                "the call's deadline comes before a login can bring a token; give the call more time, or ask \
                     for a token ahead",
            ),
        }
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The message repeats the words of the cause, so the source is the cause's own source.
        match self {
            Self::Rejected { rejection, .. } => rejection.source(),
            Self::Unavailable { failure, .. } => failure.source(),
            Self::Deadline { failure, .. } => failure.as_ref().and_then(Error::source),
        }
    }
}
