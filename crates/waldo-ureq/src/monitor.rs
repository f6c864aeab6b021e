//! The session behind a lock, and the bell that wakes those who wait for it.
//!
//! The lock is held around the core's methods and the wait for the bell, never over IO and never while an event is emitted
//! (rule 19). The core's answer "wait" and the wait itself stand in one critical section, so no bell can ring between them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use waldo_auth_core::{Call, Entry, Now, Outcome, Permit, Refusal, Session, Step};

use crate::clock::Clock;
use crate::login::Leader;
use crate::trace;

/// A session that threads share.
#[derive(Debug)]
pub(crate) struct Monitor {
    state: Mutex<State>,
    settled: Condvar,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    session: Session,
    /// The number of the last journal entry that was emitted, or that somebody is about to emit.
    emitted: u64,
    /// Somebody is emitting, and will look again afterwards. One at a time, so that the order is the journal's.
    emitting: bool,
}

/// What a call may do after it has waited as long as it had to.
pub(crate) enum Admission<'a> {
    Send(Permit),
    Lead(Leader<'a>, Call),
    /// Refused, and how long until it makes sense to try again.
    Refused(Refusal, Duration),
}

impl Monitor {
    pub(crate) fn new(session: Session) -> Self {
        let state = Mutex::new(State { session, emitted: 0, emitting: false });
        Self { state, settled: Condvar::new(), clock: Clock::start() }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Waits until the call may be sent, must log in for everyone, or is refused.
    pub(crate) fn admit(&self, mut call: Call) -> Admission<'_> {
        let mut state = self.lock();
        loop {
            let now = self.now();
            let admission = match state.session.admit(call, now) {
                Step::Send(permit) => Admission::Send(permit),
                // The guard comes first: whatever unwinds from here on, the others are woken.
                Step::Authenticate(login, then) => Admission::Lead(Leader::new(self, login), then),
                Step::Refuse(refusal) => {
                    let remaining = refusal.retry_at().saturating_duration_since(now.monotonic);
                    Admission::Refused(refusal, remaining)
                }
                Step::Wait(then, until) => {
                    call = then;
                    state = match state.take_news() {
                        // Waiting with news in hand would hold it back; the same question has the same answer afterwards.
                        Some(news) => {
                            drop(state);
                            self.emit(&news);
                            self.lock()
                        }
                        None => self.wait(state, until.saturating_duration_since(now.monotonic)),
                    };
                    continue;
                }
            };
            self.release(state);
            return admission;
        }
    }

    /// Ends a login and wakes everyone who waits.
    pub(crate) fn settle(&self, login: waldo_auth_core::Login, outcome: Outcome) {
        self.change(|session, now| session.settle(login, outcome, now));
    }

    /// Runs something that changes what others wait for, and wakes them.
    pub(crate) fn change<R>(&self, run: impl FnOnce(&mut Session, Now) -> R) -> R {
        let mut state = self.lock();
        let now = self.now();
        let result = run(&mut state.session, now);
        self.settled.notify_all();
        self.release(state);
        result
    }

    /// Runs something that nobody waits for.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut Session, Now) -> R) -> R {
        let mut state = self.lock();
        // Read under the lock, so that the core never sees time run backwards.
        let now = self.now();
        let result = run(&mut state.session, now);
        self.release(state);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the session half changed: it is valid between any two of its steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, span: Duration) -> MutexGuard<'a, State> {
        let waited = self.settled.wait_timeout(state, span);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Unlocks, then emits what the journal has gained.
    fn release<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        // A subscriber that panics as well would end the process; the next step emits what is left.
        if std::thread::panicking() {
            return;
        }
        while let Some(news) = state.take_news() {
            drop(state);
            self.emit(&news);
            // What came meanwhile was left to this thread.
            state = self.lock();
        }
    }

    fn emit(&self, news: &[Entry]) {
        let _turn = Turn(self);
        news.iter().for_each(trace::emit);
    }
}

impl State {
    /// The entries that this thread has to emit: none when there are none, or when another thread is at it.
    fn take_news(&mut self) -> Option<Vec<Entry>> {
        let written = self.session.journal().written();
        if written == self.emitted || self.emitting {
            return None;
        }
        let since = std::mem::replace(&mut self.emitted, written);
        if !trace::is_heard() {
            return None;
        }
        self.emitting = true;
        Some(self.session.journal().since(since).copied().collect())
    }
}

/// The turn of the one thread that emits; it ends with a panic of the subscriber too.
struct Turn<'a>(&'a Monitor);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().emitting = false;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use waldo_auth_core::{Config, Credentials, Explanation, Unheld};

    use super::*;

    fn monitor() -> Monitor {
        let credentials = Credentials::new("k", "s").unwrap();
        Monitor::new(Session::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap()))
    }

    fn lead(monitor: &Monitor) -> Leader<'_> {
        match monitor.admit(Call::replayable()) {
            Admission::Lead(leader, _) => leader,
            Admission::Send(_) | Admission::Refused(..) => panic!("nothing is held or refused"),
        }
    }

    #[test]
    fn rule_19_a_poisoned_lock_is_recovered() {
        let monitor = monitor();
        let leader = lead(&monitor);
        let poisoning = catch_unwind(AssertUnwindSafe(|| monitor.with(|_, _| panic!("on purpose"))));
        assert!(poisoning.is_err());
        assert!(monitor.state.is_poisoned());
        std::thread::scope(|scope| {
            // It waits on the poisoned lock, is woken, and takes over.
            let follower = scope.spawn(|| drop(lead(&monitor)));
            while monitor.with(|session, _| session.journal().written()) < 2 {
                std::thread::yield_now();
            }
            drop(leader);
            follower.join().unwrap();
        });
        let explanation = monitor.with(|session, now| session.explain(now));
        assert!(!matches!(explanation, Explanation::Join { .. } | Explanation::Send { .. }), "{explanation}");
    }

    #[test]
    fn rule_13_a_leader_that_is_dropped_has_abandoned_its_login() {
        let monitor = monitor();
        drop(lead(&monitor));
        let explanation = monitor.with(|session, now| session.explain(now));
        assert!(matches!(explanation, Explanation::Authenticate { why: Unheld::Cold }), "{explanation}");
    }

    #[test]
    fn rule_14_the_wait_ends_by_itself_when_nobody_rings() {
        let monitor = monitor();
        let leader = lead(&monitor);
        let soon = monitor.now().monotonic.saturating_add(Duration::from_millis(20));
        let refused = monitor.admit(Call::replayable().with_deadline(soon));
        assert!(matches!(refused, Admission::Refused(..)));
        drop(leader);
    }

    #[test]
    fn what_nobody_hears_is_not_kept_for_later() {
        let monitor = monitor();
        drop(lead(&monitor));
        let state = monitor.lock();
        assert_eq!(state.emitted, state.session.journal().written());
        assert!(!state.emitting);
    }
}
