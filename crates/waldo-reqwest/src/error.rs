//! The errors of calls and of building a client.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::iter::successors;
use std::time::Duration;

use http::StatusCode;
use http::uri::InvalidUri;
use waldo_auth_client::{EnvError, InvalidSegment, Refused};
use waldo_auth_core::{AdmitError, ApiError, ConfigError, ForeignOrigin, Generation, Origin};

/// Why a call brought no success. Each variant says what to do.
///
/// No variant holds a key, a secret or a token. No variant shows the URL of the request, because
/// its path and its query may hold data of your customers. `Debug` shows the same sentence as
/// `Display`, because a `main` that returns the error prints its `Debug`. The sentence has no
/// number that changes from call to call, so a log can group equal errors.
///
/// ```no_run
/// use waldo_reqwest::{Client, Error};
///
/// # async fn poll(client: &Client) -> Result<(), Error> {
/// match client.get("/customer?field=id").send().await {
///     Ok(response) => println!("{}", response.status()),
///     Err(error) if error.is_rejected() => eprintln!("look at the key pair"),
///     Err(error) if error.code() == Some("NOT_FOUND") => eprintln!("no such customer"),
///     Err(error) if error.never_sent() => {
///         eprintln!("{error}; make the call again in {:?}", error.retry_in())
///     }
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub enum Error {
    /// There is no token, and a login cannot bring one in time: see [`Refused`] for what to do.
    Refused(Refused),
    /// The URL is outside the client's origin, and only this origin may see the token. Send the
    /// request with another client, or set the client's origin. Nothing was sent.
    ForeignOrigin(ForeignOrigin),
    /// The request has so many headers that the token cannot be added. Remove some headers. Nothing
    /// was sent.
    TooManyHeaders,
    /// A request cannot be sent to this URL. For example, the URL is too long. Nothing was sent.
    Url(InvalidUri),
    /// A [segment](crate::RequestBuilder::segment) would change the path. Nothing was sent.
    Segment(InvalidSegment),
    /// A [body factory](crate::RequestBuilder::body_factory) failed, or took longer than the call
    /// may take. The server has not acted on this call: nothing was sent, or the server answered
    /// with a 401.
    Body(io::Error),
    /// The connection broke off during an upload, with this error of reqwest. The server may have
    /// refused the token, and its answer was lost. The server may also have acted on the request.
    /// So this crate did not send the request again.
    ///
    /// This crate made a head-only attempt, and got no answer about the token. If it is safe to
    /// make the call again, do so: the next upload asks the server first.
    BrokeOff(reqwest::Error),
    /// The server answered with a 4xx or 5xx, and
    /// [`http_status_as_error`](crate::RequestBuilder::http_status_as_error) is on, as it is by
    /// default.
    ///
    /// If the call had a stream without a factory, a 401 means that the stream is spent: make the
    /// call again with a new stream. Otherwise a 401 means that the route refuses new tokens, or
    /// that the token stays by rule 16. The event `throttled` shows the latter.
    Status(ApiError),
    /// reqwest's own error, without the URL: the request could not be built, the transport failed,
    /// or a timeout ended. The server may have acted on the request, unless the error
    /// [was never sent](Self::never_sent). So the request was not sent again.
    Reqwest(reqwest::Error),
}

/// The message for an upload that broke off.
pub(crate) const BROKE_OFF: &str = "the connection broke off during an upload; the token may have \
     been refused, so make the call again if that is safe: it asks the server first";

impl Error {
    /// The API's own error, if the server answered with a 4xx or 5xx.
    pub fn api(&self) -> Option<&ApiError> {
        let Self::Status(error) = self else { return None };
        Some(error)
    }

    /// The status, if the server answered with a 4xx or 5xx.
    pub fn status(&self) -> Option<StatusCode> {
        if let Self::Reqwest(error) = self {
            return error.status();
        }
        self.api().map(ApiError::status)
    }

    /// The `code` in the body of a 4xx or 5xx, such as `NOT_FOUND`.
    pub fn code(&self) -> Option<&str> {
        self.api()?.code()
    }

    /// The generation of the sent token, if the server answered with a 4xx or 5xx. Use it for
    /// [`Client::invalidate`](crate::Client::invalidate).
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

