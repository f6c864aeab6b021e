//! A service whose requests carry a token.

use std::error::Error as StdError;
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;
use waldo_auth_core::Call;

use crate::body::Body;
use crate::call::Exchange;
use crate::error::Error;
use crate::layer::WaldoLayer;
use crate::response::ResponseFuture;

/// A service that a [`WaldoLayer`] has wrapped.
///
/// It takes requests to absolute URIs of the session's origin, with a body that can be cloned,
/// which is sent again after a 401; for others there is [`one_shot`](Self::one_shot).
///
/// Logins go through the wrapped service, too. So the wrapped service must take the layer's own
/// [`Body`](crate::Body), which is either the caller's body or the body of a login.
///
/// Readiness is the wrapped service's. A call that waits for somebody else's login gives back the
/// capacity that it was given, and asks for it again: a limit below this layer cannot keep the
/// login from those who wait for it.
#[derive(Clone)]
pub struct Waldo<S> {
    pub(crate) inner: S,
    pub(crate) layer: WaldoLayer,
}

impl<S> Waldo<S> {
    /// The wrapped service. What it sends by itself carries no token.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The layer that has wrapped it, for its [session](WaldoLayer::session).
    pub fn layer(&self) -> &WaldoLayer {
        &self.layer
    }

    /// The service that is ready, for a call of its own, and another that is not, for what follows.
    pub(crate) fn exchange(&mut self) -> Exchange<S>
    where
        S: Clone,
    {
        let spare = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, spare.clone());
        Exchange { ready: Some(ready), spare, layer: self.layer.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Waldo<S>
where
    S: Service<Request<Body<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>
        + Unpin
        + Clone
        + Send
        + 'static,
    R: http_body::Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    type Response = Response<R>;
    type Error = Error;
    type Future = ResponseFuture<R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context).map_err(|error| Error::Inner(error.into()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<R> {
        let exchange = self.exchange();
        let request = request.map(Body::from);
        ResponseFuture::new(exchange.call(Call::replayable(), request, |body| Some(body.clone())))
    }
}

impl<S> fmt::Debug for Waldo<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waldo")
            .field("origin", &self.layer.session.origin().to_string())
            .finish_non_exhaustive()
    }
}
