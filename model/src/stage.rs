//! One session that threads share, and a server that answers logins by script.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use shuttle::thread;
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Head, Login, Outcome, Reason, Refusal, Session, Unavailable,
};

use crate::monitor::{Monitor, Unsent};
use crate::sync::{self, Bell};
use crate::{clock, trace};

/// What becomes of a login.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Granted,
    /// Granted, but only after so long.
    Late(Duration),
    Unavailable,
    Rejected,
    /// The leader gives up.
    Abandoned,
    /// The leader unwinds.
    Lost,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum End {
    /// It was sent with the token of this edition.
    Sent(u64),
    Refused(Refusal),
    /// Its thread unwound.
    Lost,
}

/// What became of a thread's call, and how much time had passed then.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) at: Duration,
}

/// What the server and the clock have seen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) logins: usize,
    pub(crate) at_once: usize,
    pub(crate) passed: Duration,
}

pub(crate) struct Stage {
    pub(crate) monitor: Monitor,
    /// The answers to the logins in order; the last one stands for all that follow.
    script: &'static [Answer],
    logins: AtomicUsize,
    under_way: AtomicUsize,
    at_once: AtomicUsize,
}

/// What a thread unwinds with when it is lost on purpose.
struct OnPurpose;

impl Stage {
    pub(crate) fn new(bell: Bell, script: &'static [Answer]) -> Self {
        sync::hang(bell);
        clock::reset();
        trace::listen(false);
        let config = Config::builder("https://api.waldo.ai", credentials()).build().unwrap();
        let none = || AtomicUsize::new(0);
        Self {
            monitor: Monitor::new(Session::new(config)),
            script,
            logins: none(),
            under_way: none(),
            at_once: none(),
        }
    }

    /// Makes a call, until it is sent or refused.
    pub(crate) fn call(&self, call: Call) -> End {
        match self.send(call) {
            Ok(attempt) => End::Sent(attempt.edition()),
            Err(refusal) => End::Refused(refusal),
        }
    }

    pub(crate) fn send(&self, call: Call) -> Result<Attempt, Refusal> {
        let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
        self.monitor.admit(call, &mut request, |login, _| self.authenticate(login)).map_err(|unsent| {
            match unsent {
                Unsent::Refused(refusal) => refusal,
                Unsent::Foreign => panic!("the request goes to the origin"),
            }
        })
    }

    pub(crate) fn seen(&self) -> Seen {
        let (logins, at_once) = (self.logins.load(SeqCst), self.at_once.load(SeqCst));
        Seen { logins, at_once, passed: clock::passed() }
    }

    fn authenticate(&self, login: &Login) -> Outcome {
        let number = self.logins.fetch_add(1, SeqCst);
        let _under_way = UnderWay::begin(self);
        // Here the others run, while the login is on its way.
        thread::yield_now();
        match self.script.get(number).or(self.script.last()).unwrap() {
            Answer::Granted => granted(login, number),
            Answer::Late(span) => {
                clock::sleep(*span);
                granted(login, number)
            }
            Answer::Unavailable => Outcome::Unavailable(Unavailable::new(Reason::Transport)),
            Answer::Rejected => read(login, StatusCode::UNAUTHORIZED, r#"{"code":"INVALID_API_KEY"}"#),
            Answer::Abandoned => Outcome::Abandoned,
            Answer::Lost => unwind(),
        }
    }
}

/// Runs so many threads to their ends.
pub(crate) fn on_threads(threads: usize, run: impl Fn(usize) -> End + Sync) -> Vec<Ended> {
    clock::start(threads);
    thread::scope(|scope| {
        let run = &run;
        let spawn = |thread| scope.spawn(move || end(|| run(thread)));
        let handles: Vec<_> = (0..threads).map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}

/// Ends this thread's call by unwinding.
pub(crate) fn unwind() -> ! {
    // Without the hook of a panic, which would tell of a failure.
    resume_unwind(Box::new(OnPurpose))
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("k", "s").unwrap()
}

fn end(run: impl FnOnce() -> End) -> Ended {
    let end = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|payload| if payload.is::<OnPurpose>() { End::Lost } else { resume_unwind(payload) });
    let at = clock::passed();
    clock::leave();
    Ended { end, at }
}

fn granted(login: &Login, number: usize) -> Outcome {
    read(login, StatusCode::OK, &format!(r#"{{"token":"e30.e30.sig{number}"}}"#))
}

fn read(login: &Login, status: StatusCode, body: &str) -> Outcome {
    login.read(Head::new(status, &HeaderMap::new()), body.as_bytes())
}

/// Counts a login until it ends, however it does.
struct UnderWay<'a>(&'a Stage);

impl<'a> UnderWay<'a> {
    fn begin(stage: &'a Stage) -> Self {
        let at_once = stage.under_way.fetch_add(1, SeqCst) + 1;
        stage.at_once.fetch_max(at_once, SeqCst);
        Self(stage)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, SeqCst);
    }
}
