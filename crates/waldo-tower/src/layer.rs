//! The layer that wraps a service.

#[cfg(feature = "store")]
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;
use waldo_auth_client::SharedSession;
#[cfg(feature = "store")]
use waldo_auth_client::Sharing;
#[cfg(feature = "store")]
use waldo_store::AsyncStore;

use crate::service::Waldo;
use crate::sleep::Sleep;
use crate::spawn::{LoginFuture, Spawn};

/// Wraps an HTTP client service so that each request carries a token.
///
/// All services that a layer and its clones wrap share one session: one token, and one login at a
/// time.
///
/// ```
/// use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
///
/// let session = SharedSession::new(config(Credentials::new("wk.4f…", "ws.9a…")?).build()?);
/// let layer = WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)));
/// # type Body = waldo_tower::Body<http_body_util::Full<bytes::Bytes>>;
/// # fn client() -> impl Clone {
/// #     hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
/// #         .build_http::<Body>()
/// # }
/// let service = tower::ServiceBuilder::new().layer(layer).service(client());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct WaldoLayer {
    pub(crate) session: SharedSession,
    pub(crate) sleep: Sleep,
    pub(crate) spawn: Spawn,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    #[cfg(feature = "store")]
    pub(crate) sharing: Option<Sharing<dyn AsyncStore>>,
}

impl WaldoLayer {
    /// The default of [`timeout`](Self::timeout).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// The default of [`max_wait`](Self::max_wait).
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    /// A layer with this session, which other layers may share, and with two functions of the
    /// runtime.
    ///
    /// - `sleep` returns a future that ends after the given time: `tokio::time::sleep`,
    ///   `async_io::Timer::after`.
    /// - `spawn` runs a login as a new task: `|login| drop(tokio::spawn(login))`, `|login|
    ///   smol::spawn(login).detach()`. So the login outlives the call that started it. `spawn`
    ///   returns nothing, because some runtimes cancel a task if its handle is dropped.
    pub fn new<F>(
        session: SharedSession,
        sleep: impl Fn(Duration) -> F + Send + Sync + 'static,
        spawn: impl Fn(LoginFuture) + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (sleep, spawn) = (Sleep::new(sleep), Spawn::new(spawn));
        let (max_wait, timeout) = (Some(Self::DEFAULT_MAX_WAIT), Some(Self::DEFAULT_TIMEOUT));
        Self {
            session,
            sleep,
            spawn,
            max_wait,
            timeout,
            #[cfg(feature = "store")]
            sharing: None,
        }
    }

    /// How long a whole call may take, until the head of the response has come: waiting for a login
    /// or for capacity, sending, and sending again. `None` sets no limit.
    ///
    /// Default: 60 s. The extension [`Timeout`](crate::Timeout) sets the timeout of a single call.
    /// Reading the body of the response is not bounded. A login under way goes on after the
    /// timeout, and its token serves later calls.
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// How long a call may wait for a login or a backoff before each sending. After this time, the
    /// call is refused. `None` sets no limit.
    ///
    /// Default: 60 s. The limit bounds waiting only. [`timeout`](Self::timeout) bounds the whole
    /// call. The extension [`MaxWait`](crate::MaxWait) sets the limit of a single call.
    pub fn max_wait(self, max_wait: impl Into<Option<Duration>>) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// The store through which this layer shares its token with other programs. Default: none.
    ///
    /// Before a login, the layer asks the store for a token. So a fleet of programs makes one login,
    /// and a program that runs once a minute makes one login per lifetime of a token. If the store
    /// cannot be used, the layer logs in as if there were none.
    ///
    /// Set the store on one layer of a session, and clone this layer.
    #[cfg(feature = "store")]
    pub fn store(self, store: impl AsyncStore + 'static) -> Self {
        let store: Arc<dyn AsyncStore> = Arc::new(store);
        let sharing = Some(Sharing::new(self.session.clone(), store));
        Self { sharing, ..self }
    }

    /// The session, for example to [invalidate](SharedSession::invalidate) or
    /// [store](SharedSession::snapshot) its token, to [reset](SharedSession::reset) it, to
    /// [explain](SharedSession::explain) its state, or to read its
    /// [counters](SharedSession::counters).
    pub fn session(&self) -> &SharedSession {
        &self.session
    }
}

impl<S> Layer<S> for WaldoLayer {
    type Service = Waldo<S>;

    fn layer(&self, inner: S) -> Waldo<S> {
        Waldo { inner, layer: self.clone() }
    }
}
