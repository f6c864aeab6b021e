//! A service whose requests carry a token, and whose bodies can be sent only once.

use std::error::Error as StdError;
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use waldo_auth_core::Call;

use crate::body::Body;
use crate::error::Error;
use crate::layer::WaldoLayer;
use crate::response::ResponseFuture;
use crate::service::Waldo;

/// A service for bodies that can be sent only once, such as streams.
///
/// A call is never sent twice after its body was read, so its 401 is delivered, and the next call
/// logs in. Such a call needs a token with a larger leeway: a quarter of the lifetime, at most 5
/// min. A body that is empty before it is sent, as in most `GET`s, can be sent again.
///
/// [`Waldo::one_shot`] and [`WaldoLayer::one_shot`] make it. It shares the session with the other
/// services of the layer.
#[derive(Clone)]
pub struct OneShot<S>(Waldo<S>);

/// Wraps an HTTP client service so that each request carries a token and is sent once; see
/// [`OneShot`].
///
/// ```
/// use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
///
/// let session = SharedSession::new(config(Credentials::new("wk.4f…", "ws.9a…")?).build()?);
/// let layer = WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)));
/// let layer = layer.one_shot();
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
pub struct OneShotLayer(WaldoLayer);

impl WaldoLayer {
    /// This layer for services whose bodies can be sent only once.
    pub fn one_shot(self) -> OneShotLayer {
        OneShotLayer(self)
    }
}

impl<S> Waldo<S> {
    /// This service for bodies that can be sent only once.
    pub fn one_shot(self) -> OneShot<S> {
        OneShot(self)
    }
}

impl<S> Layer<S> for OneShotLayer {
    type Service = OneShot<S>;

    fn layer(&self, inner: S) -> OneShot<S> {
        OneShot(self.0.layer(inner))
    }
}

impl<S> OneShot<S> {
    /// The wrapped service. Requests that you send with it directly carry no token.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    /// The layer of this service, for its [session](WaldoLayer::session).
    pub fn layer(&self) -> &WaldoLayer {
        self.0.layer()
    }
}

impl<S, B, R> Service<Request<B>> for OneShot<S>
where
    S: Service<Request<Body<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>
        + Unpin
        + Send
        + 'static,
    R: http_body::Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    type Response = Response<R>;
    type Error = Error;
    type Future = ResponseFuture<R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.inner.poll_ready(context).map_err(|error| Error::NotReady(error.into()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<R> {
        let exchange = self.0.exchange();
        // An empty body can be sent again.
        if request.body().is_end_stream() {
            let request = request.map(|_| Body::empty());
            ResponseFuture::new(exchange.call(Call::replayable(), request, |_| None))
        } else {
            ResponseFuture::new(exchange.call(Call::one_shot(), request.map(Body::from), |_| None))
        }
    }
}

impl<S> fmt::Debug for OneShot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OneShot").field(&self.0).finish()
    }
}
