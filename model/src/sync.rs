//! The lock, the event and the clocks, in place of the standard library's and `event_listener`'s.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LockResult};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::clock;

pub(crate) use shuttle::sync::{RwLockReadGuard, RwLockWriteGuard};

thread_local! {
    static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
}

/// The behaviour of the event and of the callers: correct, or with one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Correct: the event wakes all listeners, and each waiter listens before it unlocks.
    None,
    /// The event also wakes listeners, and ends waits, without a reason.
    SpuriousWakeup,
    /// The event is never notified.
    NeverNotifies,
    /// The event wakes only one listener.
    NotifiesOne,
    /// The waiter unlocks a moment before it listens.
    ListensLate,
    /// The event is correct, but each login is sent five times, one after the other.
    FiveLogins,
    /// The event is correct, but each login is sent together with another one.
    ParallelLogins,
    /// The event is correct, but each leader continues two leases after its login.
    SlowLeader,
    /// The event is correct, but each call except the first caller's carries the token of the call
    /// before.
    PreviousToken,
    /// The event is correct, but each call carries a token that the server has not granted.
    ForgedToken,
    /// The event is correct, but each call except the first unwinds at its end.
    UnwindingCall,
    /// The event is correct, but the future of each call is dropped at its end.
    DroppedCall,
    /// The event is correct, but the first call continues one second after each wait.
    LateWakeup,
    /// The event is correct, but half of the journal's entries are not emitted.
    LostEvents,
    /// The event is correct, but the journal's entries are emitted in reverse order.
    ReversedEvents,
}

/// The behaviour in this scene.
pub(crate) fn fault() -> Fault {
    FAULT.get()
}

/// Sets the behaviour for the next scene.
pub(crate) fn set_fault(fault: Fault) {
    FAULT.set(fault);
}

/// Lets the other callers run, as they may between any two visible steps. This sleep is a switching
/// point, and takes no time.
fn pause() {
    thread::sleep(Duration::ZERO);
}

/// The event, which notifies its listeners.
///
/// A notified listener may be dropped before it has seen the notification. `event_listener` then
/// notifies another listener. This event does not, so that the session must not depend on it.
#[derive(Debug)]
pub(crate) struct Event(Arc<Listening>);

type Listening = std::sync::Mutex<Listeners>;

#[derive(Debug, Default)]
struct Listeners {
    /// Counts the listeners, so that each has its own number.
    begun: u64,
    /// The listeners, in the order in which they began.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    /// The waker of the listener, after it has begun to wait.
    waker: Option<Waker>,
}

impl Event {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn listen(&self) -> EventListener {
        pause();
        let mut listener = EventListener { event: Arc::clone(&self.0), number: None };
        if FAULT.get() != Fault::ListensLate {
            listener.begin();
        }
        listener
    }

    pub(crate) fn notify(&self, all: usize) {
        let count = match FAULT.get() {
            Fault::None
            | Fault::SpuriousWakeup
            | Fault::ListensLate
            | Fault::PreviousToken
            | Fault::FiveLogins
            | Fault::ParallelLogins
            | Fault::SlowLeader
            | Fault::ForgedToken
            | Fault::UnwindingCall
            | Fault::DroppedCall
            | Fault::LateWakeup
            | Fault::LostEvents
            | Fault::ReversedEvents => all,
            Fault::NotifiesOne => 1,
            Fault::NeverNotifies => 0,
        };
        pause();
        let notified: Vec<_> = {
            let waiting = &mut self.0.lock().unwrap().waiting;
            let count = waiting.len().min(count);
            waiting.drain(..count).collect()
        };
        notified.into_iter().filter_map(|listener| listener.waker).for_each(Waker::wake);
    }
}

#[derive(Debug)]
pub(crate) struct EventListener {
    event: Arc<Listening>,
    /// The number of the listener, after it has begun to listen.
    number: Option<u64>,
}

impl EventListener {
    fn begin(&mut self) -> u64 {
        let mut listeners = self.event.lock().unwrap();
        listeners.begun += 1;
        let number = listeners.begun;
        listeners.waiting.push(Waiting { number, waker: None });
        *self.number.insert(number)
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let number = self.number.unwrap_or_else(|| {
            pause();
            self.begin()
        });
        if FAULT.get() == Fault::SpuriousWakeup {
            match thread_rng().gen_range(0..4) {
                0 => return Poll::Ready(()),
                1 => context.waker().wake_by_ref(),
                _ => {}
            }
        }
        let waiting = &mut self.event.lock().unwrap().waiting;
        match waiting.iter_mut().find(|listener| listener.number == number) {
            Some(listener) => {
                listener.waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        self.event.lock().unwrap().waiting.retain(|listener| Some(listener.number) != self.number);
    }
}

/// The waits that block a thread.
pub(crate) trait Listener {
    fn wait(self);
    fn wait_deadline(self, until: Instant) -> Option<()>;
}

impl Listener for EventListener {
    fn wait(self) {
        clock::block_on(self);
    }

    fn wait_deadline(self, until: Instant) -> Option<()> {
        clock::block_on(clock::until(clock::sleep_until(until.0), self))
    }
}

/// shuttle's lock, which lets the clock tick each time it is locked.
#[derive(Debug)]
pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let locked = self.0.read();
        clock::tick();
        locked
    }

    pub(crate) fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let locked = self.0.write();
        clock::tick();
        locked
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(clock::elapsed())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    pub(crate) fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn checked_add(&self, span: Duration) -> Option<Self> {
        self.0.checked_add(span).map(Self)
    }
}

pub(crate) struct SystemTime;

impl SystemTime {
    pub(crate) fn now() -> std::time::SystemTime {
        UNIX_EPOCH + clock::elapsed()
    }
}
