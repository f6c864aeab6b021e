//! Why a request cannot carry the token.

use std::error::Error;
use std::fmt;

use crate::origin::ForeignOrigin;

/// Why a request cannot carry the token. Nothing was sent, and the call ends here.
#[derive(Clone, PartialEq, Eq)]
pub enum AdmitError {
    /// The request goes to another origin. Only the session's origin may see the token.
    ForeignOrigin(ForeignOrigin),
    /// The request's header map is full, so there is no room for the token. Remove some headers.
    TooManyHeaders,
}

impl fmt::Display for AdmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::TooManyHeaders => {
                f.write_str("the request has so many headers that none can be added; remove some")
            }
        }
    }
}

/// Shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
impl fmt::Debug for AdmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for AdmitError {
    /// The source of the cause, because the message already has the words of the cause.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ForeignOrigin(foreign) => foreign.source(),
            Self::TooManyHeaders => None,
        }
    }
}

impl From<ForeignOrigin> for AdmitError {
    fn from(foreign: ForeignOrigin) -> Self {
        Self::ForeignOrigin(foreign)
    }
}
