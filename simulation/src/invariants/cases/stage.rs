//! The knowledge of an observer, and the next sight.

use std::time::{Duration, UNIX_EPOCH};

use waldo_auth_core::{Instant, Now};

use crate::invariants::{INVARIANTS, Scene};
use crate::machine::Why;
use crate::watch::{
    Blocked, By, Caller, Carries, Held, Lifetime, Sight, TokenId, Tokens, Watch, What,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const TICK: Duration = Duration::from_nanos(1);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);

/// The instant of each sight.
pub(super) const NOW: Instant = Instant::from_start(Duration::from_secs(1000));

pub(super) fn now() -> Now {
    Now::new(NOW.since_start(), UNIX_EPOCH + HOUR)
}

pub(super) fn ago(span: Duration) -> Instant {
    Instant::from_start(NOW.since_start().saturating_sub(span))
}

pub(super) fn later(span: Duration) -> Instant {
    NOW.saturating_add(span)
}

/// The knowledge of an observer, and the next sight.
pub(super) struct Stage {
    pub(super) watch: Watch,
    pub(super) tokens: Tokens,
    pub(super) undisturbed: bool,
    pub(super) what: What,
}

impl Stage {
    pub(super) fn knowing(mut self, know: impl FnOnce(&mut Watch)) -> Self {
        know(&mut self.watch);
        self
    }

    pub(super) fn undisturbed(self) -> Self {
        Self { undisturbed: true, ..self }
    }

    pub(super) fn scene(&self) -> Scene<'_> {
        Scene { watch: &self.watch, tokens: &self.tokens, undisturbed: self.undisturbed }
    }

    pub(super) fn sight(&self) -> Sight {
        Sight { now: now(), what: self.what.clone() }
    }

    /// All violated clauses, as `invariant/clause`.
    pub(super) fn objectors(&self) -> Vec<String> {
        let clauses =
            INVARIANTS.iter().flat_map(|invariant| invariant.paths().zip(invariant.clauses));
        clauses
            .filter(|(_, clause)| (clause.objects)(&self.scene(), &self.sight()).is_some())
            .map(|(path, _)| path)
            .collect()
    }
}

pub(super) fn see(what: What) -> Stage {
    Stage { watch: Watch::default(), tokens: Tokens::default(), undisturbed: false, what }
}

pub(super) const CALL: Caller = Caller {
    number: 1,
    one_shot: false,
    deadline: None,
    attempts: 0,
    last: None,
    broke_off: None,
    epoch: 0,
    failures: 0,
};

pub(super) const OLD: TokenId = TokenId(1);
pub(super) const NEW: TokenId = TokenId(2);

/// A call that was sent `attempts` times, and whose last answer was `last`.
pub(super) fn sent_before(attempts: u32, last: u16) -> Caller {
    Caller { attempts, last: Some(last), ..CALL }
}

pub(super) fn one_shot(call: Caller) -> Caller {
    Caller { one_shot: true, ..call }
}

pub(super) fn lifetime(left: Duration) -> Lifetime {
    Lifetime { sent: now(), span: HOUR, spent: HOUR.saturating_sub(left) }
}

pub(super) fn hold(token: TokenId) -> impl Fn(&mut Watch) {
    move |watch| watch.held = Some(Held { token, lifetime: lifetime(HOUR) })
}

pub(super) fn block(by: By, at_least_until: Instant) -> impl Fn(&mut Watch) {
    move |watch| {
        watch.blocked =
            Some(Blocked { by, streak: 1, at_least_until, failed_at: None, announced: None });
    }
}

/// A login is under way.
pub(super) fn lead(expires_at: Instant) -> impl Fn(&mut Watch) {
    move |watch| {
        let what = What::LoggedIn { call: CALL, login: 1, expires_at, flaw: None };
        watch.take_in(&Sight { now: now(), what }, &Tokens::default());
    }
}

/// The held token was refused, and kept.
pub(super) fn refused(token: TokenId, at: Instant) -> impl Fn(&mut Watch) {
    move |watch| {
        let now = Now { monotonic: at, ..now() };
        let what = What::from(answered(CALL, token, 401));
        watch.take_in(&Sight { now, what }, &Tokens::default());
    }
}

/// An answer to a call, with the fields of [`What::Answered`].
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) call: Caller,
    sent: TokenId,
    status: u16,
    own_origin: bool,
    retried: bool,
    holds: bool,
}

pub(super) fn answered(call: Caller, sent: TokenId, status: u16) -> Answer {
    Answer { call, sent, status, own_origin: true, retried: false, holds: true }
}

impl From<Answer> for What {
    fn from(answer: Answer) -> Self {
        let Answer { call, sent, status, own_origin, retried, holds } = answer;
        Self::Answered { call, sent, epoch: 0, status, own_origin, renewal: None, retried, holds }
    }
}

impl Answer {
    pub(super) fn to(self, call: Caller) -> Self {
        Self { call, ..self }
    }

    pub(super) fn retried(self) -> Self {
        Self { retried: true, ..self }
    }

    pub(super) fn drops(self) -> Self {
        Self { holds: false, ..self }
    }

    pub(super) fn elsewhere(self) -> Self {
        Self { own_origin: false, ..self }
    }
}

pub(super) fn see_answer(answer: Answer) -> Stage {
    see(What::from(answer))
}

pub(super) fn send(call: Caller, token: TokenId) -> Stage {
    see(What::Sent { call, carries: Carries::Token(token), probe: false })
}

pub(super) fn send_held(call: Caller) -> Stage {
    send(call, OLD).knowing(hold(OLD))
}

pub(super) fn probe(call: Caller) -> Stage {
    see(What::Sent { call, carries: Carries::Token(OLD), probe: true }).knowing(hold(OLD))
}

pub(super) fn log_in(call: Caller) -> Stage {
    see(What::LoggedIn { call, login: 2, expires_at: later(SECOND), flaw: None })
}

pub(super) fn log_in_for(lease: Duration) -> Stage {
    see(What::LoggedIn { call: CALL, login: 2, expires_at: later(lease), flaw: None })
}

pub(super) fn wait(call: Caller, until: Instant) -> Stage {
    see(What::Waits { call, until })
}

pub(super) fn refuse(call: Caller, why: Why) -> Stage {
    refuse_until(call, why, NOW)
}

pub(super) fn refuse_until(call: Caller, why: Why, retry_at: Instant) -> Stage {
    see(What::Refused { call, why, retry_at })
}

pub(super) fn until(deadline: Instant) -> Caller {
    Caller { deadline: Some(deadline), ..CALL }
}

pub(super) fn say(said: &str) -> Stage {
    let mut stage = see(What::Says { said: format!("it says {said}.") });
    for token in ["a.token", "a.nother"] {
        stage.tokens.enter(token);
    }
    stage
}

pub(super) fn recover(status: Option<u16>, calls: u32, refused_for: Option<Duration>) -> Stage {
    see(What::Recovers { process: 0, status, calls, refused_for })
}
