//! Threads, tasks, and an emulator.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tracing::instrument::WithSubscriber;
use waldo_emulator::model::{Server, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_test_driver::setting::Setting;

use crate::listener::Listener;

/// The longest that anything in a test is waited for.
pub const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn emulator() -> Emulator {
    Emulator::start(Server::default()).unwrap()
}

/// The rounds of the 401 storm: `WALDO_STORM_ROUNDS`, or 10.
pub(crate) fn storm_rounds() -> u32 {
    Setting::StormRounds.read().unwrap().map_or(10, NonZeroU32::get)
}

/// Runs a test on a thread of its own, and fails the test if it does not end.
pub fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let running = thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    let limit = TIMEOUT * (6 + storm_rounds() / 10);
    let timed_out = matches!(ended.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout));
    assert!(!timed_out, "the test did not end");
    if let Err(panic) = running.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `call` on as many threads at once, each of them listening, and `meanwhile` on this one.
pub fn on_threads<T: Send>(
    count: usize,
    listener: &Listener,
    call: impl Fn(usize) -> T + Sync,
    meanwhile: impl FnOnce(),
) -> Vec<T> {
    thread::scope(|scope| {
        let call = &call;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || listener.during(|| call(number))))
            .collect();
        meanwhile();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Makes a call on each of that many threads, and holds the first login until all the other calls
/// wait for it.
pub fn with_one_login_for_all<T: Send>(
    count: usize,
    emulator: &Emulator,
    listener: &Listener,
    call: impl Fn() -> T + Sync,
) -> Vec<T> {
    emulator.hold(Hold::logins());
    on_threads(
        count,
        listener,
        |_| call(),
        || {
            listener.wait_for("coalesced", count - 1);
            emulator.release(Target::Login);
        },
    )
}

/// A connection lives as long as its runtime, so all tests share one.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap());

thread_local! {
    static PROGRAM: RefCell<Option<Rc<Runtime>>> = const { RefCell::new(None) };
}

/// A program of one thread, which does nothing between its calls.
#[derive(Debug)]
pub(crate) struct Program(Rc<Runtime>);

impl Program {
    /// A program that has made no call.
    pub(crate) fn new() -> Self {
        Self(Rc::new(Builder::new_current_thread().enable_all().build().unwrap()))
    }

    /// Runs the program until the calls have ended.
    pub(crate) fn run<T>(&self, calls: impl FnOnce() -> T) -> T {
        PROGRAM.set(Some(Rc::clone(&self.0)));
        let result = calls();
        PROGRAM.set(None);
        result
    }
}

/// Runs the future as a task with the subscriber of this thread, and waits for its end.
pub fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    PROGRAM.with_borrow(|program| {
        let runtime = program.as_deref().unwrap_or(&RUNTIME);
        let task = runtime.spawn(future.with_current_subscriber());
        runtime.block_on(task).unwrap()
    })
}
