//! Why a call brought no response.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use waldo_auth_client::Refused;
use waldo_auth_core::{AdmitError, ForeignOrigin};

/// Why a call brought no response; each variant says what to do. A status is never an error here:
/// 4xx and 5xx are responses.
///
/// No variant holds a key, a secret or a token, but for what the wrapped service may have put into
/// its own error.
///
/// ```
/// use waldo_tower::{Error, Refusal, Refused};
///
/// fn tell(error: &Error) {
///     match error {
///         Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. }) => eprintln!("look at the key pair"),
///         Error::Refused(Refused { retry_in, .. }) => eprintln!("no token now; again in {retry_in:?}"),
///         error => eprintln!("{error}"),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no token to send the call with, and none in time. The server has not acted on this
    /// call, so it is safe to make it again, though not before `retry_in`.
    ///
    /// This is about logins. A key that is revoked while its token is held shows as a 403 on calls,
    /// with the code `API_KEY_REVOKED` in its body;
    /// [`invalidate`](waldo_auth_client::SharedSession::invalidate) the token, and the next login
    /// says so here.
    Refused(Refused),
    /// The request does not go to the session's origin, the only one that may see the token.
    /// Nothing was sent.
    ForeignOrigin(ForeignOrigin),
    /// The request has so many headers that the token cannot be added. Remove some. Nothing was
    /// sent.
    TooManyHeaders,
    /// The connection broke off while the body was being sent, with this error of the wrapped
    /// service's. The server may have refused the token, and its answer was lost. The server may
    /// also have acted on the request. So the layer did not send the request again.
    ///
    /// The layer sent the head of the request once more, without the body, and got no answer about
    /// the token. If it is safe to make the call again, do so: the next upload asks the server
    /// first.
    BrokeOff(Box<dyn StdError + Send + Sync>),
    /// The wrapped service failed: before the call was sent, or after it, when whether the server
    /// has acted on it is not known; so it was not sent again.
    Inner(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// How long from the error until it makes sense to make the same call again; `None` where time
    /// changes nothing, or where only the caller can know.
    pub fn retry_in(&self) -> Option<Duration> {
        let Self::Refused(Refused { retry_in, .. }) = self else { return None };
        Some(*retry_in)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::TooManyHeaders => AdmitError::TooManyHeaders.fmt(f),
            Self::BrokeOff(error) => write!(
                f,
                "the connection broke off during an upload ({error}); the token may have been refused, so make the \
                 call again if that is safe: it asks the server first"
            ),
            Self::Inner(error) => write!(f, "the request failed: {error}"),
        }
    }
}

impl StdError for Error {
    /// What lies behind the message: it repeats its cause's own words, so the chain goes on behind
    /// that.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(refused) => refused.source(),
            Self::ForeignOrigin(_) | Self::TooManyHeaders => None,
            Self::BrokeOff(error) | Self::Inner(error) => error.source(),
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

impl From<AdmitError> for Error {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::ForeignOrigin(foreign) => Self::ForeignOrigin(foreign),
            AdmitError::TooManyHeaders => Self::TooManyHeaders,
        }
    }
}
