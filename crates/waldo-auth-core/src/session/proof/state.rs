//! Every state of a session over small domains, relative to one instant.

use std::hash::{Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::held::Held;
use super::tokens::Tokens;
use crate::circuit_breaker::{CircuitBreaker, FailedLogins};
use crate::config::{Config, Limits};
use crate::credentials::Credentials;
use crate::evidence::Evidence;
use crate::explain::NoToken;
use crate::failure::{Reason, Rejection, RejectionCode, Unavailable};
use crate::given_up::GivenUpTokens;
use crate::login::Lease;
use crate::rate_limiter::RateLimiter;
use crate::session::Session;
use crate::time::{Instant, Now};
use crate::token::Token;
use crate::wire::NumericDate;

/// The present, in seconds of Unix time.
pub(super) const UNIX: u64 = 1_800_000_000;
/// The present, in milliseconds of the monotonic clock.
const MONOTONIC: u64 = 100_000_000;

/// The number of the last login of every state.
pub(super) const LOGINS: u64 = 3;

/// How many failed logins each state has counted. A call has waited for some of the last ones.
const FAILED_LOGINS: usize = 3;

/// The present.
pub(super) fn now() -> Now {
    Now { monotonic: at(0), wall: wall(0) }
}

/// The instant that lies so many milliseconds after the present.
pub(super) fn at(millis: i64) -> Instant {
    Instant::from_start(Duration::from_millis(MONOTONIC.saturating_add_signed(millis)))
}

/// The wall clock so many milliseconds after the present.
pub(super) fn wall(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis((UNIX * 1000).saturating_add_signed(millis))
}

/// What the session remembers of earlier tokens.
///
/// Only the differences of generations and epochs to those of a call, an attempt or a login count.
/// So three tokens in two epochs stand for any number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    pub(super) no_token: NoToken,
    pub(super) generation: u64,
    pub(super) epoch: u64,
    pub(super) refused: u64,
    /// Whether the session remembers tokens that were given up.
    pub(super) given_up: bool,
}

impl Past {
    pub(super) const ALL: [Self; 9] = [
        Self::new(NoToken::NeverLoggedIn, (0, 0), 0, false),
        Self::new(NoToken::NeverLoggedIn, (3, 2), 0, false),
        Self::new(NoToken::Refused, (3, 2), 2, true),
        Self::new(NoToken::Refused, (3, 2), 3, true),
        Self::new(NoToken::Doubtful, (3, 2), 2, true),
        Self::new(NoToken::Invalidated, (3, 2), 0, true),
        Self::new(NoToken::Invalidated, (3, 2), 3, true),
        Self::new(NoToken::Reset, (0, 1), 0, false),
        Self::new(NoToken::Reset, (3, 2), 2, true),
    ];

    const fn new(
        no_token: NoToken,
        (generation, epoch): (u64, u64),
        refused: u64,
        given_up: bool,
    ) -> Self {
        Self { no_token, generation, epoch, refused, given_up }
    }

    /// Writes the past into the session.
    pub(super) fn write(self, session: &mut Session, tokens: &Tokens) {
        (session.no_token, session.refused) = (self.no_token, self.refused);
        (session.generation, session.epoch) = (self.generation, self.epoch);
        session.logins = LOGINS;
        session.given_up = GivenUpTokens::none();
        if self.given_up {
            tokens.given_up().for_each(|jwt| session.given_up.push(jwt));
        }
    }
}

/// What responses have shown of the last login's tokens. Times are milliseconds before the present.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    pub(super) accepted: bool,
    pub(super) renewed: bool,
    pub(super) refused_for: Option<i64>,
    pub(super) unaccepted: u32,
}

impl Trust {
    pub(super) fn build(self) -> Evidence {
        let mut evidence = Evidence::none();
        if self.renewed {
            evidence.renew();
        }
        evidence.grant(false);
        if self.unaccepted == 0 {
            evidence = evidence.after_answer();
            evidence.grant(true);
        }
        (1..self.unaccepted).for_each(|_| evidence.grant(true));
        if self.accepted {
            evidence = evidence.after_answer();
        }
        if let Some(ago) = self.refused_for {
            evidence.refuse(at(-ago));
        }
        evidence
    }
}

/// When the circuit breaker lets the next login start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Since a minute ago.
    Free,
    /// From this instant on.
    Due,
    /// In ten seconds, or earlier.
    Blocked,
}

/// The state of the circuit breaker, with the number of failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circuit {
    Closed,
    BackingOff(u32),
    Open(u32),
}

/// The login under way, and when the next login may start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logins {
    /// In how many milliseconds the lease of the last login ends.
    pub(super) lease: Option<i64>,
    pub(super) circuit: Circuit,
    pub(super) gate: Gate,
    pub(super) failovers_spent: bool,
}

