//! What wraps a service.

use std::time::Duration;

use tower_layer::Layer;
use waldo_auth_client::SharedSession;

use crate::service::Waldo;
use crate::sleep::Sleep;
use crate::spawn::{LoginFuture, Spawn};

/// Wraps an HTTP client service so that each request carries a token.
///
/// All services that one layer, or its clones, have wrapped share one session: one token, one login
/// at a time.
///
/// ```
/// use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
///
/// let session = SharedSession::new(config(Credentials::new("wk.4f…", "ws.9a…")?).build()?);
/// let layer = WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)));
/// # fn client() -> impl Clone { hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http::<waldo_tower::Body<http_body_util::Full<bytes::Bytes>>>() }
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
}

impl WaldoLayer {
    /// How long a call waits for a login or a backoff, unless it is told otherwise.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    /// A layer over this session, which others may share, with two functions of the runtime.
    ///
    /// - `sleep` returns a future that ends after this time: `tokio::time::sleep`,
    ///   `async_io::Timer::after`.
    /// - `spawn` runs a login as a task of its own: `|login| drop(tokio::spawn(login))`, `|login|
    ///   smol::spawn(login).detach()`. So a login goes on if the call that started it is dropped,
    ///   or has less time than the login takes. `spawn` returns nothing, because some runtimes
    ///   cancel a task whose handle is dropped.
    pub fn new<F>(
        session: SharedSession,
        sleep: impl Fn(Duration) -> F + Send + Sync + 'static,
        spawn: impl Fn(LoginFuture) + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let max_wait = Some(Self::DEFAULT_MAX_WAIT);
        Self { session, sleep: Sleep::new(sleep), spawn: Spawn::new(spawn), max_wait }
    }

    /// How long one call may wait for a login or a backoff before it is refused; `None` for as long
    /// as it takes.
    ///
    /// Default: 60 s. It bounds waiting only: how long a call may take is a timeout around the
    /// service. One call says otherwise by [`MaxWait`](crate::MaxWait).
    pub fn max_wait(self, max_wait: impl Into<Option<Duration>>) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// The session, to [invalidate](SharedSession::invalidate), [reset](SharedSession::reset),
    /// [explain](SharedSession::explain) or [store](SharedSession::snapshot) what it holds.
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
