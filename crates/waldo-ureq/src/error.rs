//! Why a call brought no response, and why there is no client to make it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use http::uri::InvalidUri;
use ureq::Timeout;
use waldo_auth_client::{EnvError, Refused};
use waldo_auth_core::{AdmitError, ConfigError, ForeignOrigin, Generation, Origin};

/// Why a call brought no response; each variant says what to do.
///
/// No variant holds a key, a secret or a token.
///
/// ```no_run
/// use waldo_ureq::{Client, Error, Refusal, Refused};
///
/// # fn poll(client: &Client) -> Result<(), Error> {
/// match client.get("/customer").query("field", "id").call() {
///     Ok(response) => println!("{}", response.status()),
///     Err(Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. })) => eprintln!("look at the key pair"),
///     Err(Error::Refused(Refused { retry_in, .. })) => eprintln!("no token now; again in {retry_in:?}"),
///     Err(error) if error.status() == Some(404.try_into().unwrap()) => eprintln!("no such customer"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no token to send the call with, and none in time. The server has not acted on this
    /// call, so it is safe to make it again, though not before `retry_in`.
    ///
    /// This is about logins. A key that is revoked while its token is held shows as a 403 on calls,
    /// with the code `API_KEY_REVOKED` in its body; [`invalidate`](crate::Client::invalidate)
    /// the token, and the next login says so here.
    Refused(Refused),
    /// The URL does not belong to the client's origin, the only one that may see the token. Send
    /// the request with another client, or configure the origin. Nothing was sent.
    ForeignOrigin(ForeignOrigin),
    /// The request has so many headers that the token cannot be added. Remove some. Nothing was
    /// sent.
    TooManyHeaders,
    /// The target is neither a path that begins with `/` nor an absolute URL. Write it like
    /// `/customer`. Nothing was sent.
    Target {
        /// What is wrong with it, if it is no URI at all.
        source: Option<InvalidUri>,
    },
    /// A header's name or value is invalid. Nothing was sent.
    Header(http::Error),
    /// The body could not be written as JSON, made by its factory, or read, or is not as long as
    /// was stated. If it broke off while it was being sent, the server may have seen a part of
    /// it.
    Body(io::Error),
    /// The connection broke off while an upload was being sent, and **the token may have been
    /// refused**. If a server refuses the token before it reads the body, and closes, its 401 is
    /// often lost. The server may also have acted on the part of the body that it has read. The
    /// call was not sent again, because no 401 could be read.
    ///
    /// If it is safe to make the call again, do so. The new upload asks the server first, so the
    /// client sees whether the token is refused, and replaces it. If that fails in the same way,
    /// the token is dropped, and the next call logs in.
    BrokeOff(ureq::Error),
    /// The server answered with this 4xx or 5xx, and the agent's `http_status_as_error` makes an
    /// error of such a status. ureq's default does.
    ///
    /// What a 401 means that was delivered: a [`OneShot`](crate::OneShot) body is spent, and the
    /// next call has a fresh token, so make the call again; with another body, the route
    /// refuses fresh tokens, or so many tokens were dropped lately that this one stays: the
    /// event `throttled` says so.
    #[non_exhaustive]
    Status {
        /// The status.
        status: StatusCode,
        /// The token that the response was an answer to, for
        /// [`Client::invalidate`](crate::Client::invalidate).
        generation: Generation,
    },
    /// ureq's own error: the transport failed, or was too slow. The server may have acted on the
    /// request, so the request was not sent again.
    Ureq(ureq::Error),
}

impl Error {
    /// The status, when the agent's `http_status_as_error` made an error of a 4xx or 5xx.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Ureq(error) => status_of(error),
            Self::Refused(_)
            | Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Target { .. }
            | Self::Header(_)
            | Self::Body(_)
            | Self::BrokeOff(_) => None,
        }
    }

    /// The token that a [status](Self::status) was an answer to, for
    /// [`Client::invalidate`](crate::Client::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        let Self::Status { generation, .. } = self else { return None };
        Some(*generation)
    }

    /// How long from the error until it makes sense to make the same call again; `None` where time
    /// changes nothing, or where only the caller can know.
    pub fn retry_in(&self) -> Option<Duration> {
        let Self::Refused(Refused { retry_in, .. }) = self else { return None };
        Some(*retry_in)
    }
}

