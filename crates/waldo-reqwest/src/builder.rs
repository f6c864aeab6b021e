//! The settings of a client.

use std::fmt;
#[cfg(feature = "store")]
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use reqwest::redirect::Policy;
use waldo_auth_client::{
    CredentialSource, EnvError, SharedSession, SourceError, config, config_from_env,
};
use waldo_auth_core::{ConfigBuilder, Credentials, Origin};
#[cfg(feature = "store")]
use waldo_store::AsyncStore;

use crate::client::Client;
use crate::error::BuildError;
use crate::tls;

/// How long a client without the user's settings keeps an idle connection.
const DEFAULT_POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Builds a [`Client`]: changes the defaults, and checks all settings at the end.
///
/// ```
/// use std::time::Duration;
/// use waldo_reqwest::{Client, Credentials, reqwest};
///
/// let client = Client::builder(Credentials::new("wk.4f…", "ws.9a…")?)
///     .origin("http://127.0.0.1:8787")
///     .client_builder(reqwest::Client::builder().connect_timeout(Duration::from_secs(5)))
///     .timeout(Duration::from_secs(30))
///     .max_wait(Duration::from_secs(10))
///     .limits(|limits| limits.lease(Duration::from_secs(5)))
///     .build()?;
/// assert_eq!(client.origin().to_string(), "http://127.0.0.1:8787");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    config: ConfigBuilder,
    source: Option<CredentialSource>,
    http: Option<reqwest::ClientBuilder>,
    max_wait: Option<Duration>,
    timeout: Option<Duration>,
    status_as_error: bool,
    #[cfg(feature = "store")]
    store: Option<Arc<dyn AsyncStore>>,
}

impl Client {
    /// Starts from the defaults: the API's origin, reqwest's settings, and a timeout of one minute
    /// for a whole call.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder::new(config(credentials))
    }

    /// Takes the key pair from `WALDO_API_KEY` and `WALDO_CLIENT_SECRET`, or from files
    /// ([`CredentialSource::env`]), and the origin from `WALDO_ORIGIN`. If `WALDO_ORIGIN` is unset
    /// or empty, the default origin is used.
    ///
    /// The client reads the files again when the server has rejected the key pair.
    ///
    /// # Errors
    /// A variable or a file is missing, empty or unusable, or reqwest has no TLS for an `https`
    /// origin. The error names the variable or the file and the fault, and never shows the value.
    pub fn from_env() -> Result<Self, BuildError> {
        ClientBuilder::from_env()?.build()
    }
}

impl ClientBuilder {
    /// The origin of the API, for production and sandbox. The key pair chooses between production
    /// and sandbox.
    pub const DEFAULT_ORIGIN: &str = waldo_auth_client::DEFAULT_ORIGIN;

    /// The default of [`timeout`](Self::timeout).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// The default of [`max_wait`](Self::max_wait).
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    fn new(config: ConfigBuilder) -> Self {
        Self {
            config,
            source: None,
            http: None,
            max_wait: Some(Self::DEFAULT_MAX_WAIT),
            timeout: Some(Self::DEFAULT_TIMEOUT),
            status_as_error: true,
            #[cfg(feature = "store")]
            store: None,
        }
    }

    /// Takes the key pair from `WALDO_API_KEY` and `WALDO_CLIENT_SECRET`, or from files
    /// ([`CredentialSource::env`]), and the origin from `WALDO_ORIGIN`. If `WALDO_ORIGIN` is unset
    /// or empty, the default origin is used.
    ///
    /// The client reads the files again when the server has rejected the key pair.
    ///
    /// # Errors
    /// Names the variable or the file that is missing or unusable, and the reason, and never shows
    /// its value.
    pub fn from_env() -> Result<Self, EnvError> {
        Ok(Self { source: Some(CredentialSource::env()), ..Self::new(config_from_env()?) })
    }

    /// Takes the key pair from this source. The client asks the source again when the server has
    /// rejected the key pair, and before each probe: see [`CredentialSource`].
    ///
    /// ```no_run
    /// use waldo_reqwest::{ClientBuilder, CredentialSource};
    ///
    /// let source = CredentialSource::files("/run/secrets/waldo-key", "/run/secrets/waldo-secret");
    /// let client = ClientBuilder::from_source(source)?.build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The source gives no key pair.
    pub fn from_source(source: CredentialSource) -> Result<Self, SourceError> {
        let config = config(source.ask()?);
        Ok(Self { source: Some(source), ..Self::new(config) })
    }

