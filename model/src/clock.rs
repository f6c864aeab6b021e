//! Time that stands still while any caller can go on, and jumps to the next deadline when all of
//! them wait.
//!
//! The callers of a schedule are coroutines of one thread of the machine, so what they share here
//! needs no lock.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use shuttle::future;

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

#[derive(Default)]
struct Clock {
    elapsed: Duration,
    /// How many threads can go on, each with its callers.
    running: usize,
    sleeping: Vec<Sleeping>,
    /// Counts the sleeps, which tells them apart.
    sleeps: u64,
}

struct Sleeping {
    number: u64,
    until: Duration,
    waker: Waker,
}

/// How old the session is when the callers begin, so that an instant is not its own distance from
/// now.
const AGE: Duration = Duration::from_secs(100);

/// Puts the clock back to its zero, for the one who makes a session.
pub(crate) fn reset() {
    CLOCK.replace(Clock { running: 1, ..Clock::default() });
}

/// Starts the time of a scene of so many threads.
pub(crate) fn start(threads: usize) {
    CLOCK.replace(Clock { running: threads, elapsed: AGE, ..Clock::default() });
}

/// What the clock shows.
pub(crate) fn elapsed() -> Duration {
    CLOCK.with_borrow(|clock| clock.elapsed)
}

/// How much time has passed since the callers began, but for the ticks.
pub(crate) fn passed() -> Duration {
    let passed = elapsed().saturating_sub(AGE);
    Duration::new(passed.as_secs(), passed.subsec_millis() * 1_000_000)
}

/// Lets the least of time pass, so that no two readings under the lock are equal.
pub(crate) fn tick() {
    CLOCK.with_borrow_mut(|clock| clock.elapsed += Duration::from_nanos(1));
}

/// A thread has ended, or waits: the others may be all that is left, and wait.
pub(crate) fn leave() {
    // Waking takes the clock, so it is let go of first.
    let due = CLOCK.with_borrow_mut(|clock| {
        clock.running -= 1;
        clock.move_on()
    });
    due.into_iter().for_each(Waker::wake);
}

/// One more can go on.
fn join() {
    CLOCK.with_borrow_mut(|clock| clock.running += 1);
}

impl Clock {
    /// Jumps to the next deadline when all wait, and says who has waited for it.
    fn move_on(&mut self) -> Vec<Waker> {
        let next = self.sleeping.iter().map(|sleeping| sleeping.until).min();
        match next {
            Some(next) if self.running == 0 => {
                self.elapsed = self.elapsed.max(next);
                let due = self.sleeping.extract_if(.., |sleeping| sleeping.until <= next);
                due.map(|sleeping| sleeping.waker).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }
}

/// Lets time pass.
pub(crate) fn sleep(span: Duration) -> Sleep {
    sleep_until(elapsed().saturating_add(span))
}

/// Lets time pass until the clock shows this.
pub(crate) fn sleep_until(until: Duration) -> Sleep {
    CLOCK.with_borrow_mut(|clock| {
        assert!(until > clock.elapsed, "a wait must end in the future");
        clock.sleeps += 1;
        Sleep { number: clock.sleeps, until }
    })
}

/// A future that ends at its time.
#[derive(Debug)]
#[must_use]
pub(crate) struct Sleep {
    number: u64,
    until: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { number, until } = *self;
        CLOCK.with_borrow_mut(|clock| {
            clock.sleeping.retain(|sleeping| sleeping.number != number);
            if clock.elapsed >= until {
                return Poll::Ready(());
            }
            clock.sleeping.push(Sleeping { number, until, waker: context.waker().clone() });
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        CLOCK.with_borrow_mut(|clock| {
            clock.sleeping.retain(|sleeping| sleeping.number != self.number);
        });
    }
}

/// Runs the future until `end`, and drops it then.
pub(crate) async fn until<T>(
    end: impl Future<Output = ()>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let (mut end, mut future) = (pin!(end), pin!(future));
    poll_fn(|context| match end.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(context).map(Some),
    })
    .await
}

/// Runs a future to its end in the stead of one who can go on: while it waits, time may pass.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = future::block_on(poll_fn(|context| Poll::Ready(context.waker().clone())));
    let pulse = Arc::new(Pulse { counted: AtomicBool::new(true), waker });
    let waker = Waker::from(Arc::clone(&pulse));
    let output = future::block_on(poll_fn(|_| {
        // Whoever has woken it has counted it; it may also be polled without a reason.
        if !pulse.counted.swap(false, SeqCst) {
            join();
        }
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            leave();
        }
        polled
    }));
    // Wake-ups since the last poll, and later ones, lead to no further poll.
    if pulse.counted.swap(true, SeqCst) {
        leave();
    }
    output
}

/// Counts a future among those who can go on, from when it is woken until it is polled.
struct Pulse {
    counted: AtomicBool,
    waker: Waker,
}

impl Wake for Pulse {
    fn wake(self: Arc<Self>) {
        if !self.counted.swap(true, SeqCst) {
            join();
        }
        self.waker.wake_by_ref();
    }
}
