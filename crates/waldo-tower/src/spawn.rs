//! The runtime's way to start a task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A login, to be run as a task.
///
/// The future ends by itself, a little before the lease of the login at the latest. If it is
/// dropped earlier, another call logs in. With a store, the future may also tell the store of a
/// renewed token.
#[must_use = "calls wait for this login: run it"]
pub struct LoginFuture(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for LoginFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for LoginFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginFuture")
    }
}

/// Starts logins as tasks.
#[derive(Clone)]
pub(crate) struct Spawn(Arc<dyn Fn(LoginFuture) + Send + Sync>);

impl Spawn {
    pub(crate) fn new(spawn: impl Fn(LoginFuture) + Send + Sync + 'static) -> Self {
        Self(Arc::new(spawn))
    }

    pub(crate) fn start(&self, login: impl Future<Output = ()> + Send + 'static) {
        (self.0)(LoginFuture(Box::pin(login)));
    }
}

impl fmt::Debug for Spawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawn")
    }
}
