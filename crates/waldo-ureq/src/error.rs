//! The errors of calls and of building a client.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use http::uri::InvalidUri;
use ureq::Timeout;
use waldo_auth_client::{EnvError, InvalidSegment, Refused};
use waldo_auth_core::{AdmitError, ApiError, ConfigError, ForeignOrigin, Generation, Origin};

/// Why a call brought no success. Each variant says what to do.
///
/// No variant holds a key, a secret or a token. `Debug` shows the same sentence as `Display`,
/// because a `main` that returns the error prints its `Debug`. The sentence has no number that
/// changes from call to call, so a log can group equal errors.
///
/// ```no_run
/// use waldo_ureq::{Client, Error};
///
/// # fn poll(client: &Client) -> Result<(), Error> {
/// match client.get("/customer").query("field", "id").call() {
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
    /// The target is neither a path that begins with `/` nor an absolute URL. Write it like
    /// `/customer`. Nothing was sent.
    Target {
        /// The parser's error, if the target is no URI.
        source: Option<InvalidUri>,
    },
    /// A [`segment`](crate::RequestBuilder::segment) would change the path. Check its value before
    /// the call. Nothing was sent.
    Segment(InvalidSegment),
    /// A header's name or value is invalid. Nothing was sent.
    Header(http::Error),
    /// The body failed: it could not be written as JSON, made by its factory or read, or its length
    /// is not the stated one. The server may have seen a part of the body.
    Body(io::Error),
    /// The connection broke off during an upload, and **the token may have been refused**. If a
    /// server refuses the token before it has read the body, and closes the connection, its 401 is
    /// often lost. The server may also have acted on a part of the body. So the call was not sent
    /// again.
    ///
    /// If it is safe to make the call again, do so. The next upload asks the server first, so the
    /// client sees a 401 and replaces the token. If the next upload breaks off too, the token is
    /// dropped, and the next call logs in.
    BrokeOff(ureq::Error),
    /// The server answered with a 4xx or 5xx, and the agent's `http_status_as_error` is on, as it
    /// is by default. The error has the status, and the `code` and `message` of the body.
    ///
    /// If a call with a [`OneShot`](crate::OneShot) body gets a 401, the body is spent: make the
    /// call again with a new body. With any other body, a 401 means that the route refuses new
    /// tokens, or that the token stays by rule 16. The event `throttled` shows the latter.
    Status(ApiError),
    /// ureq's own error: the transport failed, or a timeout ended. The server may have acted on the
    /// request, unless the error [was never sent](Self::never_sent). So the request was not sent
    /// again.
    Ureq(ureq::Error),
}

impl Error {
    /// The API's own error, if the server answered with a 4xx or 5xx.
    pub fn api(&self) -> Option<&ApiError> {
        let Self::Status(error) = self else { return None };
        Some(error)
    }

    /// The status, if the server answered with a 4xx or 5xx.
    pub fn status(&self) -> Option<StatusCode> {
        if let Self::Ureq(error) = self {
            return status_of(error);
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

    /// Whether a time limit ended the call: a timeout of ureq or of the operating system, or the
    /// call's limit before a login could bring a token.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_timeout(),
            Self::BrokeOff(error) | Self::Ureq(error) => is_timeout(error),
            Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Target { .. }
            | Self::Segment(_)
            | Self::Header(_)
            | Self::Body(_)
            | Self::Status(_) => false,
        }
    }

    /// Whether no connection for the call could be made: the host was not found, or the server or a
    /// proxy refused or did not answer, or TLS failed. So the call was never sent.
    ///
    /// If you gave the builder an agent, ureq opens the connections, and this crate does not know
    /// all such errors. The error of a login is [`Error::Refused`], and its reason says more.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Ureq(error) if is_connect(error))
    }

    /// Whether the server cannot have acted on the call, so that it is safe to make the call again:
    /// the call was not sent, or the server refused its token with a 401 and no new token came.
    ///
    /// A delivered 4xx or 5xx is `false`, because the server has answered the call. If `false`, the
    /// server may have acted on the call. Whether a second call is safe depends on the route. If a
    /// middleware repeats requests, it may have sent the call before the sending that failed. This
    /// method does not see such a sending.
    pub fn never_sent(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Target { .. }
            | Self::Segment(_)
            | Self::Header(_) => true,
            Self::Ureq(error) => is_connect(error) || is_unsendable(error),
            Self::Body(_) | Self::BrokeOff(_) | Self::Status(_) => false,
        }
    }
}

/// The status in an error that ureq or a middleware has made of a response.
pub(crate) fn status_of(error: &ureq::Error) -> Option<StatusCode> {
    let ureq::Error::StatusCode(status) = error else { return None };
    StatusCode::from_u16(*status).ok()
}

