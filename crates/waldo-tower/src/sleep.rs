//! The runtime's timer.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Makes futures that end after a given time. Only calls and logins that wait need such a future,
/// so it may allocate.
#[derive(Clone)]
pub(crate) struct Sleep(Arc<Make>);

type Make = dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl Sleep {
    pub(crate) fn new<F>(make: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Self(Arc::new(move |span| {
            let sleep = make(span);
            Box::pin(async move { drop(sleep.await) })
        }))
    }

    pub(crate) fn of(&self, span: Duration) -> impl Future<Output = ()> + Send + use<> {
        (self.0)(span)
    }

    /// The result of the work; `None` if the work takes longer than `span`. Work that ends at once
    /// needs no timer.
    pub(crate) async fn unless<T>(
        &self,
        span: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let (mut work, mut sleep) = (pin!(work), None);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                let sleep = sleep.get_or_insert_with(|| (self.0)(span));
                sleep.as_mut().poll(context).map(|()| None)
            }
        })
        .await
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}
