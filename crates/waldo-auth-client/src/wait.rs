//! A call's wait for its token, and the notification that ends it.
//!
//! Hazard: a waker runs user code. It may drop its task, run its task at once, or call the session.
//! So no waker is called while a lock is held, not even the lock of the [`Event`]. The event wakes
//! a [`DeferredWaker`], which only stores the task's waker. [`Notify::notify_all`] calls the stored
//! wakers afterwards.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use waldo_auth_core::Call;

use crate::sync::{Event, EventListener, Instant, Listener};

/// Wakes all waiting calls.
#[derive(Debug)]
pub(crate) struct Notify {
    event: Event,
    /// The wakers of notified tasks, until they are called.
    woken: Arc<Mutex<Vec<Waker>>>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self { event: Event::new(), woken: Arc::default() }
    }

    /// Begins a wait, which the next notification ends. `None` stands for an instant beyond the
    /// range of the clock.
    pub(crate) fn listen(&self, until: Option<Instant>) -> Listening {
        Listening { notified: self.event.listen(), woken: Arc::clone(&self.woken), until }
    }

    /// Ends all waits. Call it without a lock.
    pub(crate) fn notify_all(&self) {
        self.event.notify(usize::MAX);
        let woken = mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        woken.into_iter().for_each(Waker::wake);
    }
}

/// A registered wait for a notification. A notification that comes before the wait is carried out
/// ends it too.
#[derive(Debug)]
pub(crate) struct Listening {
    notified: EventListener,
    woken: Arc<Mutex<Vec<Waker>>>,
    until: Option<Instant>,
}

impl Listening {
    /// Blocks this thread until the notification comes, or the time is over.
    pub(crate) fn block(self) {
        match self.until {
            Some(until) => drop(self.notified.wait_deadline(until)),
            None => self.notified.wait(),
        }
    }

    /// Waits until the notification comes, or the time is over. Dropping the future ends this wait
    /// only.
    pub(crate) async fn or<F: Future>(self, sleep: impl FnOnce(Duration) -> F) {
        let span = self
            .until
            .map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        // Declare this before the listener, so that it drops after the listener. Dropping a waker
        // under the event's own lock could deadlock.
        let relay = Arc::new(DeferredWaker { woken: self.woken, waker: Mutex::new(None) });
        let (mut notified, mut sleep) = (pin!(self.notified), pin!(sleep(span)));
        poll_fn(|context| {
            relay.forward_to(context.waker());
            let relayed = Waker::from(Arc::clone(&relay));
            match notified.as_mut().poll(&mut Context::from_waker(&relayed)) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => sleep.as_mut().poll(context).map(drop),
            }
        })
        .await;
    }
}

/// A registered wait for the next change of the session, such as the end of a login. A change that
/// comes before [`block`](Self::block) or [`or`](Self::or) is called ends the wait too.
#[derive(Debug)]
#[must_use = "a call that does not wait asks again at once, and gets the same answer"]
pub struct Wait {
    pub(crate) listening: Listening,
    pub(crate) call: Call,
}

impl Wait {
    /// The call that waits.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Returns the call at once. Use this only if the login has already ended in the same thread or
    /// task. Otherwise use [`block`](Self::block) or [`or`](Self::or), or the call would spin.
    pub fn into_call(self) -> Call {
        self.call
    }

    /// Blocks this thread until the session changes, or the time is over. Admit the returned call
    /// again.
    pub fn block(self) -> Call {
        self.listening.block();
        self.call
    }

    /// Waits until the session changes, or the time is over. `sleep` makes a future that ends after
    /// the given time of the real clock, for example `wait.or(tokio::time::sleep)`. Admit the
    /// returned call again.
    ///
    /// Dropping the future ends this wait only.
    pub async fn or<F: Future>(self, sleep: impl FnOnce(Duration) -> F) -> Call {
        self.listening.or(sleep).await;
        self.call
    }
}

/// The waker that the event gets instead of the task's waker.
struct DeferredWaker {
    woken: Arc<Mutex<Vec<Waker>>>,
    waker: Mutex<Option<Waker>>,
}

impl DeferredWaker {
    fn forward_to(&self, waker: &Waker) {
        let mut target = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !target.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let former = target.replace(waker.clone());
            drop(target);
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
