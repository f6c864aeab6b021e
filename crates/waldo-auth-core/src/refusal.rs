//! Why a call is not sent.

use std::error::Error;
use std::fmt;

use crate::failure::{Rejection, Unavailable};
use crate::time::Instant;

/// Why a call was not sent, or, after a 401, not sent again. The server has not acted on a refused call: it did not see it, or
/// answered it with a 401.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The server has rejected the key pair. Act on the rejection's code, then
    /// [`reset`](crate::Session::reset) the session, or wait for the probe.
    Rejected {
        /// The server's word.
        rejection: Rejection,
        /// When one call may try again, in case somebody has put it right.
        retry_at: Instant,
    },
    /// The call sat through as many failed logins as it may. Try again later.
    Unavailable {
        /// The last failure.
        failure: Unavailable,
        /// When the next login may start.
        retry_at: Instant,
    },
    /// The call's deadline comes before a token can.
    Deadline {
        /// When there may be one: the end of the backoff. If a login is under way, a second later,
        /// because the login is most likely over by then.
        retry_at: Instant,
        /// The failure that is being waited out, if that is what would be waited for.
        failure: Option<Unavailable>,
    },
}

impl Refusal {
    /// When it makes sense to try again, by the embedder's monotonic clock.
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
        // The message is the cause's own, so the chain goes on behind it.
        match self {
            Self::Rejected { rejection, .. } => rejection.source(),
            Self::Unavailable { failure, .. } => failure.source(),
            Self::Deadline { failure, .. } => failure.as_ref().and_then(Error::source),
        }
    }
}
