//! Why a call brought no response.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use http::uri::InvalidUri;
use waldo_auth_core::{Origin, Refusal};

/// Why a call brought no response; each variant says what to do.
///
/// No variant holds a key, a secret or a token.
///
/// ```no_run
/// use waldo_ureq::{Client, Error, Refusal};
///
/// # fn poll(client: &Client) -> Result<(), Error> {
/// match client.get("/customer").query("field", "id").call() {
///     Ok(response) => println!("{}", response.status()),
///     Err(Error::Refused { refusal: Refusal::Rejected { .. }, .. }) => eprintln!("look at the key pair"),
///     Err(Error::Refused { retry_in, .. }) => eprintln!("no token now; again in {retry_in:?}"),
///     Err(error) if error.status() == Some(404.try_into().unwrap()) => eprintln!("no such customer"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no token to send the call with, and none in time. The server did not see this call, or answered it with a 401
    /// and no login followed; so it is safe to make it again, though not before `retry_in`.
    Refused {
        /// Why: the key pair was rejected, logins fail, or the call's deadline comes first.
        refusal: Refusal,
        /// How long from now until it makes sense to try again.
        retry_in: Duration,
    },
    /// The URL does not belong to the client's origin, the only one that may see the token. Send the request with another
    /// client, or configure the origin. Nothing was sent.
    ForeignOrigin {
        /// Where the token may go. Where the request was to go is not repeated, as URLs may hold secrets.
        origin: Origin,
    },
    /// The target is neither a path that begins with `/` nor an absolute URL. Write it like `/customer`. Nothing was sent.
    Target {
        /// What is wrong with it, if it is no URI at all.
        source: Option<InvalidUri>,
    },
    /// A header's name or value is invalid. Nothing was sent.
    Header(http::Error),
    /// The body could not be written as JSON, made by its factory, or read. If it broke off while it was being
    /// sent, the server may have seen a part of it.
    Body(io::Error),
    /// ureq's own error: a status where the agent wants it as an error, else a transport that failed or was too slow. After the
    /// latter, whether the server has acted on the request is not known, so it was not sent again.
    Ureq(ureq::Error),
}

impl Error {
    /// The status, when the agent's `http_status_as_error` made an error of a 4xx or 5xx.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Ureq(ureq::Error::StatusCode(status)) => StatusCode::from_u16(*status).ok(),
            Self::Ureq(_)
            | Self::Refused { .. }
            | Self::ForeignOrigin { .. }
            | Self::Target { .. }
            | Self::Header(_)
            | Self::Body(_) => None,
        }
    }

    /// How long from the error until it makes sense to make the same call again; `None` where time changes nothing, or
    /// where only the caller can know.
    pub fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_in, .. } => Some(*retry_in),
            Self::ForeignOrigin { .. }
            | Self::Target { .. }
            | Self::Header(_)
            | Self::Body(_)
            | Self::Ureq(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { refusal, retry_in } if retry_in.is_zero() => refusal.fmt(f),
            Self::Refused { refusal, retry_in } => write!(f, "{refusal}; try again in {retry_in:.1?}"),
            Self::ForeignOrigin { origin } => write!(
                f,
                "the request does not go to {origin}, the only origin that may see the token; send it without this client, or configure the origin"
            ),
            Self::Target { source: None } => {
                f.write_str("the target is neither a path nor an absolute URL; write it like /customer")
            }
            Self::Target { source: Some(error) } => {
                write!(f, "the target is no URL ({error}); write it like /customer")
            }
            Self::Header(error) => write!(f, "the request has an invalid header: {error}"),
            Self::Body(error) => write!(f, "the request's body could not be produced: {error}"),
            Self::Ureq(ureq::Error::StatusCode(status)) => write!(f, "the server answered {status}"),
            Self::Ureq(error) => write!(f, "the request failed: {error}"),
        }
    }
}

impl StdError for Error {
    /// What lies behind the message: it repeats its cause's own words, so the chain goes on behind that.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused { refusal, .. } => refusal.source(),
            Self::ForeignOrigin { .. } => None,
            Self::Target { source } => source.as_ref().map(|source| source as &(dyn StdError + 'static)),
            Self::Header(error) => Some(error),
            Self::Body(error) => Some(error),
            Self::Ureq(error) => Some(error),
        }
    }
}

impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Self {
        Self::Ureq(error)
    }
}
