//! The session behind a lock, and the bell that wakes those who wait for it.
//!
//! The lock is held around the core's methods and the wait for the bell, never over IO and never while an event is emitted
//! (rule 19). The core's answer "wait" and the wait itself stand in one critical section, so no bell can ring between them.
//!
//! Each thread emits the journal's entries that nobody has taken before it, once it has unlocked. So a slow subscriber
//! delays a thread by one batch of entries, whatever the others do meanwhile; the price is that batches of several threads may be
//! heard out of order, and so each entry carries its number.

use std::sync::PoisonError;
use std::time::Duration;

use http::Request;
use waldo_auth_core::{Attempt, Call, Entry, ForeignOrigin, Login, Now, Outcome, Refusal, Session, Step};

use crate::leader::Leader;
use crate::sync::{Condvar, Instant, Mutex, MutexGuard, SystemTime};
use crate::trace;

/// A session that threads share.
#[derive(Debug)]
pub(crate) struct Monitor {
    state: Mutex<State>,
    settled: Condvar,
    /// The zero of the core's monotonic clock.
    started: Instant,
}

/// Why a call was not sent.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// Its request goes elsewhere.
    Foreign,
    Refused(Refusal),
}

#[derive(Debug)]
struct State {
    session: Session,
    /// The number of the last journal entry that a thread has taken to emit.
    told: u64,
    /// The latest reading of the monotonic clock that the session was told.
    latest: waldo_auth_core::Instant,
}

impl Monitor {
    pub(crate) fn new(session: Session) -> Self {
        let latest = waldo_auth_core::Instant::from_start(Duration::ZERO);
        let state = Mutex::new(State { session, told: 0, latest });
        Self { state, settled: Condvar::new(), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        Now { monotonic: self.instant(), wall: SystemTime::now() }
    }

    /// The monotonic clock alone.
    pub(crate) fn instant(&self) -> waldo_auth_core::Instant {
        waldo_auth_core::Instant::from_start(self.started.elapsed())
    }

    /// Waits until the request carries a token or the call is refused, and logs in for everyone if that falls to it.
    pub(crate) fn admit<B>(
        &self,
        mut call: Call,
        request: &mut Request<B>,
        authenticate: impl Fn(&Login, &Call) -> Outcome,
    ) -> Result<Attempt, Unsent> {
        loop {
            let (mut state, now) = self.enter();
            let step = state.session.admit(call, request, now);
            call = match step.map_err(|ForeignOrigin { .. }| Unsent::Foreign)? {
                Step::Send(attempt) => {
                    release(state);
                    return Ok(attempt);
                }
                Step::Authenticate(login, then) => {
                    // A leader is in a hurry, for everyone: what it has to tell is told with the end of its login, or by those who wait.
                    drop(state);
                    Leader::new(self, login).log_in(|login| authenticate(login, &then));
                    then
                }
                // With something to tell, a wait would hold it back: the next answer is the same.
                Step::Wait(then, _) if state.has_news() => {
                    release(state);
                    then
                }
                Step::Wait(then, until) => {
                    let span = until.saturating_duration_since(now.monotonic);
                    drop(self.settled.wait_timeout(state, span));
                    then
                }
                Step::Refuse(refusal) => {
                    release(state);
                    return Err(Unsent::Refused(refusal));
                }
            };
        }
    }

    /// Ends a login and wakes everyone who waits.
    pub(crate) fn settle(&self, login: Login, outcome: Outcome) {
        self.change(|session, now| session.settle(login, outcome, now));
    }

    /// Runs something that changes what others wait for, and wakes them.
    pub(crate) fn change<R>(&self, run: impl FnOnce(&mut Session, Now) -> R) -> R {
        self.with(|session, now| {
            let result = run(session, now);
            self.settled.notify_all();
            result
        })
    }

    /// Runs something that nobody waits for.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut Session, Now) -> R) -> R {
        let (mut state, now) = self.enter();
        let result = run(&mut state.session, now);
        release(state);
        result
    }

