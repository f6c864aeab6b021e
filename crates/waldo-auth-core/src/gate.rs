//! What stands between a call and a login: nothing, a backoff, or an open circuit.

use std::time::Duration;

use crate::config::Limits;
use crate::failure::{Reason, Rejection, Unavailable};
use crate::jitter::Jitter;
use crate::rate_limiter::RateLimiter;
use crate::time::Instant;

/// How many leaders in a row may give up and hand over at once.
const FAILOVERS: u32 = 5;

/// When the next login may start, and what has closed the way until then.
///
/// There is one gate for everyone: all who wait out a failure wait for the same instant (rule 14).
#[derive(Clone, Debug, Hash)]
pub(crate) struct Gate {
    opens: Instant,
    /// Outlives the closing, so that a repetition is known as one; only a granted login clears it.
    cause: Option<Cause>,
    /// How often in a row the cause has come, at least 1 while there is one.
    streak: u32,
    failovers: RateLimiter,
    jitter: Jitter,
}

/// Why the gate was closed.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Cause {
    Rejected(Rejection),
    Unavailable(Unavailable),
}

impl Gate {
    pub(crate) fn open(jitter_seed: u64) -> Self {
        Self {
            opens: Instant::from_start(Duration::ZERO),
            cause: None,
            streak: 0,
            failovers: RateLimiter::full(),
            jitter: Jitter::seeded(jitter_seed),
        }
    }

    /// Until when no login may start; `None` when one may.
    pub(crate) fn closed_until(&self, now: Instant) -> Option<Instant> {
        (now < self.opens).then_some(self.opens)
    }

    /// The last cause, whether or not it still closes the gate.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// A login was granted, or the credentials are other ones: nothing that went wrong before matters.
    pub(crate) fn clear(&mut self) {
        self.opens = Instant::from_start(Duration::ZERO);
        self.cause = None;
        self.streak = 0;
        self.failovers = RateLimiter::full();
    }

    /// The user says that the rejected credentials work again.
    pub(crate) fn close_circuit(&mut self) {
        if self.is_circuit_open() {
            self.clear();
        }
    }

    /// The server rejected the credentials: the circuit opens until the next probe (rule 15).
    pub(crate) fn open_circuit(&mut self, rejection: Rejection, limits: &Limits, now: Instant) -> Instant {
        self.streak = if self.is_circuit_open() { self.streak.saturating_add(1) } else { 1 };
        self.opens = now.saturating_add(self.probe(limits));
        self.cause = Some(Cause::Rejected(rejection));
        self.opens
    }

    /// A login failed without a verdict, so every call backs off (rule 14).
    pub(crate) fn back_off(&mut self, failure: Unavailable, limits: &Limits, now: Instant) {
        let asked = failure.retry_after().unwrap_or_default();
        let own = if self.is_circuit_open() {
            // Silence does not take a rejection back; the next probe comes after the same time.
            self.probe(limits)
        } else {
            self.blame(failure);
            self.backoff(limits)
        };
        // The server can slow us down, not hurry us: a `Retry-After: 0` must not make a storm.
        self.opens = now.saturating_add(asked.max(own));
    }

    /// A login's lease has ended without an answer. The calls have waited for the whole lease, so
    /// the next login may start at once. A rejection stays.
    pub(crate) fn expire(&mut self) {
        if !self.is_circuit_open() {
            self.blame(Unavailable::new(Reason::Timeout));
        }
    }

    /// A leader gave up. This says nothing about the server, so the next call takes over at once.
    /// But leaders that are all cancelled early must not become a storm of logins. After a few,
    /// they come no faster than retries begin. A probe is not repeated before its lease would have
    /// ended, at `expires_at`. No failover takes longer than that.
    pub(crate) fn abandon(&mut self, expires_at: Instant, limits: &Limits, now: Instant) {
        if self.is_circuit_open() {
            self.opens = expires_at;
            return;
        }
        self.opens = self.failovers.take_ahead(FAILOVERS, limits.backoff_base, now).min(expires_at);
    }

    fn blame(&mut self, failure: Unavailable) {
        let again = matches!(self.cause, Some(Cause::Unavailable(_)));
        self.streak = if again { self.streak.saturating_add(1) } else { 1 };
        self.cause = Some(Cause::Unavailable(failure));
    }

    pub(crate) fn is_circuit_open(&self) -> bool {
        matches!(self.cause, Some(Cause::Rejected(_)))
    }

    fn probe(&self, limits: &Limits) -> Duration {
        doubled(limits.probe_first, self.streak, limits.probe_cap)
    }

    fn backoff(&mut self, limits: &Limits) -> Duration {
        self.jitter.below(doubled(limits.backoff_base, self.streak, limits.backoff_cap))
    }
}

/// `base` for the first of a streak, doubled with each further one, at most `cap`.
fn doubled(base: Duration, streak: u32, cap: Duration) -> Duration {
    let factor = 1_u32.checked_shl(streak.saturating_sub(1)).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_never_overflow() {
        let (base, cap) = (Duration::from_millis(250), Duration::from_secs(30));
        let millis = |streak| doubled(base, streak, cap).as_millis();
        assert_eq!(
            [1, 2, 3, 7, 8, 32, 33, u32::MAX].map(millis),
            [250, 500, 1000, 16_000, 30_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(doubled(Duration::MAX, 2, Duration::MAX), Duration::MAX);
    }
}
