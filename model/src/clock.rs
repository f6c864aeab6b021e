//! A clock that stands still while a caller can run, and jumps to the next deadline when all
//! callers wait.
//!
//! The callers of a schedule are coroutines of one real thread, so the shared state here needs no
//! lock.

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
    /// The number of threads that can run.
    running: usize,
    sleeping: Vec<Sleeping>,
    /// Counts the sleeps, so that each has its own number.
    sleeps: u64,
}

struct Sleeping {
    number: u64,
    until: Duration,
    waker: Waker,
}

/// The age of the session when the callers begin. It is not zero, so that a test notices an instant
/// that is confused with a duration.
const AGE: Duration = Duration::from_secs(100);

/// Sets the clock to zero, before a session is made.
pub(crate) fn reset() {
    CLOCK.replace(Clock { running: 1, ..Clock::default() });
}

/// Starts the clock of a scene with this number of threads.
pub(crate) fn start(threads: usize) {
    CLOCK.replace(Clock { running: threads, elapsed: AGE, ..Clock::default() });
}

/// The reading of the clock.
pub(crate) fn elapsed() -> Duration {
    CLOCK.with_borrow(|clock| clock.elapsed)
}

/// The time since the callers began, without the ticks.
pub(crate) fn passed() -> Duration {
    let passed = elapsed().saturating_sub(AGE);
    Duration::new(passed.as_secs(), passed.subsec_millis() * 1_000_000)
}

/// Lets the smallest time pass, so that all readings under the lock differ.
pub(crate) fn tick() {
    CLOCK.with_borrow_mut(|clock| clock.elapsed += Duration::from_nanos(1));
}

/// A thread has ended, or waits. If all other threads wait too, time jumps.
pub(crate) fn leave() {
    // Release the clock before waking, because a wake-up borrows the clock.
    let due = CLOCK.with_borrow_mut(|clock| {
        clock.running -= 1;
        clock.move_on()
    });
    due.into_iter().for_each(Waker::wake);
}

/// One more thread can run.
fn join() {
    CLOCK.with_borrow_mut(|clock| clock.running += 1);
}

impl Clock {
    /// If all threads wait, jumps to the next deadline, and returns the wakers of that deadline.
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

/// Waits for this time.
pub(crate) fn sleep(span: Duration) -> Sleep {
    sleep_until(elapsed().saturating_add(span))
}

/// Waits until the clock shows this time.
pub(crate) fn sleep_until(until: Duration) -> Sleep {
    CLOCK.with_borrow_mut(|clock| {
        assert!(until > clock.elapsed, "a wait must end in the future");
        clock.sleeps += 1;
        Sleep { number: clock.sleeps, until }
    })
}

/// A future that ends at its deadline.
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

/// Runs the future until `end`, and then drops it.
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

/// Runs a future to its end in a thread that counts as running. While the future waits, time may
/// pass.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = future::block_on(poll_fn(|context| Poll::Ready(context.waker().clone())));
    let pulse = Arc::new(Pulse { counted: AtomicBool::new(true), waker });
    let waker = Waker::from(Arc::clone(&pulse));
    let output = future::block_on(poll_fn(|_| {
        // A wake-up has already counted this thread. A poll without a wake-up must count it here.
        if !pulse.counted.swap(false, SeqCst) {
            join();
        }
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            leave();
        }
        polled
    }));
    // A wake-up after the last poll causes no further poll, so undo its count, and count no later
    // one.
    if pulse.counted.swap(true, SeqCst) {
        leave();
    }
    output
}

/// Counts a future as running from its wake-up until its poll.
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
