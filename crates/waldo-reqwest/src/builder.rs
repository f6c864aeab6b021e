//! What a client is told once.

use std::fmt;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use reqwest::redirect::Policy;
use waldo_auth_client::{EnvError, SharedSession, config, config_from_env};
use waldo_auth_core::{ConfigBuilder, Credentials, Origin};

use crate::client::Client;
use crate::error::BuildError;
use crate::tls;

/// How long a client without settings of the user keeps an idle connection.
const DEFAULT_POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Changes the defaults of a [`Client`] and checks them together.
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
    http: Option<reqwest::ClientBuilder>,
    max_wait: Option<Duration>,
    timeout: Option<Duration>,
}

impl Client {
    /// Starts from the defaults: production, reqwest's settings, waits of at most a minute.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder::new(config(credentials))
    }

    /// Takes the key pair from `WALDO_API_KEY` and `WALDO_CLIENT_SECRET`, and the origin from
    /// `WALDO_ORIGIN`. If `WALDO_ORIGIN` is unset or empty, the origin is production.
    ///
    /// # Errors
    /// Which variable is missing, empty or unusable, and why, never its value; or that there is no
    /// TLS for `https`.
    pub fn from_env() -> Result<Self, BuildError> {
        ClientBuilder::from_env()?.build().map_err(|error| match error {
            // The rest is defaults, so what does not fit can only be the origin.
            BuildError::Config(error) => BuildError::Env(EnvError::of_origin(&error)),
            BuildError::Env(_)
            | BuildError::NoTls(_)
            | BuildError::Rewritten { .. }
            | BuildError::Reqwest(_) => error,
        })
    }
}

impl ClientBuilder {
    /// Where the API lives in production and sandbox alike; the key pair alone chooses between
    /// them.
    pub const DEFAULT_ORIGIN: &str = waldo_auth_client::DEFAULT_ORIGIN;

    /// How long a call waits for a login or a backoff, unless it is told otherwise.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    fn new(config: ConfigBuilder) -> Self {
        Self { config, http: None, max_wait: Some(Self::DEFAULT_MAX_WAIT), timeout: None }
    }

    /// Takes the key pair from `WALDO_API_KEY` and `WALDO_CLIENT_SECRET`, and the origin from
    /// `WALDO_ORIGIN`. If `WALDO_ORIGIN` is unset or empty, the origin is production.
    ///
    /// # Errors
    /// Which variable is missing or unusable, and why; never its value. The origin is checked by
    /// [`build`](Self::build).
    pub fn from_env() -> Result<Self, EnvError> {
        Ok(Self::new(config_from_env()?))
    }

    /// The one origin that the token is sent to; default [`DEFAULT_ORIGIN`](Self::DEFAULT_ORIGIN).
    ///
    /// `https` is required, except for this machine: an emulator on `http://127.0.0.1:8080` is fine. What goes there in clear goes
    /// through no proxy, whatever reqwest's settings or the environment say.
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.limits(|config| config.origin(origin))
    }

    /// The settings to send with: TLS, proxy, connect and read timeouts, user agent, connection
    /// pool.
    ///
    /// Default: reqwest's defaults, with this crate's name as the user agent, and with idle
    /// connections closed after 15 seconds instead of 90. If you give settings of your own, set
    /// `pool_idle_timeout` below the idle timeout of the server or its load balancer.
    ///
    /// Settings rather than a client, as a client that follows redirects cannot
    /// be told from one that does not: the redirect policy is always [`none`](Policy::none). Logins
    /// are sent with the same settings, and so with the same default headers; do not have
    /// `Authorization` among them, which a login is not to carry.
    pub fn client_builder(self, http: reqwest::ClientBuilder) -> Self {
        Self { http: Some(http), ..self }
    }

    /// How long a whole call may take: waiting for a login, sending, sending again, and reading the
    /// answer; `None` for as long as it takes.
    ///
    /// Default: none. A request's own timeout replaces it. The `timeout` of reqwest's settings is
    /// another one: it begins anew with each sending, and bounds none that has one of these
    /// two.
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// How long one call may wait for a login or a backoff before it is refused; `None` for as long
    /// as it takes.
    ///
    /// Default: 60 s. It bounds waiting only: how long a call may take is its
    /// [`timeout`](Self::timeout).
    pub fn max_wait(self, max_wait: impl Into<Option<Duration>>) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// Changes the core's limits: leeways, lease, backoff, probes, the drop budget, the login's
    /// path.
    pub fn limits(self, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        Self { config: change(self.config), ..self }
    }

    /// Checks everything. Nothing is sent before the first call.
    ///
    /// # Errors
    /// - A setting is out of its range. The error names the first such setting, and its range.
    /// - The origin is `https`, and reqwest has no TLS.
    /// - reqwest spells the origin in another way.
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
        Ok(Client::new(http, SharedSession::new(config), self.max_wait, self.timeout))
    }
}

/// Refuses an origin whose host reqwest rewrites, such as `0x7f.1` to `127.0.0.1`. No request would
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

/// reqwest's settings under this crate's name.
fn default_http() -> reqwest::ClientBuilder {
    // reqwest keeps idle connections for 90 seconds, and load balancers close them after 60 or
    // less. A call fails if it goes out on a connection at that moment.
    reqwest::Client::builder().pool_idle_timeout(DEFAULT_POOL_IDLE_TIMEOUT).user_agent(concat!(
        env!("CARGO_PKG_NAME"),
        "/",
        env!("CARGO_PKG_VERSION")
    ))
}

/// reqwest's settings stay out of it: their default headers may be secrets of the caller's.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, http: _, max_wait, timeout } = self;
        f.debug_struct("ClientBuilder")
            .field("config", config)
            .field("max_wait", max_wait)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}
