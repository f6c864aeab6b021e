//! A call's wait for its token.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::sync::{EventListener, Instant, Listener};

/// A wait that has begun: from here on nothing that settles is missed. Afterwards, admit the call again.
#[derive(Debug)]
#[must_use = "a call that does not wait asks again at once, and is told the same"]
pub struct Wait {
    settled: EventListener,
    /// `None` when it lies beyond what the clock can show.
    until: Option<Instant>,
}

impl Wait {
    pub(crate) fn new(settled: EventListener, until: Option<Instant>) -> Self {
        Self { settled, until }
    }

    /// How long to wait from now on, at most.
    pub fn span(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Blocks this thread until something has settled, or the time is over.
    pub fn block(self) {
        match self.until {
            Some(until) => drop(self.settled.wait_deadline(until)),
            None => self.settled.wait(),
        }
    }

    /// Waits until something has settled, or `sleep` has ended, which is to take [`span`](Self::span) of time.
    ///
    /// Dropping the future ends the wait, and nobody else's.
    pub async fn or(self, sleep: impl Future<Output = ()>) {
        let (mut settled, mut sleep) = (pin!(self.settled), pin!(sleep));
        poll_fn(|context| match settled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => sleep.as_mut().poll(context),
        })
        .await;
    }
}
