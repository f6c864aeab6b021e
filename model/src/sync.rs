//! The parts that the shared session takes from the standard library and from `event_listener`
//! where it ships.

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
    static BELL: Cell<Notify> = const { Cell::new(Notify::Sound) };
}

/// How the event that ends waits behaves: right, or with one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// It wakes all listeners, and each waiter listens before the lock is free.
    Sound,
    /// It also wakes without a reason, and ends waits without one.
    Skittish,
    /// It is never notified.
    Silent,
    /// It wakes one of the listeners.
    ForOne,
    /// The lock is free a moment before the waiter listens.
    Late,
    /// It is sound, but each login is sent five times, one after the other.
    Often,
    /// It is sound, but each login is sent beside another one.
    Beside,
    /// It is sound, but each leader goes on only two leases after its login.
    Slow,
    /// It is sound, but each call except those of the first caller is sent with a token that was
    /// attached for the call before.
    Stale,
    /// It is sound, but each call is sent with a token that nobody has granted.
    Forged,
    /// It is sound, but each call except the first unwinds at its end.
    Unwinding,
    /// It is sound, but the future of each call is dropped at its end.
    Dropping,
    /// It is sound, but the first call goes on only a second after each wait.
    Dozing,
    /// It is sound, but half of the entries of the journal are not emitted.
    Muffled,
    /// It is sound, but the entries of the journal are emitted in reverse.
    Reversed,
}

/// How they behave in this scene.
pub(crate) fn bell() -> Notify {
    BELL.get()
}

/// Chooses how the event behaves in the next scene.
pub(crate) fn hang(bell: Notify) {
    BELL.set(bell);
}

/// Lets others run, as they may between any two steps that they can see. A sleep is a place to
/// switch at here, and takes no time.
fn pause() {
    thread::sleep(Duration::ZERO);
}

/// What rings for its listeners.
///
/// A listener that it has rung for may be dropped without having heard it. `event_listener` rings
/// for another one then; this one does not, so that nothing depends on it.
#[derive(Debug)]
pub(crate) struct Event(Arc<Listening>);

type Listening = std::sync::Mutex<Listeners>;

#[derive(Debug, Default)]
struct Listeners {
    /// Counts those who have begun to listen, which tells them apart.
    begun: u64,
    /// Those it is to ring for, in the order in which they have begun.
    ears: Vec<Ear>,
}

#[derive(Debug)]
struct Ear {
    number: u64,
    /// What to wake, once it waits.
    waker: Option<Waker>,
}

impl Event {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn listen(&self) -> EventListener {
        pause();
        let mut listener = EventListener { event: Arc::clone(&self.0), number: None };
        if BELL.get() != Notify::Late {
            listener.begin();
        }
        listener
    }

    pub(crate) fn notify(&self, all: usize) {
        let count = match BELL.get() {
            Notify::Sound
            | Notify::Skittish
            | Notify::Late
            | Notify::Stale
            | Notify::Often
            | Notify::Beside
            | Notify::Slow
            | Notify::Forged
            | Notify::Unwinding
            | Notify::Dropping
            | Notify::Dozing
            | Notify::Muffled
            | Notify::Reversed => all,
            Notify::ForOne => 1,
            Notify::Silent => 0,
        };
        pause();
        let heard: Vec<_> = {
            let ears = &mut self.0.lock().unwrap().ears;
            let count = ears.len().min(count);
            ears.drain(..count).collect()
        };
        heard.into_iter().filter_map(|ear| ear.waker).for_each(Waker::wake);
    }
}

#[derive(Debug)]
pub(crate) struct EventListener {
    event: Arc<Listening>,
    /// Which it is of those who listen, once it does.
    number: Option<u64>,
}

impl EventListener {
    fn begin(&mut self) -> u64 {
        let mut listeners = self.event.lock().unwrap();
        listeners.begun += 1;
        let number = listeners.begun;
        listeners.ears.push(Ear { number, waker: None });
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
        if BELL.get() == Notify::Skittish {
            match thread_rng().gen_range(0..4) {
                0 => return Poll::Ready(()),
                1 => context.waker().wake_by_ref(),
                _ => {}
            }
        }
        let ears = &mut self.event.lock().unwrap().ears;
        match ears.iter_mut().find(|ear| ear.number == number) {
            Some(ear) => {
                ear.waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        self.event.lock().unwrap().ears.retain(|ear| Some(ear.number) != self.number);
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

/// shuttle's lock, with a clock that goes on with each turn.
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
