//! What wraps a service.

use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;
use waldo_auth_shared::SharedSession;

use crate::service::Waldo;
use crate::sleep::Sleep;

/// Wraps an HTTP client service so that each request carries a token.
///
/// All services that one layer, or its clones, have wrapped share one session: one token, one login at a time.
///
/// ```
/// use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
///
/// let session = SharedSession::new(config(Credentials::new("wk.4f…", "ws.9a…")?).build()?);
/// let layer = WaldoLayer::new(session, tokio::time::sleep);
/// # fn client() -> impl Clone { hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http::<waldo_tower::Body<http_body_util::Full<bytes::Bytes>>>() }
/// let service = tower::ServiceBuilder::new().layer(layer).service(client());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct WaldoLayer {
    pub(crate) session: Arc<SharedSession>,
    pub(crate) sleep: Sleep,
    pub(crate) max_wait: Option<Duration>,
}

impl WaldoLayer {
    /// How long a call waits for a login or a backoff, unless it is told otherwise.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    /// A layer over this session, which others may share, and the timer of the runtime: a function that makes a future which ends
    /// after so long, such as `tokio::time::sleep` or `async_io::Timer::after`.
    pub fn new<F>(
        session: impl Into<Arc<SharedSession>>,
        sleep: impl Fn(Duration) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let max_wait = Some(Self::DEFAULT_MAX_WAIT);
        Self { session: session.into(), sleep: Sleep::new(sleep), max_wait }
    }

    /// How long one call may wait for a login or a backoff before it is refused; `None` for as long as it takes.
    ///
    /// Default: 60 s. It bounds waiting only: how long a call may take is a timeout around the service. One call says
    /// otherwise by [`MaxWait`](crate::MaxWait).
    pub fn max_wait(self, max_wait: impl Into<Option<Duration>>) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// The session, to [invalidate](SharedSession::invalidate), [reset](SharedSession::reset), [explain](SharedSession::explain) or
    /// [store](SharedSession::snapshot) what it holds.
    pub fn session(&self) -> &Arc<SharedSession> {
        &self.session
    }
}

impl<S> Layer<S> for WaldoLayer {
    type Service = Waldo<S>;

    fn layer(&self, inner: S) -> Waldo<S> {
        Waldo { inner, layer: self.clone() }
    }
}