    /// Whether a time limit ended the call: the call's [timeout](crate::ClientBuilder::timeout), a
    /// timeout of reqwest's settings, or a wait for a login that the call's time did not allow.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_timeout(),
            Self::Body(error) => error.kind() == io::ErrorKind::TimedOut,
            Self::BrokeOff(error) | Self::Reqwest(error) => error.is_timeout(),
            Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Url(_)
            | Self::Segment(_)
            | Self::Status(_) => false,
        }
    }

    /// Whether no connection for the call could be made: the host was not found, or the server or a
    /// proxy refused or did not answer, or TLS failed. So the call was never sent.
    ///
    /// The error of a login is [`Error::Refused`], and its reason says more.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Reqwest(error) if error.is_connect() && !is_of_body(error))
    }

    /// Whether the server cannot have acted on the call, so that it is safe to make the call again:
    /// the call was not sent, or the server refused its token with a 401 and no new token came.
    ///
    /// A delivered 4xx or 5xx is `false`, because the server has answered the call. If `false`, the
    /// server may have acted on the call. Whether a second call is safe depends on the route. If
    /// reqwest's own settings have a `retry`, reqwest may have sent the call before the sending that
    /// failed. This method does not see such a sending.
    pub fn never_sent(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Url(_)
            | Self::Segment(_)
            | Self::Body(_) => true,
            Self::BrokeOff(_) | Self::Status(_) => false,
            Self::Reqwest(error) => error.is_builder() || self.is_connect(),
        }
    }
}

/// Whether another error of reqwest is the cause. Such an error comes from the caller's body, which
/// may be the response to another request.
fn is_of_body(error: &reqwest::Error) -> bool {
    successors(error.source(), |&cause| cause.source()).any(<dyn StdError>::is::<reqwest::Error>)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::TooManyHeaders => AdmitError::TooManyHeaders.fmt(f),
            Self::Url(error) => write!(f, "no request can be sent to this URL: {error}"),
            Self::Segment(error) => error.fmt(f),
            Self::Status(error) => error.fmt(f),
            Self::Body(error) => write!(f, "the request's body could not be produced: {error}"),
            Self::BrokeOff(error) => write!(f, "{BROKE_OFF} ({})", root(error)),
            Self::Reqwest(error) if error.is_builder() => write!(
                f,
                "the request could not be built ({}), and nothing was sent; check its target, \
                 which is a path like /customer or a URL, its headers and its body",
                fault(error)
            ),
            Self::Reqwest(error) if error.is_request() => {
                write!(f, "the request failed: {}", root(error))
            }
            // The cause of a decoding error may repeat data of the response, so show no other one.
            Self::Reqwest(error) if error.is_timeout() || root(error).is::<io::Error>() => {
                write!(f, "{error}: {}", root(error))
            }
            Self::Reqwest(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first cause. The errors above it only say in which step it happened.
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    successors(Some(error), |&error| error.source()).last().unwrap_or(error)
}

/// The cause of a builder error. reqwest's own message is only "builder error".
fn fault(error: &reqwest::Error) -> &(dyn StdError + 'static) {
    error.source().unwrap_or(error)
}

impl StdError for Error {
    /// The causes below the error of reqwest. The message has the words of the first cause, and a
    /// program that follows the chain of sources still finds it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(refused) => refused.source(),
            Self::ForeignOrigin(_) | Self::TooManyHeaders | Self::Segment(_) | Self::Status(_) => {
                None
            }
            Self::Url(error) => error.source(),
            Self::Body(error) => Some(error),
            Self::Reqwest(error) if error.is_builder() => fault(error).source(),
            Self::BrokeOff(error) | Self::Reqwest(error) => error.source(),
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

impl From<InvalidSegment> for Error {
    fn from(error: InvalidSegment) -> Self {
        Self::Segment(error)
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Status(error)
    }
}

/// Removes the URL of the error.
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error.without_url())
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
    /// The origin is `https`, and the program's reqwest has no TLS. Enable this crate's feature
    /// `rustls`, or a TLS feature of reqwest.
    NoTls(Origin),
    /// reqwest changes the spelling of the origin, so no request would go to the given origin.
    /// Write the origin as reqwest spells it.
    #[non_exhaustive]
    Rewritten {
        /// The given origin.
        origin: Origin,
        /// The same origin as reqwest spells it.
        url: String,
    },
    /// reqwest cannot make a client from its settings, or a URL from the origin.
    Reqwest(reqwest::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::NoTls(origin) => write!(
                f,
                "reqwest was built without TLS, which {origin} needs; enable the feature rustls of \
                 waldo-reqwest, or a TLS feature of reqwest"
            ),
            Self::Rewritten { origin, url } => write!(
                f,
                "reqwest spells the origin {origin} as {url}; if that is the place you mean, write \
                 the origin so"
            ),
            Self::Reqwest(error) => {
                write!(f, "reqwest cannot make a client of its settings: {}", fault(error))
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
    /// The source of the cause, because the message already has the words of the cause.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Env(error) => error.source(),
            Self::Config(error) => error.source(),
            Self::NoTls(_) | Self::Rewritten { .. } => None,
            Self::Reqwest(error) => fault(error).source(),
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

impl From<reqwest::Error> for BuildError {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error)
    }
}
