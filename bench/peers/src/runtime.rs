//! The runtime that all peers are on.

use std::hint::spin_loop;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Runtime};

/// It has two workers, which rest while a single request is timed.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// What a future comes to that has nothing to wait for.
///
/// As a rule it is polled once. Where another thread has the lock it is polled again at once, which is quicker than to be woken.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        spin_loop();
    }
}
