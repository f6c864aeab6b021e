//! Why a call brought no response.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::iter::successors;
use std::time::Duration;

use http::StatusCode;
use waldo_auth_client::Refused;
use waldo_auth_core::{AdmitError, ApiError, ForeignOrigin, Generation};

use crate::body::OwnBodyFailed;

/// Why a call brought no response. Each variant says what to do. A 4xx or 5xx is a response and no
/// error, unless [`error_for_status`](crate::error_for_status) makes an error of it.
///
/// This crate puts no key, secret or token into an error. The wrapped service is responsible for
/// its own errors. `Debug` shows the same sentence as `Display`, because a `main` that returns the
/// error prints its `Debug`.
///
/// ```
/// use waldo_tower::Error;
///
/// fn report(error: &Error) {
///     if error.is_rejected() {
///         eprintln!("look at the key pair");
///     } else if error.never_sent() {
///         eprintln!("{error}; make the call again in {:?}", error.retry_in());
///     } else {
///         eprintln!("{error}");
///     }
/// }
/// ```
#[non_exhaustive]
pub enum Error {
    /// There is no token, and a login cannot bring one in time: see [`Refused`] for what to do.
    Refused(Refused),
    /// The request goes to another origin than the session's, and only the session's origin may see
    /// the token. Nothing was sent.
    ForeignOrigin(ForeignOrigin),
    /// The request has so many headers that the token cannot be added. Remove some headers. Nothing
    /// was sent.
    TooManyHeaders,
    /// The wrapped service failed before it took the request. Nothing was sent.
    NotReady(Box<dyn StdError + Send + Sync>),
    /// The call's [timeout](crate::WaldoLayer::timeout) has passed before the head of a response
    /// came.
    #[non_exhaustive]
    Timeout {
        /// Whether a sending had begun that has no response, so that the server may have acted on
        /// the call. Otherwise the call was waiting for capacity.
        sent: bool,
    },
    /// The connection broke off during an upload, with this error of the wrapped service. The
    /// server may have refused the token, and its answer was lost. The server may also have acted
    /// on the request. So the layer did not send the request again.
    ///
    /// The layer made a head-only attempt, and got no answer about the token. If it is safe to make
    /// the call again, do so: the next upload asks the server first.
    BrokeOff(Box<dyn StdError + Send + Sync>),
    /// The server answered with a 4xx or 5xx, and
    /// [`error_for_status`](crate::error_for_status) has made an error of it.
    Status(ApiError),
    /// The wrapped service failed. The server may have acted on the call, unless the error
    /// [was never sent](Self::never_sent). So the call was not sent again.
    Inner(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// The API's own error, if [`error_for_status`](crate::error_for_status) has made this error.
    pub fn api(&self) -> Option<&ApiError> {
        let Self::Status(error) = self else { return None };
        Some(error)
    }

    /// The status of the API's own error.
    pub fn status(&self) -> Option<StatusCode> {
        self.api().map(ApiError::status)
    }

    /// The `code` in the body of a 4xx or 5xx, such as `NOT_FOUND`.
    pub fn code(&self) -> Option<&str> {
        self.api()?.code()
    }

    /// The generation of the sent token, if the server answered with a 4xx or 5xx. Use it for
    /// [`SharedSession::invalidate`](crate::SharedSession::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        self.api()?.generation()
    }

    /// How long to wait from the error until the same call may work: until a login may work, or as
    /// long as the `Retry-After` of a 4xx or 5xx asks. `None` if waiting does not help, or if only
    /// the caller can know.
    pub fn retry_in(&self) -> Option<Duration> {
        if let Self::Refused(refused) = self {
            return Some(refused.retry_in);
        }
        self.api()?.retry_after()
    }