/// The status that ureq has made an error of, or a middleware of the user's.
pub(crate) fn status_of(error: &ureq::Error) -> Option<StatusCode> {
    let ureq::Error::StatusCode(status) = error else { return None };
    StatusCode::from_u16(*status).ok()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::TooManyHeaders => AdmitError::TooManyHeaders.fmt(f),
            Self::Target { source: None } => f.write_str("the target is neither a path like /customer nor a URL"),
            Self::Target { source: Some(error) } => {
                write!(f, "the target is no URL ({error}); percent-encode what a URL cannot hold")
            }
            Self::Header(error) => write!(f, "the request has an invalid header: {error}"),
            Self::Body(error) => write!(f, "the request's body could not be produced: {error}"),
            Self::BrokeOff(error) => write!(
                f,
                "the connection broke off during an upload ({error}); the token may have been refused, so make the call \
                 again if that is safe: it asks the server first"
            ),
            Self::Status { status: StatusCode::UNAUTHORIZED, .. } => f.write_str(
                "the server answered 401; if a OneShot was spent, make the call again, else see the tracing events of waldo_auth",
            ),
            Self::Status { status: StatusCode::FORBIDDEN, .. } => f.write_str(
                "the server answered 403; if that may be API_KEY_REVOKED, invalidate the token, and the next login tells",
            ),
            Self::Status { status, .. } => write!(f, "the server answered {}", status.as_u16()),
            Self::Ureq(ureq::Error::Timeout(Timeout::Global)) => f.write_str("the call's deadline has passed"),
            Self::Ureq(error) => write!(f, "the request failed: {error}"),
        }
    }
}

impl StdError for Error {
    /// The cause. The message has the words of an [`io::Error`] already. But the source is still
    /// the `io::Error` itself, so that a program which follows the chain of sources finds it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(refused) => refused.source(),
            Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Target { .. }
            | Self::Status { .. } => None,
            Self::Header(error) => error.source(),
            Self::Body(error) => Some(error),
            Self::BrokeOff(error) | Self::Ureq(error) => cause(error),
        }
    }
}

/// The cause of a ureq error, because ureq does not return it as the source.
fn cause(error: &ureq::Error) -> Option<&(dyn StdError + 'static)> {
    match error {
        ureq::Error::Io(error) => Some(error),
        ureq::Error::Http(error) => Some(error),
        ureq::Error::Protocol(error) => Some(error),
        #[cfg(feature = "rustls-no-provider")]
        ureq::Error::Rustls(error) => Some(error),
        #[cfg(feature = "native-tls")]
        ureq::Error::NativeTls(error) => Some(error),
        ureq::Error::Other(error) => Some(error.as_ref()),
        _ => None,
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<ForeignOrigin> for Error {
    fn from(foreign: ForeignOrigin) -> Self {
        Self::ForeignOrigin(foreign)
    }
}

impl From<AdmitError> for Error {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::ForeignOrigin(foreign) => Self::ForeignOrigin(foreign),
            AdmitError::TooManyHeaders => Self::TooManyHeaders,
        }
    }
}

impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Self {
        Self::Ureq(error)
    }
}

/// Why a client cannot be made from its settings.
///
/// `Debug` prints the same sentence as `Display`, because a `main` that returns an error prints its
/// `Debug`.
#[non_exhaustive]
pub enum BuildError {
    /// An environment variable is missing or unusable.
    Env(EnvError),
    /// A setting of the session is out of its range.
    Config(ConfigError),
    /// The origin is `https`, and this crate was built without TLS. Enable its feature `rustls`, or
    /// `native-tls`.
    ///
    /// Only the features of this crate count. It cannot see the features that another crate enables
    /// in ureq, or the TLS of an agent with a connector of its own.
    NoTls(Origin),
    /// The agent has a setting on which ureq would panic in the thread of a call.
    Agent {
        /// The setting, by the name of its method, such as `tls_config`.
        setting: &'static str,
        /// The fault of the setting, or what to do.
        advice: &'static str,
        /// The error of rustls or of the crate `http`.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::NoTls(origin) => write!(
                f,
                "waldo-ureq was built without TLS, which {origin} needs; enable its feature rustls, or native-tls"
            ),
            Self::Agent { setting, advice, .. } => {
                write!(f, "ureq cannot use the agent's {setting}: {advice}")
            }
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for BuildError {
    /// The cause.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Env(error) => error.source(),
            Self::Config(error) => error.source(),
            Self::NoTls(_) => None,
            Self::Agent { source, .. } => source.as_deref().map(|source| source as _),
        }
    }
}

impl From<EnvError> for BuildError {
    fn from(error: EnvError) -> Self {
        Self::Env(error)
    }
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

#[cfg(test)]
#[cfg(feature = "rustls-no-provider")]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_rustls_keeps_its_cause() {
        let rustls = || ureq::Error::Rustls(rustls::Error::DecryptError);
        for error in [Error::Ureq(rustls()), Error::BrokeOff(rustls())] {
            let cause = error.source().and_then(|source| source.downcast_ref());
            assert_eq!(cause, Some(&rustls::Error::DecryptError));
        }
    }
}
