//! Wakers that run code in their drop, as user code may.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::{Arc, mpsc};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

struct DropWaker<F: Fn()>(F);

impl<F: Fn() + Send + Sync> Wake for DropWaker<F> {
    fn wake(self: Arc<Self>) {}
}

impl<F: Fn()> Drop for DropWaker<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A waker that calls `run` when its last copy is dropped.
pub(crate) fn drop_waker(run: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(DropWaker(run)))
}

/// Runs the steps in a new thread, and returns their result.
///
/// # Panics
/// If the steps do not end, because they take a lock twice.
pub(crate) fn ends<R: Send + 'static>(steps: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || done.send(steps()).unwrap());
    ended.recv_timeout(Duration::from_secs(20)).expect("the steps wait for themselves")
}
