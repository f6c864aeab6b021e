//! A call's wait for its token.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use waldo_auth_core::Call;

use crate::sync::{EventListener, Instant, Listener};

/// A wait that has begun: from here on nothing that settles is missed.
#[derive(Debug)]
#[must_use = "a call that does not wait asks again at once, and is told the same"]
pub struct Wait {
    settled: EventListener,
    /// `None` when it lies beyond what the clock can show.
    until: Option<Instant>,
    call: Call,
}

impl Wait {
    pub(crate) fn new(settled: EventListener, until: Option<Instant>, call: Call) -> Self {
        Self { settled, until, call }
    }

    /// Blocks this thread until something has settled, or the time is over. The call that comes back is to be admitted again.
    pub fn block(self) -> Call {
        match self.until {
            Some(until) => drop(self.settled.wait_deadline(until)),
            None => self.settled.wait(),
        }
        self.call
    }

    /// Waits until something has settled, or the time is over, which `sleep` tells: such as `wait.or(tokio::time::sleep)`, or any
    /// function that makes a future which ends after so long. The call that comes back is to be admitted again.
    ///
    /// Dropping the future ends the wait, and nobody else's.
    pub async fn or<F: Future>(self, sleep: impl FnOnce(Duration) -> F) -> Call {
        let span = self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        let (mut settled, mut sleep) = (pin!(self.settled), pin!(sleep(span)));
        poll_fn(|context| match settled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => sleep.as_mut().poll(context).map(drop),
        })
        .await;
        self.call
    }
}
