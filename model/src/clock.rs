//! Time that stands still while any thread can go on, and jumps to the next deadline when all of them wait.
//!
//! The threads of a schedule are coroutines of one thread of the machine, so what they share here needs no lock.

use std::cell::RefCell;
use std::time::Duration;

use shuttle::sync::mpsc::{Receiver, Sender, channel};

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

#[derive(Default)]
struct Clock {
    elapsed: Duration,
    /// How many threads have not ended.
    running: usize,
    waiting: Vec<Waiting>,
    /// Counts the waits, which tells them apart.
    waits: u64,
}

struct Waiting {
    number: u64,
    until: Duration,
    wake: Sender<()>,
    /// Whether the bell wakes it too.
    listens: bool,
}

/// How old the session is when the threads begin, so that an instant is not its own distance from now.
const AGE: Duration = Duration::from_secs(100);

/// Puts the clock back to its zero, before there is a session.
pub(crate) fn reset() {
    CLOCK.take();
}

/// Starts the time of a scene of so many threads.
pub(crate) fn start(threads: usize) {
    CLOCK.replace(Clock { running: threads, elapsed: AGE, ..Clock::default() });
}

/// What the clock shows.
pub(crate) fn elapsed() -> Duration {
    CLOCK.with_borrow(|clock| clock.elapsed)
}

/// How much time has passed since the threads began, but for the ticks.
pub(crate) fn passed() -> Duration {
    let passed = elapsed().saturating_sub(AGE);
    Duration::new(passed.as_secs(), passed.subsec_millis() * 1_000_000)
}

/// Lets the least of time pass, so that no two readings under the lock are equal.
pub(crate) fn tick() {
    CLOCK.with_borrow_mut(|clock| clock.elapsed += Duration::from_nanos(1));
}

/// A thread has ended, so that the others may be all that is left, and wait.
pub(crate) fn leave() {
    CLOCK.with_borrow_mut(|clock| clock.running -= 1);
    move_on();
}

/// Lets time pass for this thread.
pub(crate) fn sleep(span: Duration) {
    Wait::begin(span, false).end();
}

/// A wait of this thread that has begun: others can end it from now on.
#[must_use]
pub(crate) struct Wait {
    number: u64,
    woken: Receiver<()>,
}

impl Wait {
    pub(crate) fn begin(span: Duration, listens: bool) -> Self {
        assert!(!span.is_zero(), "a wait must end in the future");
        let (wake, woken) = channel();
        CLOCK.with_borrow_mut(|clock| {
            clock.waits += 1;
            let (number, until) = (clock.waits, clock.elapsed + span);
            clock.waiting.push(Waiting { number, until, wake, listens });
            Self { number, woken }
        })
    }

    /// Waits for its end.
    pub(crate) fn end(self) {
        move_on();
        self.woken.recv().unwrap();
    }

    /// Ends it without a reason.
    pub(crate) fn give_up(self) {
        CLOCK.with_borrow_mut(|clock| clock.waiting.retain(|waiting| waiting.number != self.number));
    }
}

/// Wakes all who listen.
pub(crate) fn ring_for_all() {
    wake(|clock| clock.end(|waiting| waiting.listens));
}

/// Wakes the one who has listened longest.
pub(crate) fn ring_for_one() {
    wake(|clock| {
        let first = clock.waiting.iter().find(|waiting| waiting.listens).map(|waiting| waiting.number);
        clock.end(|waiting| Some(waiting.number) == first)
    });
}

/// Jumps to the next deadline when all who run wait.
fn move_on() {
    wake(|clock| {
        let next = clock.waiting.iter().map(|waiting| waiting.until).min();
        match next {
            Some(next) if clock.waiting.len() == clock.running => {
                clock.elapsed = clock.elapsed.max(next);
                clock.end(|waiting| waiting.until <= next)
            }
            Some(_) | None => Vec::new(),
        }
    });
}

fn wake(end: impl FnOnce(&mut Clock) -> Vec<Sender<()>>) {
    // Waking is where others may run, so the clock is let go of first.
    for wake in CLOCK.with_borrow_mut(end) {
        // Whoever has given its wait up meanwhile needs no waking.
        wake.send(()).ok();
    }
}

impl Clock {
    fn end(&mut self, which: impl Fn(&Waiting) -> bool) -> Vec<Sender<()>> {
        self.waiting.extract_if(.., |waiting| which(waiting)).map(|waiting| waiting.wake).collect()
    }
}
