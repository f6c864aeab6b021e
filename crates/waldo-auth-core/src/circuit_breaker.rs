//! The circuit breaker between calls and logins.

use std::time::Duration;

use crate::config::Limits;
use crate::failure::{Reason, Rejection, Unavailable};
use crate::jitter::Jitter;
use crate::rate_limiter::RateLimiter;
use crate::shared_failure::{Cause, SharedFailure};
use crate::time::Instant;

/// How many leaders in a row may abandon their login before failovers are paced.
const FAILOVERS: u32 = 5;

/// Decides when the next login may start, and remembers why not earlier.
///
/// All calls share the circuit breaker, so all calls wait for the same instant after a failed login
/// (rule 14).
#[derive(Clone, Debug, Hash)]
pub(crate) struct CircuitBreaker {
    state: State,
    /// The next login starts at this instant or later.
    not_before: Instant,
    failed_logins: FailedLogins,
    failovers: RateLimiter,
    jitter: Jitter,
}

/// The result of the last logins. Only a granted login or `reset` closes the circuit. After
/// `not_before`, the next login is a retry or a probe, and its failure doubles the delay.
#[derive(Clone, Debug, Hash)]
pub(crate) enum State {
    /// No login has failed since the last granted one.
    Closed,
    /// This many logins in a row were unavailable, at least one.
    BackingOff { failure: Unavailable, failures: u32 },
    /// The server rejected the credentials this many times in a row, at least once.
    Open { rejection: Rejection, rejections: u32 },
}

/// Counts failed logins and expired leases. A call remembers the count at which it came in, so the
/// difference is the number of failed logins that it has waited through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FailedLogins(u32);

impl FailedLogins {
    pub(crate) fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl CircuitBreaker {
    pub(crate) fn closed(jitter_seed: u64) -> Self {
        Self {
            state: State::Closed,
            not_before: Instant::from_start(Duration::ZERO),
            failed_logins: FailedLogins::default(),
            failovers: RateLimiter::full(),
            jitter: Jitter::seeded(jitter_seed),
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// When the next login may start; `None` if it may start now.
    pub(crate) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        (now < self.not_before).then_some(self.not_before)
    }

    pub(crate) fn failed_logins(&self) -> FailedLogins {
        self.failed_logins
    }

    /// Counts a failed login for the calls that waited for it.
    pub(crate) fn count_failed_login(&mut self) {
        self.failed_logins.0 = self.failed_logins.0.wrapping_add(1);
    }

    /// A login was granted, or the credentials were replaced, so earlier failures do not matter.
    pub(crate) fn close(&mut self) {
        self.state = State::Closed;
        self.not_before = Instant::from_start(Duration::ZERO);
        self.failovers = RateLimiter::full();
    }

    /// The server rejected the credentials: no login starts before the next probe, whose instant is
    /// returned (rule 15).
    pub(crate) fn open(&mut self, rejection: Rejection, limits: &Limits, now: Instant) -> Instant {
        let rejections = match self.state {
            State::Open { rejections, .. } => rejections.saturating_add(1),
            State::Closed | State::BackingOff { .. } => 1,
        };
        self.not_before = now.saturating_add(probe_delay(limits, rejections));
        self.state = State::Open { rejection, rejections };
        self.not_before
    }

    /// A login was unavailable, so every call backs off (rule 14).
    pub(crate) fn back_off(&mut self, failure: Unavailable, limits: &Limits, now: Instant) {
        let retry_after = failure.retry_after().unwrap_or_default();
        let delay = match self.state {
            // The probe got no answer about the key pair, so the circuit stays open.
            State::Open { rejections, .. } => probe_delay(limits, rejections),
            State::Closed | State::BackingOff { .. } => {
                let failures = self.state.count_unavailable(failure);
                self.jitter.below(doubled(limits.backoff_base, failures, limits.backoff_cap))
            }
        };
        // The server can lengthen the delay and cannot shorten it: `Retry-After: 0` must not cause
        // a storm of logins.
        self.not_before = now.saturating_add(retry_after.max(delay));
    }

    /// Another session of the fleet has failed to log in. This session then waits for the same
    /// instant, and counts on from the same number (rules 14, 15).
    pub(crate) fn adopt(&mut self, failure: &SharedFailure, now: Instant) {
        let in_a_row = failure.in_a_row;
        self.state = match &failure.cause {
            Cause::Rejected(rejection) => {
                State::Open { rejection: rejection.clone(), rejections: in_a_row }
            }
            Cause::Unavailable(reason) => {
                State::BackingOff { failure: Unavailable::new(*reason), failures: in_a_row }
            }
        };
        self.not_before = now.saturating_add(failure.wait);
    }

    /// The failed logins since the last granted one, for the other sessions of a fleet.
    pub(crate) fn failure(&self, now: Instant) -> Option<SharedFailure> {
        let (cause, in_a_row) = match &self.state {
            State::Closed => return None,
            State::BackingOff { failure, failures } => {
                (Cause::Unavailable(failure.reason()), *failures)
            }
            State::Open { rejection, rejections } => {
                (Cause::Rejected(rejection.clone()), *rejections)
            }
        };
        let wait = self.not_before.saturating_duration_since(now);
        Some(SharedFailure { cause, in_a_row, wait })
    }

    /// A lease expired without an answer. The calls have waited for the whole lease, so the next
    /// login may start at once. An open circuit stays open.
    pub(crate) fn expire(&mut self) {
        self.count_failed_login();
        if !self.is_open() {
            self.state.count_unavailable(Unavailable::new(Reason::Timeout));
        }
    }

    /// A leader abandoned its login. This says nothing about the server, so the next call takes
    /// over at once. After a few failovers in a row, the next failovers are paced. Otherwise
    /// leaders that are all cancelled early would cause a storm of logins. A failover waits at most
    /// until `expires_at`, when the lease would have ended. A probe always waits until that
    /// instant.
    pub(crate) fn abandon(&mut self, expires_at: Instant, limits: &Limits, now: Instant) {
        self.not_before = if self.is_open() {
            expires_at
        } else {
            self.failovers.take_ahead(FAILOVERS, limits.backoff_base, now).min(expires_at)
        };
    }
}

impl State {
    /// Returns how many logins in a row were unavailable.
    fn count_unavailable(&mut self, failure: Unavailable) -> u32 {
        let failures = match self {
            Self::BackingOff { failures, .. } => failures.saturating_add(1),
            Self::Closed | Self::Open { .. } => 1,
        };
        *self = Self::BackingOff { failure, failures };
        failures
    }
}

fn probe_delay(limits: &Limits, rejections: u32) -> Duration {
    doubled(limits.probe_first, rejections, limits.probe_cap)
}

/// `base` for the first time in a row, doubled with each further time, at most `cap`.
fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_never_overflow() {
        let (base, cap) = (Duration::from_millis(250), Duration::from_secs(30));
        let millis = |times| doubled(base, times, cap).as_millis();
        assert_eq!(
            [1, 2, 3, 7, 8, 32, 33, u32::MAX].map(millis),
            [250, 500, 1000, 16_000, 30_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(doubled(Duration::MAX, 2, Duration::MAX), Duration::MAX);
    }
}