    /// Locks the session, and says what time it is for it.
    fn enter(&self) -> (MutexGuard<'_, State>, Now) {
        // Read before, so that the lock is held the shorter. Two threads may come in the other way round, so the later reading
        // counts for both: the core never sees time run backwards.
        let mut now = self.now();
        let mut state = self.lock();
        state.latest = state.latest.max(now.monotonic);
        now.monotonic = state.latest;
        (state, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the session half changed: it is valid between any two of its steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unlocks, then emits what this thread has taken.
fn release(mut state: MutexGuard<'_, State>) {
    if state.has_news() {
        let news = state.take_news();
        drop(state);
        news.iter().for_each(trace::emit);
    }
}

impl State {
    fn has_news(&self) -> bool {
        // A subscriber that panics on top of a panic would end the process; the next step takes what is left.
        self.session.journal().written() > self.told && !std::thread::panicking()
    }

    /// The entries that nobody has taken yet, each for one thread to emit.
    fn take_news(&mut self) -> Vec<Entry> {
        let journal = self.session.journal();
        let told = std::mem::replace(&mut self.told, journal.written());
        // A fresh token comes with every response; copying that down for nobody would cost an allocation each time.
        if trace::is_heard() { journal.since(told).copied().collect() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use http::{HeaderMap, StatusCode};
    use waldo_auth_core::{Config, Credentials, Explanation, Head, Reason, Unavailable, Unheld};

    use super::*;

    fn monitor() -> Monitor {
        let credentials = Credentials::new("k", "s").unwrap();
        Monitor::new(Session::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap()))
    }

    fn request() -> Request<()> {
        Request::get("https://api.waldo.ai/customer").body(()).unwrap()
    }

    fn lead(monitor: &Monitor) -> Leader<'_> {
        let step = monitor.with(|session, now| session.admit(Call::replayable(), &mut request(), now));
        let Ok(Step::Authenticate(login, _)) = step else {
            panic!("nothing is held, and nobody leads: {step:?}")
        };
        Leader::new(monitor, login)
    }

    fn rejected(login: &Login) -> Outcome {
        login.read(Head::new(StatusCode::UNAUTHORIZED, &HeaderMap::new()), br#"{"code":"INVALID_API_KEY"}"#)
    }

    #[test]
    fn rule_19_a_poisoned_lock_is_recovered() {
        let monitor = monitor();
        let leader = lead(&monitor);
        let poisoning = catch_unwind(AssertUnwindSafe(|| monitor.with(|_, _| panic!("on purpose"))));
        assert!(poisoning.is_err());
        assert!(monitor.state.lock().is_err());
        std::thread::scope(|scope| {
            // It waits on the poisoned lock, is woken, and takes over.
            let follower =
                scope.spawn(|| monitor.admit(Call::replayable(), &mut request(), |login, _| rejected(login)));
            while monitor.with(|session, _| session.journal().written()) < 2 {
                std::thread::yield_now();
            }
            drop(leader);
            let unsent = follower.join().unwrap().unwrap_err();
            assert!(matches!(unsent, Unsent::Refused(Refusal::Rejected { .. })), "{unsent:?}");
        });
        let explanation = monitor.with(|session, now| session.explain(now));
        assert!(!matches!(explanation, Explanation::Join { .. } | Explanation::Send { .. }), "{explanation}");
    }

    #[test]
    fn rule_13_a_login_is_settled_with_what_comes_of_it() {
        let monitor = monitor();
        lead(&monitor).log_in(|_| Outcome::Unavailable(Unavailable::new(Reason::Transport)));
        let explanation = monitor.with(|session, now| session.explain(now));
        assert!(matches!(explanation, Explanation::BackOff { .. }), "{explanation}");
    }

    #[test]
    fn rule_13_a_leader_that_is_dropped_has_abandoned_its_login() {
        let monitor = monitor();
        drop(lead(&monitor));
        let explanation = monitor.with(|session, now| session.explain(now));
        assert!(matches!(explanation, Explanation::Authenticate { why: Unheld::Cold }), "{explanation}");
    }

    /// How long this thread has been on a CPU, where the system tells.
    fn on_cpu() -> Option<Duration> {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }

    #[test]
    fn rule_14_the_wait_ends_by_itself_when_nobody_rings() {
        let monitor = monitor();
        let leader = lead(&monitor);
        let (soon, before) = (monitor.instant().saturating_add(Duration::from_millis(100)), on_cpu());
        let call = Call::replayable().with_deadline(soon);
        let unsent = monitor.admit(call, &mut request(), |_, _| panic!("another leads")).unwrap_err();
        assert!(matches!(unsent, Unsent::Refused(Refusal::Deadline { .. })), "{unsent:?}");
        assert!(monitor.instant() >= soon);
        if let (Some(before), Some(after)) = (before, on_cpu()) {
            // A busy machine leaves a thread that spins a quarter of the time at least; one that waits needs a fraction of a millisecond.
            let spent = after.saturating_sub(before);
            assert!(spent < Duration::from_millis(10), "it spins: {spent:?} of 100 ms");
        }
        drop(leader);
    }

    #[test]
    fn what_nobody_hears_is_neither_copied_nor_kept_for_later() {
        let monitor = monitor();
        let mut state = monitor.lock();
        state.session.invalidate(monitor.now());
        assert!(state.has_news());
        assert!(state.take_news().is_empty());
        assert_eq!(state.told, state.session.journal().written());
        drop(state);
    }
}
