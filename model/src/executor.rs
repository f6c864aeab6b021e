//! One thread that runs tasks. It picks any woken task, runs it until it waits, and then picks
//! another.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use shuttle::rand::{Rng, thread_rng};

/// Runs all futures to their ends.
pub(crate) async fn run<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let thread = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
    let mut tasks: Vec<_> = futures.into_iter().map(|future| Task::new(future, &thread)).collect();
    poll_fn(|_| {
        loop {
            let mut woken: Vec<_> = tasks.iter_mut().filter(|task| task.is_woken()).collect();
            if woken.is_empty() {
                break;
            }
            let next = thread_rng().gen_range(0..woken.len());
            woken[next].run();
        }
        if tasks.iter().all(|task| task.output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    tasks.into_iter().filter_map(|task| task.output).collect()
}

struct Task<F: Future> {
    future: Pin<Box<F>>,
    alarm: Arc<Alarm>,
    output: Option<F::Output>,
}

impl<F: Future> Task<F> {
    fn new(future: F, thread: &Waker) -> Self {
        let alarm = Alarm { woken: AtomicBool::new(true), thread: thread.clone() };
        Self { future: Box::pin(future), alarm: Arc::new(alarm), output: None }
    }

    fn is_woken(&self) -> bool {
        self.output.is_none() && self.alarm.woken.load(SeqCst)
    }

    fn run(&mut self) {
        self.alarm.woken.store(false, SeqCst);
        let waker = Waker::from(Arc::clone(&self.alarm));
        if let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.output = Some(output);
        }
    }
}

/// The waker of one task. It also wakes the thread.
struct Alarm {
    woken: AtomicBool,
    thread: Waker,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, SeqCst);
        self.thread.wake_by_ref();
    }
}