    /// The [name](ConfigBuilder::name) of the client, which tells the clients of one program apart
    /// in errors and in events. Default: none.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.limits(|config| config.name(name))
    }

    /// The only origin that the token is sent to. Default:
    /// [`DEFAULT_ORIGIN`](Self::DEFAULT_ORIGIN).
    ///
    /// The origin must be `https`, except on this machine: an emulator on `http://127.0.0.1:8080`
    /// is allowed. Requests to an `http` origin never go through a proxy, even if reqwest's
    /// settings or the environment name one.
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.limits(|config| config.origin(origin))
    }

    /// reqwest's settings: TLS, proxy, connect and read timeouts, user agent, connection pool.
    ///
    /// Default: reqwest's defaults, with this crate's name as the user agent, and with idle
    /// connections closed after 15 s instead of 90 s. If you pass your own settings, set
    /// `pool_idle_timeout` below the idle timeout of the server or its load balancer.
    ///
    /// This method takes settings and not a client, because it must set the redirect policy to
    /// [`none`](Policy::none), and a finished client does not show its policy. Logins use the same
    /// settings and the same default headers. So do not add `Authorization` to the default headers:
    /// a login must not carry it.
    pub fn client_builder(self, http: reqwest::ClientBuilder) -> Self {
        Self { http: Some(http), ..self }
    }

    /// How long one call may take from its start: waiting, sending, sending again, and reading the
    /// response. `None` sets no limit.
    ///
    /// Default: 60 s. [`RequestBuilder::timeout`](crate::RequestBuilder::timeout) sets another
    /// limit for one call. A login under way goes on after the timeout, and its token serves later
    /// calls.
    ///
    /// **The `timeout` in reqwest's own settings has no effect on a call with one of these two
    /// timeouts.** To use it for each sending, set `timeout(None)` here.
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// How long a call may wait for a login or a backoff before each sending. After this time, the
    /// call is refused. `None` sets no limit.
    ///
    /// Default: 60 s. This limits waiting only, and [`timeout`](Self::timeout) limits the whole
    /// call.
    pub fn max_wait(self, max_wait: impl Into<Option<Duration>>) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// Whether a delivered 4xx or 5xx becomes an [`Error::Status`], which has the code and the
    /// message of the body. Otherwise it is a response like a success.
    ///
    /// Default: true. [`RequestBuilder::http_status_as_error`] changes it for one request.
    /// [`Client::execute`] and a stack of middlewares always return the response.
    ///
    /// [`Error::Status`]: crate::Error::Status
    /// [`RequestBuilder::http_status_as_error`]: crate::RequestBuilder::http_status_as_error
    pub fn http_status_as_error(self, as_error: bool) -> Self {
        Self { status_as_error: as_error, ..self }
    }

    /// The store through which this client shares its token with other programs. Default: none.
    ///
    /// Before a login, the client asks the store for a token. So a fleet of programs makes one login,
    /// and a program that runs once a minute makes one login per lifetime of a token. If the store
    /// cannot be used, the client logs in as if there were none.
    #[cfg(feature = "store")]
    pub fn store(self, store: impl AsyncStore + 'static) -> Self {
        Self { store: Some(Arc::new(store)), ..self }
    }

    /// Changes the core's limits: leeways, lease, backoff, probes, invalidation budget, login path,
    /// and the statuses that count as a 401
    /// ([`challenge_statuses`](ConfigBuilder::challenge_statuses)).
    pub fn limits(self, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        Self { config: change(self.config), ..self }
    }

    /// Checks all settings, and makes the client. The first call sends the first request.
    ///
    /// # Errors
    /// - A setting is out of its range. The error names the first such setting, and its range.
    /// - The origin is `https`, and reqwest has no TLS.
    /// - reqwest changes the spelling of the origin.
    /// - reqwest cannot make a client from its settings.
    pub fn build(self) -> Result<Client, BuildError> {
        let config = self.config.build()?;
        let in_clear = *config.origin().scheme() == Scheme::HTTP;
        let http = self.http.unwrap_or_else(default_http).redirect(Policy::none());
        let http = if in_clear { http.no_proxy() } else { http }.build()?;
        check_spelling(&http, config.origin())?;
        if !in_clear && !tls::IS_THERE {
            return Err(BuildError::NoTls(config.origin().clone()));
        }
        let session = SharedSession::with_source(config, self.source);
        let client = Client::new(http, session, self.max_wait, self.timeout, self.status_as_error);
        #[cfg(feature = "store")]
        let client = client.with_store(self.store);
        Ok(client)
    }
}

/// Refuses an origin whose host reqwest rewrites, such as `0x7f.1` to `127.0.0.1`. No request could
/// go to such an origin.
fn check_spelling(http: &reqwest::Client, origin: &Origin) -> Result<(), BuildError> {
    let request = http.get(origin.to_string()).build()?;
    let is_kept = request.url().as_str().parse().is_ok_and(|uri: Uri| origin.contains(&uri));
    if is_kept {
        return Ok(());
    }
    let url = request.url().origin().ascii_serialization();
    Err(BuildError::Rewritten { origin: origin.clone(), url })
}

/// reqwest's defaults, with this crate's name as the user agent.
fn default_http() -> reqwest::ClientBuilder {
    // reqwest keeps idle connections for 90 s, but load balancers close them after 60 s or less. A
    // request that is sent at that moment fails.
    reqwest::Client::builder().pool_idle_timeout(DEFAULT_POOL_IDLE_TIMEOUT).user_agent(concat!(
        env!("CARGO_PKG_NAME"),
        "/",
        env!("CARGO_PKG_VERSION")
    ))
}

/// Does not show reqwest's settings, because their default headers may hold secrets of the caller.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, max_wait, timeout, status_as_error, .. } = self;
        f.debug_struct("ClientBuilder")
            .field("config", config)
            .field("max_wait", max_wait)
            .field("timeout", timeout)
            .field("http_status_as_error", status_as_error)
            .finish_non_exhaustive()
    }
}