    /// Whether the server rejected the key pair, so that calls fail at once. Look at the key pair,
    /// and pass a new one to `reset`.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.is_rejected())
    }

    /// Whether a time limit ended the call: the call's [timeout](crate::WaldoLayer::timeout), or a
    /// wait for a login that the call's time did not allow.
    ///
    /// Of the wrapped service, the method sees an [`io::Error`] of the kind
    /// [`TimedOut`](ErrorKind::TimedOut) among the sources only.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_timeout(),
            Self::Timeout { .. } => true,
            Self::NotReady(error) | Self::BrokeOff(error) | Self::Inner(error) => {
                has_kind(&**error, ErrorKind::TimedOut)
            }
            Self::ForeignOrigin(_) | Self::TooManyHeaders | Self::Status(_) => false,
        }
    }

    /// Whether the server refused the connection.
    ///
    /// The method sees an [`io::Error`] of the kind
    /// [`ConnectionRefused`](ErrorKind::ConnectionRefused) among the sources only. A name that does
    /// not resolve and a failure of TLS have no type that all HTTP clients share. If you know the
    /// client, ask its own error, such as `hyper_util::client::legacy::Error::is_connect`.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::NotReady(error) | Self::Inner(error)
            if has_kind(&**error, ErrorKind::ConnectionRefused))
    }

    /// Whether the server cannot have acted on the call, so that it is safe to make the call again:
    /// the call was not sent, or the server refused its token with a 401 and no new token came.
    ///
    /// A delivered 4xx or 5xx is `false`, because the server has answered the call. If `false`, the
    /// server may have acted on the call. Whether a second call is safe depends on the route. If a
    /// layer below repeats requests, it may have sent the call before the sending that failed. This
    /// method does not see such a sending.
    pub fn never_sent(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::NotReady(_) => true,
            Self::Timeout { sent } => !sent,
            Self::BrokeOff(_) | Self::Status(_) => false,
            Self::Inner(_) => self.is_connect(),
        }
    }
}

/// Whether an [`io::Error`] of this kind is among the causes. The causes of a failed body belong to
/// the caller, and not to the connection.
fn has_kind(error: &(dyn StdError + 'static), kind: ErrorKind) -> bool {
    successors(Some(error), |&error| {
        // `source` of an `io::Error` skips the wrapped error, so read the wrapped error too.
        let within = error.downcast_ref().and_then(io::Error::get_ref);
        within.map(|within| within as &(dyn StdError + 'static)).or_else(|| error.source())
    })
    .take_while(|error| !error.is::<OwnBodyFailed>())
    .filter_map(|error| error.downcast_ref::<io::Error>())
    .any(|error| error.kind() == kind)
}

/// The first cause. The errors above it only say in which step it happened.
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    successors(Some(error), |&error| error.source()).last().unwrap_or(error)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::TooManyHeaders => AdmitError::TooManyHeaders.fmt(f),
            Self::NotReady(error) => {
                write!(f, "the service below is not ready: {}", root(&**error))
            }
            Self::Timeout { sent: true } => {
                f.write_str("the call's timeout has passed before a response came")
            }
            Self::Timeout { sent: false } => f.write_str(
                "the call's timeout has passed before the service below was ready; the server has \
                 not acted on the call",
            ),
            Self::BrokeOff(error) => write!(
                f,
                "the connection broke off during an upload ({}); the token may have been refused, \
                 so make the call again if that is safe: it asks the server first",
                root(&**error)
            ),
            Self::Status(error) => error.fmt(f),
            Self::Inner(error) => match error.source() {
                Some(source) => write!(f, "the request failed: {error}: {}", root(source)),
                None => write!(f, "the request failed: {error}"),
            },
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    /// The causes below the error of the wrapped service. The message has the words of the first
    /// cause, and a program that follows the chain of sources still finds it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(refused) => refused.source(),
            Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Timeout { .. }
            | Self::Status(_) => None,
            Self::NotReady(error) | Self::BrokeOff(error) | Self::Inner(error) => error.source(),
        }
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

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Status(error)
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
