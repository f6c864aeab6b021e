//! What a call comes to.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use crate::error::Error;

/// What a call comes to: its response, or why there is none. Dropping it cancels the call, and
/// leaves what others wait for to one of them.
// A type of its own, as compilers do not see through the box of an associated type that it is
// `Send` in a spawned task.
pub struct ResponseFuture<R>(Pin<Box<dyn Future<Output = Result<Response<R>, Error>> + Send>>);

impl<R> ResponseFuture<R> {
    pub(crate) fn new(
        call: impl Future<Output = Result<Response<R>, Error>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(call))
    }
}

impl<R> Future for ResponseFuture<R> {
    type Output = Result<Response<R>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<R> fmt::Debug for ResponseFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
