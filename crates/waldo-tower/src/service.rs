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
/// The service takes requests to absolute URIs of the session's origin. Their bodies must be
/// `Clone`, so that they can be sent again after a 401. For other bodies, use
/// [`one_shot`](Self::one_shot).
///
/// Logins go through the wrapped service too. So the wrapped service must accept the layer's own
/// [`Body`](crate::Body), which is the caller's body or the body of a login.
///
/// The service is ready when the wrapped service is ready. A call that waits for another call's
/// login gives its capacity back, and asks for capacity again afterwards. So a limit below this
/// layer cannot block the login.
#[derive(Clone)]
pub struct Waldo<S> {
    pub(crate) inner: S,
    pub(crate) layer: WaldoLayer,
}

impl<S> Waldo<S> {
    /// The wrapped service. Requests that you send with it directly carry no token.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The layer of this service, for its [session](WaldoLayer::session).
    pub fn layer(&self) -> &WaldoLayer {
        &self.layer
    }

    /// The services of one call: the ready service, and a clone that is not ready yet.
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
        self.inner.poll_ready(context).map_err(|error| Error::NotReady(error.into()))
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
            .field("name", &self.layer.session.name())
            .field("origin", &self.layer.session.origin().to_string())
            .finish_non_exhaustive()
    }
}
