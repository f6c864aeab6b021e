//! A call's wait for its token, and the bell that ends it.
//!
//! Whoever rings the bell wakes tasks by their wakers, and a waker is anybody's code: it may drop
//! its task, run it on the spot or come back to the session. So no waker is called while any lock
//! is held. Waking a [`DeferredWaker`] only notes the waker behind it, and whoever has rung calls
//! what was noted when it is done.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use waldo_auth_core::Call;

use crate::sync::{Event, EventListener, Instant, Listener};

/// Wakes all who listen.
#[derive(Debug)]
pub(crate) struct Notify {
    event: Event,
    /// The wakers of those who were woken, until they are called.
    woken: Arc<Mutex<Vec<Waker>>>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self { event: Event::new(), woken: Arc::default() }
    }

    /// Begins a wait: what rings from here on ends it.
    pub(crate) fn listen(&self, until: Option<Instant>, call: Call) -> Wait {
        Wait { settled: self.event.listen(), woken: Arc::clone(&self.woken), until, call }
    }

    /// Ends all waits. To be called without a lock.
    pub(crate) fn ring(&self) {
        self.event.notify(usize::MAX);
        let woken = mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        woken.into_iter().for_each(Waker::wake);
    }
}

/// A registered wait. It ends with the next change of the session, such as the end of a login, even
/// if that comes before [`block`](Self::block) or [`or`](Self::or) is called.
#[derive(Debug)]
#[must_use = "a call that does not wait asks again at once, and is told the same"]
pub struct Wait {
    settled: EventListener,
    woken: Arc<Mutex<Vec<Waker>>>,
    /// `None` when it lies beyond what the clock can show.
    until: Option<Instant>,
    call: Call,
}

impl Wait {
    /// The call that waits.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Returns the call without waiting. Use this after the login ran in the same place. If the
    /// login runs elsewhere, use [`block`](Self::block) or [`or`](Self::or): the call would
    /// spin otherwise.
    pub fn into_call(self) -> Call {
        self.call
    }

    /// Blocks this thread until something has settled, or the time is over. The call that comes
    /// back is to be admitted again.
    pub fn block(self) -> Call {
        match self.until {
            Some(until) => drop(self.settled.wait_deadline(until)),
            None => self.settled.wait(),
        }
        self.call
    }

    /// Waits until something has settled, or the time is over, which `sleep` tells: such as
    /// `wait.or(tokio::time::sleep)`, or any function that makes a future which ends after so
    /// long, by the real clock. The call that comes back is to be admitted again.
    ///
    /// Dropping the future ends the wait, and nobody else's.
    pub async fn or<F: Future>(self, sleep: impl FnOnce(Duration) -> F) -> Call {
        let span = self
            .until
            .map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        // Declared before the listener, and so dropped after it: the bell's own lock is never held
        // where a waker is dropped.
        let relay = Arc::new(DeferredWaker { woken: self.woken, waker: Mutex::new(None) });
        let (mut settled, mut sleep) = (pin!(self.settled), pin!(sleep(span)));
        poll_fn(|context| {
            relay.lead_to(context.waker());
            let relayed = Waker::from(Arc::clone(&relay));
            match settled.as_mut().poll(&mut Context::from_waker(&relayed)) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => sleep.as_mut().poll(context).map(drop),
            }
        })
        .await;
        self.call
    }
}

/// Stands in for a task's waker where the bell would call it.
struct DeferredWaker {
    woken: Arc<Mutex<Vec<Waker>>>,
    waker: Mutex<Option<Waker>>,
}

impl DeferredWaker {
    fn lead_to(&self, waker: &Waker) {
        let mut led_to = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !led_to.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let former = led_to.replace(waker.clone());
            drop(led_to);
            drop(former);
        }
    }
}

impl Wake for DeferredWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).extend(waker);
    }
}
