//! A waker is foreign code, and may do anything when it is called.

use std::future::pending;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use waldo_auth_client::{Call, Credentials};
use waldo_auth_client::{Lead, SharedSession};

use crate::site::{admit, grant, lead, session, wait};

type Task = Pin<Box<dyn Future<Output = Call> + Send>>;

/// A task that waits for another call's login.
fn waiting(session: &Arc<SharedSession>) -> Task {
    let session = Arc::clone(session);
    Box::pin(async move { wait(&session, Call::replayable()).or(|_| pending::<()>()).await })
}

/// A waker that runs `what` at its first call.
struct Does<F> {
    times: AtomicUsize,
    what: F,
}

impl<F: Fn() + Send + Sync + 'static> Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        if self.times.fetch_add(1, SeqCst) == 0 {
            (self.what)();
        }
    }
}

/// Lets each task wait with its waker, and abandons the login. Fails if this blocks.
fn ends(session: Arc<SharedSession>, tasks: Vec<(Arc<Mutex<Option<Task>>>, Waker)>) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let lead = lead(&session);
        for (task, waker) in &tasks {
            let mut task = task.lock().unwrap();
            assert!(
                task.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(waker)).is_pending()
            );
        }
        drop(lead);
        // The session still works.
        drop(admit(&session, Call::replayable()));
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(20)).expect("a waker blocks the session");
}

/// Two tasks wait. The waker of the first task does something to the second task.
fn two(session: &Arc<SharedSession>, what: impl Fn(&Mutex<Option<Task>>) + Send + Sync + 'static) {
    let slot = || Arc::new(Mutex::new(Some(waiting(session))));
    let (first, second) = (slot(), slot());
    let other = Arc::clone(&second);
    let waker =
        Waker::from(Arc::new(Does { times: AtomicUsize::new(0), what: move || what(&other) }));
    ends(Arc::clone(session), vec![(first, waker), (second, Waker::noop().clone())]);
}

/// Counts its calls.
#[derive(Default)]
pub(crate) struct Counts(pub(crate) AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn rule_13_waiting_task_is_woken_through_last_waker() {
    let session = Arc::new(session());
    let lead = lead(&session);
    let (mut task, former, last) =
        (waiting(&session), Arc::new(Counts::default()), Arc::new(Counts::default()));
    for waker in [Arc::clone(&former), Arc::clone(&last), Arc::clone(&last)] {
        let polled = task.as_mut().poll(&mut Context::from_waker(&Waker::from(waker)));
        assert!(polled.is_pending());
    }
    drop(lead);
    assert_eq!((former.0.load(SeqCst), last.0.load(SeqCst)), (0, 1));
    assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn rule_18_each_session_change_wakes_all_waiters() {
    /// Makes a change. Returns the lead if the login is still under way.
    type Change<'a> = &'a dyn Fn(&SharedSession, Lead) -> Option<Lead>;
    let stored = {
        let session = session();
        grant(lead(&session));
        session.snapshot().unwrap()
    };
    let changes: [Change<'_>; 5] = [
        &|_, lead| {
            grant(lead);
            None
        },
        &|_, lead| {
            lead.fail("no route to host");
            None
        },
        &|_, lead| {
            drop(lead);
            None
        },
        &|session, lead| {
            session.resume(&stored).unwrap();
            Some(lead)
        },
        &|session, lead| {
            session.reset(Credentials::new("k", "another").unwrap());
            Some(lead)
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let session = Arc::new(session());
        let lead = lead(&session);
        let (mut task, count) = (waiting(&session), Arc::new(Counts::default()));
        let waker = Waker::from(Arc::clone(&count));
        assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let lead = change(&session, lead);
        assert_eq!(count.0.load(SeqCst), 1, "change {number}");
        drop(lead);
    }
}

#[test]
fn rule_18_waker_dropping_waiting_task_blocks_no_call() {
    two(&Arc::new(session()), |task| drop(task.lock().unwrap().take()));
}

#[test]
fn rule_18_waker_polling_task_inline_blocks_no_call() {
    two(&Arc::new(session()), |task| {
        let mut task = task.lock().unwrap();
        let polled = task.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(_)));
    });
}

#[test]
fn rule_18_waker_reentering_session_blocks_no_call() {
    let session = Arc::new(session());
    let again = Arc::clone(&session);
    two(&session, move |_| {
        let lead = lead(&again);
        let wait = wait(&again, Call::replayable());
        // In this order, the wait is still listening when its own lead is abandoned.
        drop(lead);
        drop(wait);
    });
}

/// A waker that holds a login, and abandons the login when the last copy of the waker is dropped.
struct Holds(#[expect(dead_code, reason = "its drop ends the login")] Lead);

impl Wake for Holds {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn rule_18_waker_changing_session_on_drop_blocks_no_call() {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let session = Arc::new(session());
        let waker = Waker::from(Arc::new(Holds(lead(&session))));
        let mut task = waiting(&session);
        assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        // Another waker replaces the first waker, which is dropped.
        assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(20)).expect("the drop of the waker blocks the session");
}