impl Logins {
    pub(super) fn lease(self) -> Option<Lease> {
        self.lease.map(|left| Lease { login: LOGINS, expires_at: at(left) })
    }

    pub(super) fn build(self) -> CircuitBreaker {
        let Self { lease: _, circuit, gate, failovers_spent } = self;
        let limits = &Limits::default();
        let until = match gate {
            Gate::Free => -60_000,
            Gate::Due => 0,
            Gate::Blocked => 10_000,
        };
        let mut breaker = CircuitBreaker::closed(0);
        (0..FAILED_LOGINS).for_each(|_| breaker.count_failed_login());
        // The sixth abandoned login in a row has to wait.
        let abandoned = if failovers_spent { 20 } else { 6 };
        if failovers_spent || gate == Gate::Blocked {
            (0..abandoned).for_each(|_| breaker.abandon(at(until), limits, at(0)));
        }
        match circuit {
            Circuit::Closed if gate == Gate::Due => breaker.abandon(at(0), limits, at(0)),
            Circuit::Closed => {}
            Circuit::BackingOff(failures) => {
                let asked = Duration::from_secs(40);
                let failure = Unavailable::new(Reason::Transport).with_retry_after(Some(asked));
                (0..failures)
                    .for_each(|_| breaker.back_off(failure.clone(), limits, at(until - 40_000)));
            }
            Circuit::Open(rejections) => {
                let delay = (60_000_i64 << (rejections - 1)).min(900_000);
                for _ in 0..rejections {
                    breaker.open(rejection(), limits, at(until - delay));
                }
            }
        }
        breaker
    }
}

pub(super) fn rejection() -> Rejection {
    Rejection { status: http::StatusCode::FORBIDDEN, code: RejectionCode::ApiKeyRevoked }
}

/// One state, in the words of the rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) held: Option<Held>,
    pub(super) past: Past,
    pub(super) trust: Trust,
    pub(super) logins: Logins,
    /// How many permits the invalidation budget has.
    pub(super) permits: u32,
}

impl State {
    /// Whether calls wait for a login.
    pub(super) fn has_live_lease(&self) -> bool {
        self.logins.lease.is_some_and(|left| left > 0)
    }

    /// Whether an epoch has begun in which no token was held yet.
    pub(super) fn has_ended_epoch(&self) -> bool {
        self.held.is_none() && matches!(self.past.no_token, NoToken::Invalidated | NoToken::Reset)
    }
}

/// The invalidation budget with so many permits of ten.
pub(super) fn budget(permits: u32) -> RateLimiter {
    let mut budget = RateLimiter::full();
    for _ in permits..10 {
        budget.take(10, Duration::from_secs(30), at(0));
    }
    budget
}

pub(super) fn date(seconds: u64) -> NumericDate {
    NumericDate::from_millis(i64::try_from(seconds * 1000).unwrap())
}

/// The documented limits.
pub(super) fn config() -> Config {
    Config::builder("https://api.waldo.ai", credentials("secret")).build().unwrap()
}

pub(super) fn credentials(secret: &str) -> Credentials {
    Credentials::new("key", secret).unwrap()
}

/// The count of failed logins before the last `waited` ones.
pub(super) fn failed_logins_before(waited: usize) -> FailedLogins {
    let mut circuit = CircuitBreaker::closed(0);
    (waited..FAILED_LOGINS).for_each(|_| circuit.count_failed_login());
    circuit.failed_logins()
}

/// Copies the state of `from`. The journal goes on, so that a step shows its entries.
pub(super) fn copy(from: &Session, to: &mut Session) {
    // Name each field, so that the compiler reports a new field that is not copied.
    let Session {
        number,
        config,
        held,
        no_token,
        given_up,
        refused,
        evidence,
        epoch,
        generation,
        lease,
        logins,
        circuit,
        invalidations,
        last_date,
        store: _,
        journal: _,
        counters: _,
    } = from;
    to.number = *number;
    to.config.credentials = config.credentials.clone();
    to.held = held.as_ref().map(|held| Token { header: held.header.clone(), ..*held });
    (to.no_token, to.refused, to.evidence) = (*no_token, *refused, *evidence);
    to.given_up.clone_from(given_up);
    (to.epoch, to.generation, to.logins, to.lease) = (*epoch, *generation, *logins, *lease);
    to.circuit.clone_from(circuit);
    (to.invalidations, to.last_date) = (*invalidations, last_date.clone());
}

/// The hash of a part of the state, to see whether a step has changed the part.
pub(super) fn digest(part: &impl Hash) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.write_u64(u64::from(*byte));
            }
        }
        fn write_u32(&mut self, word: u32) {
            self.write_u64(u64::from(word));
        }
        fn write_isize(&mut self, word: isize) {
            self.write_u64(word.unsigned_abs() as u64);
        }
        fn write_u64(&mut self, word: u64) {
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x0100_0000_01b3);
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    part.hash(&mut hasher);
    hasher.finish()
}
