//! The settings of a client.

use std::any::Any;
#[cfg(feature = "store")]
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use waldo_auth_client::{
    CredentialSource, EnvError, SharedSession, SourceError, config, config_from_env,
};
use waldo_auth_core::{ConfigBuilder, Credentials};
#[cfg(feature = "store")]
use waldo_store::Store;

use crate::agent;
use crate::client::Client;
use crate::error::BuildError;
use crate::sending::Sender;

/// Builds a [`Client`]: changes the defaults, and checks all settings at the end.
///
/// ```
/// use std::time::Duration;
/// use waldo_ureq::{Client, Credentials, ureq};
///
/// let agent = ureq::Agent::config_builder().user_agent("my-program/1.0").build();
/// let client = Client::builder(Credentials::new("wk.4f…", "ws.9a…")?)
///     .agent(agent)
///     .timeout(Duration::from_secs(30))
///     .max_wait(Duration::from_secs(10))
///     .limits(|limits| limits.lease(Duration::from_secs(5)))
///     .build()?;
/// assert_eq!(client.origin().to_string(), "https://api.waldo.ai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    config: ConfigBuilder,
    source: Option<CredentialSource>,
    sender: Option<Sender>,
    max_wait: Option<Duration>,
    timeout: Timeout,
    #[cfg(feature = "store")]
    store: Option<Arc<dyn Store>>,
}

/// The timeout of a call.
#[derive(Debug)]
enum Timeout {
    /// The agent's, or the default.
    Unset,
    Set(Option<Duration>),
}

impl Client {
    /// Starts from the defaults: the API's origin, ureq's settings, and at most one minute for a
    /// call.
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
    /// - A variable or a file is missing, empty or unusable. The error names it and the fault, and
    ///   never the value.
    /// - The origin is `https`, and this crate was built without TLS.
    pub fn from_env() -> Result<Self, BuildError> {
        ClientBuilder::from_env()?.build()
    }
}

impl ClientBuilder {
    /// The origin of the API, for production and sandbox. The key pair chooses between production
    /// and sandbox.
    pub const DEFAULT_ORIGIN: &str = waldo_auth_client::DEFAULT_ORIGIN;

    /// The default of [`max_wait`](Self::max_wait).
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    /// The default of [`timeout`](Self::timeout).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    fn new(config: ConfigBuilder) -> Self {
        Self {
            config,
            source: None,
            sender: None,
            max_wait: Some(Self::DEFAULT_MAX_WAIT),
            timeout: Timeout::Unset,
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
    /// use waldo_ureq::{ClientBuilder, CredentialSource};
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
    /// is allowed. Requests to an `http` origin never go through a proxy, even if the agent or the
    /// environment names one.
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.limits(|config| config.origin(origin))
    }

    /// The agent that sends, or its configuration: TLS, proxy, timeouts, user agent, connection
    /// pool, middleware.
    ///
    /// Default: ureq's defaults, with this crate's name as the user agent. Logins go through the
    /// same agent, so **its middleware sees the key pair** in the login's body, and the token in
    /// each request.
    ///
    /// If you can, pass the configuration and not an agent. Then this crate sees the answer to
    /// `Expect: 100-continue` even if the server keeps the connection open. Keep `max_idle_age`
    /// well below the idle limit of your load balancer, which is often 60 s. ureq's default is 15
    /// s.
    pub fn agent(self, agent: impl Into<Agent> + 'static) -> Self {
        // This crate's connections fit under a configuration, but not into an existing agent.
        let sender = match (&agent as &dyn Any).downcast_ref::<Config>() {
            Some(config) => Sender::configured(config.clone()),
            None => Sender::given(agent.into()),
        };
        Self { sender: Some(sender), ..self }
    }

    /// How long a call may wait for a login or a backoff before each sending. After this time, the
    /// call is refused. `None` sets no limit.
    ///
    /// Default: 60 s. This limits waiting only, and [`timeout`](Self::timeout) limits the whole
    /// call.
    pub fn max_wait(self, max_wait: impl Into<Option<Duration>>) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// How long one call may take from its start: waiting, sending, sending again, and reading the
    /// response. `None` sets no limit.
    ///
    /// Default: the agent's `timeout_global` if it has one, and otherwise 60 s. If you call this
    /// method, the agent's `timeout_global` does not count.
    /// [`RequestBuilder::timeout`](crate::RequestBuilder::timeout) sets another limit for one call.
    ///
    /// With `None`, a 4xx or 5xx whose body stalls keeps a thread until the server closes the
    /// connection.
    ///
    /// Logins have a timeout of their own: see [`lease`](ConfigBuilder::lease).
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: Timeout::Set(timeout.into()), ..self }
    }

    /// The store through which this client shares its token with other programs. Default: none.
    ///
    /// Before a login, the client asks the store for a token. So a fleet of programs makes one login,
    /// and a program that runs once a minute makes one login per lifetime of a token. If the store
    /// cannot be used, the client logs in as if there were none.
    ///
    /// Asking the store blocks the thread of one call before a login, and after the response that
    /// brings a token to share.
    ///
    /// ```
    /// use waldo_ureq::{Client, Credentials, store::MemoryStore};
    ///
    /// let client = Client::builder(Credentials::new("wk.4f…", "ws.9a…")?)
    ///     .store(MemoryStore::new())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "store")]
    pub fn store(self, store: impl Store + 'static) -> Self {
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
    /// - The origin is `https`, and this crate was built without TLS.
    /// - ureq would panic on a setting of the agent.
    pub fn build(self) -> Result<Client, BuildError> {
        let config = self.config.build()?;
        let given = self.sender.as_ref();
        let status_as_error =
            given.is_none_or(|given| given.agent().config().http_status_as_error());
        let global = given.and_then(|given| given.agent().config().timeouts().global);
        let timeout = match self.timeout {
            Timeout::Unset => global.or(Some(Self::DEFAULT_TIMEOUT)),
            Timeout::Set(timeout) => timeout,
        };
        let sender = self
            .sender
            .unwrap_or_else(|| Sender::own(timeout.map(|timeout| timeout.min(agent::LONGEST))));
        agent::check(sender.agent(), config.origin())?;
        let session = SharedSession::with_source(config, self.source);
        let client = Client::new(sender, status_as_error, session, self.max_wait, timeout);
        #[cfg(feature = "store")]
        let client = client.with_store(self.store);
        Ok(client)
    }
}
