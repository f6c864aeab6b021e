//! Why a call brought no response.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use waldo_auth_client::Refused;
use waldo_auth_core::{AdmitError, ForeignOrigin};

/// Why a call brought no response. Each variant says what to do. A 4xx or 5xx is a response and no
/// error.
///
/// This crate puts no key, secret or token into an error. The wrapped service is responsible for
/// its own errors.
///
/// ```
/// use waldo_tower::{Error, Refusal, Refused};
///
/// fn tell(error: &Error) {
///     match error {
///         Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. }) => {
///             eprintln!("look at the key pair")
///         }
///         Error::Refused(Refused { retry_in, .. }) => {
///             eprintln!("no token now; again in {retry_in:?}")
///         }
///         error => eprintln!("{error}"),
///     }
/// }
/// ```
#[derive(Debug)]
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
    /// The connection broke off during an upload, with this error of the wrapped service. The
    /// server may have refused the token, and its answer was lost. The server may also have acted
    /// on the request. So the layer did not send the request again.
    ///
    /// The layer made a head-only attempt, and got no answer about the token. If it is safe to make
    /// the call again, do so: the next upload asks the server first.
    BrokeOff(Box<dyn StdError + Send + Sync>),
    /// The wrapped service failed. The server may have acted on the call, so the call was not sent
    /// again.
    Inner(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// How long to wait from the error until the same call may work. `None` if waiting does not
    /// help, or if only the caller can know.
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
    /// The source of the cause, because the message already has the words of the cause.
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
