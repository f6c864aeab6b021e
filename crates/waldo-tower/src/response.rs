//! The future of a call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use crate::error::Error;

/// The future of a call: its response or its error. Dropping it cancels the call. A login that the
/// call has started goes on.
// This is a named type, because compilers do not see that a boxed associated type is `Send` in a
// spawned task.
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
