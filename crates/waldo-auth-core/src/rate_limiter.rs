//! A budget of permits, which time refills.

use std::time::Duration;

use crate::time::Instant;

/// A token bucket. A drop of the held token takes a permit (rule 16), and so does an immediate
/// failover (rule 14).
///
/// Only the monotonic clock refills the bucket, because a wall clock that jumps must not allow
/// logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RateLimiter {
    /// When the bucket is full again, if no permit is taken until then. Each taken permit moves
    /// this instant by one interval.
    full_at: Instant,
}

impl RateLimiter {
    pub(crate) fn full() -> Self {
        Self { full_at: Instant::from_start(Duration::ZERO) }
    }

    /// Takes a permit; false if none is left. The bucket holds at most `burst` permits, and one
    /// more comes after each `every`.
    pub(crate) fn take(&mut self, burst: u32, every: Duration, now: Instant) -> bool {
        let there_is_one = burst > 0 && self.earned_at(burst, every, now) == now;
        if there_is_one {
            self.spend(every, now);
        }
        there_is_one
    }

    /// Takes the next permit in advance, and returns the instant at which it comes.
    pub(crate) fn take_ahead(&mut self, burst: u32, every: Duration, now: Instant) -> Instant {
        let earned_at = self.earned_at(burst, every, now);
        self.spend(every, now);
        earned_at
    }

    /// The time until the bucket is full again.
    pub(crate) fn debt(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }

    /// Counts the permits that others have taken from the same budget, as their [`debt`](Self::debt).
    pub(crate) fn owe(&mut self, debt: Duration, now: Instant) {
        self.full_at = self.full_at.max(now.saturating_add(debt));
    }

    /// When the next permit comes. This is `now` if a permit is left.
    fn earned_at(&self, burst: u32, every: Duration, now: Instant) -> Instant {
        let owed = self.full_at.saturating_duration_since(now);
        now.saturating_add(owed.saturating_sub(every.saturating_mul(burst.saturating_sub(1))))
    }

    fn spend(&mut self, every: Duration, now: Instant) {
        self.full_at = self.full_at.max(now).saturating_add(every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn at(s: u64) -> Instant {
        Instant::from_start(Duration::from_secs(s))
    }

    #[test]
    fn rule_16_burst_then_one_every_thirty_seconds() {
        let mut bucket = RateLimiter::full();
        for _ in 0..5 {
            assert!(bucket.take(5, EVERY, at(1000)));
        }
        assert!(!bucket.take(5, EVERY, at(1000)));
        assert!(!bucket.take(5, EVERY, at(1029)));
        assert!(bucket.take(5, EVERY, at(1030)));
        assert!(!bucket.take(5, EVERY, at(1059)));
        assert!(bucket.take(5, EVERY, at(1060)));
    }

    #[test]
    fn rule_16_fraction_of_permit_accrues_up_to_burst() {
        let mut bucket = RateLimiter::full();
        assert!(bucket.take(2, EVERY, at(0)));
        assert!(bucket.take(2, EVERY, at(20)));
        assert!(!bucket.take(2, EVERY, at(29)));
        assert!(bucket.take(2, EVERY, at(45)), "earned at 30");
        assert!(!bucket.take(2, EVERY, at(59)));
        assert!(bucket.take(2, EVERY, at(60)), "earned at 60, not 45 + 30");
        for _ in 0..2 {
            assert!(bucket.take(2, EVERY, at(10_000_000)));
        }
        assert!(!bucket.take(2, EVERY, at(10_000_000)));
    }

    #[test]
    fn a_permit_in_advance_comes_when_it_is_earned() {
        let mut bucket = RateLimiter::full();
        let mut ahead = |s| bucket.take_ahead(2, EVERY, at(s));
        assert_eq!([ahead(100), ahead(100)], [at(100); 2]);
        assert_eq!([ahead(100), ahead(100)], [at(130), at(160)]);
        assert_eq!(ahead(175), at(190), "earned at 190, not 30 from now on");
        assert_eq!(
            [ahead(10_000), ahead(10_000), ahead(10_000)],
            [at(10_000), at(10_000), at(10_030)]
        );
        assert!(!bucket.take(2, EVERY, at(10_059)));
        assert!(bucket.take(2, EVERY, at(10_060)));
    }

    #[test]
    fn an_empty_budget_never_pays() {
        let mut bucket = RateLimiter::full();
        assert!(!bucket.take(0, EVERY, Instant::from_start(Duration::MAX)));
    }
}