fn is_timeout(error: &ureq::Error) -> bool {
    if let ureq::Error::Io(error) = error {
        return error.kind() == io::ErrorKind::TimedOut;
    }
    matches!(error, ureq::Error::Timeout(_))
}

fn is_connect(error: &ureq::Error) -> bool {
    if let ureq::Error::Io(error) = error {
        // The system refuses connections only, and no write or read.
        let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
        return is_refused || NotConnected::is_in(error);
    }
    #[cfg(feature = "native-tls")]
    if matches!(error, ureq::Error::NativeTls(_)) {
        return true;
    }
    matches!(
        error,
        ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect)
    )
}

/// Whether ureq refuses to send the request, by the agent's settings.
fn is_unsendable(error: &ureq::Error) -> bool {
    matches!(
        error,
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::TlsRequired
    )
}

/// Marks an error of the system that came before there was a connection. Other requests may fail
/// with the same error after they were sent.
#[derive(Debug)]
pub(crate) struct NotConnected(io::Error);

impl NotConnected {
    /// The same error, with the mark.
    pub(crate) fn mark(error: ureq::Error) -> ureq::Error {
        let ureq::Error::Io(error) = error else { return error };
        io::Error::new(error.kind(), Self(error)).into()
    }

    fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn StdError + Send + Sync>::is::<Self>)
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for NotConnected {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.0.get_ref() {
            Some(wrapped) => Some(wrapped),
            None => self.0.source(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::TooManyHeaders => AdmitError::TooManyHeaders.fmt(f),
            Self::Target { source: None } => {
                f.write_str("the target is neither a path like /customer nor a URL")
            }
            Self::Target { source: Some(error) } => {
                write!(f, "the target is no URL ({error}); percent-encode what a URL cannot hold")
            }
            Self::Segment(error) => error.fmt(f),
            Self::Header(error) => write!(f, "the request has an invalid header: {error}"),
            Self::Body(error) => write!(f, "the request's body could not be produced: {error}"),
            Self::BrokeOff(error) => write!(
                f,
                "the connection broke off during an upload ({error}); the token may have been \
                 refused, so make the call again if that is safe: it asks the server first"
            ),
            Self::Status(error) => error.fmt(f),
            Self::Ureq(ureq::Error::Timeout(Timeout::Global)) => {
                f.write_str("the call's timeout has passed")
            }
            // ureq's own message shows the URL, and its query may hold data of customers.
            Self::Ureq(ureq::Error::RequireHttpsOnly(_)) => {
                f.write_str("the agent allows https only, and the client's origin is http")
            }
            Self::Ureq(error) => write!(f, "the request failed: {error}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    /// The cause. The message already has the words of an [`io::Error`]. The source is still the
    /// `io::Error` itself, so that a program which follows the chain of sources finds it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(refused) => refused.source(),
            Self::ForeignOrigin(_)
            | Self::TooManyHeaders
            | Self::Target { .. }
            | Self::Segment(_)
            | Self::Status(_) => None,
            Self::Header(error) => error.source(),
            Self::Body(error) => Some(error),
            Self::BrokeOff(error) | Self::Ureq(error) => cause(error),
        }
    }
}

/// The cause of a ureq error. ureq does not return it as the source.
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
    /// Only the features of this crate count. The crate cannot see the features that another crate
    /// enables in ureq, or the TLS of an agent with its own connector.
    NoTls(Origin),
    /// The agent has a setting on which ureq would panic in the thread of a call.
    Agent {
        /// The name of the setting's method, such as `tls_config`.
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
mod tests {
    use super::*;

    #[test]
    fn connection_mark_keeps_the_rest_of_error() {
        let unreachable = || ureq::Error::Io(io::ErrorKind::NetworkUnreachable.into());
        let (plain, marked) = (unreachable(), NotConnected::mark(unreachable()));
        assert!(!is_connect(&plain) && is_connect(&marked));
        assert_eq!(plain.to_string(), marked.to_string());
        let ureq::Error::Io(marked) = marked else { panic!("{marked:?}") };
        assert_eq!(marked.kind(), io::ErrorKind::NetworkUnreachable);
        let other = NotConnected::mark(ureq::Error::HostNotFound);
        assert!(matches!(other, ureq::Error::HostNotFound), "{other:?}");
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, "no certificate");
        let ureq::Error::Io(marked) = NotConnected::mark(wrapped.into()) else { panic!("an io") };
        assert_eq!(marked.get_ref().unwrap().source().unwrap().to_string(), "no certificate");
    }

    #[cfg(feature = "rustls-no-provider")]
    #[test]
    fn an_error_of_rustls_keeps_its_cause() {
        let rustls = || ureq::Error::Rustls(rustls::Error::DecryptError);
        for error in [Error::Ureq(rustls()), Error::BrokeOff(rustls())] {
            let cause = error.source().and_then(|source| source.downcast_ref());
            assert_eq!(cause, Some(&rustls::Error::DecryptError));
        }
    }
}
