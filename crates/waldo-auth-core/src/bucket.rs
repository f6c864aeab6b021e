//! The budget for dropping tokens.

use std::time::Duration;

use crate::time::Instant;

/// A token bucket of coins; a refusal must pay one to drop the held token (rule 16).
///
/// Monotonic time alone fills it: a wall clock that jumps must not buy logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    coins: u32,
    /// Since when the next coin is being earned; meaningless while the bucket is full.
    earning_since: Instant,
}

impl Bucket {
    pub(crate) fn full(burst: u32) -> Self {
        Self { coins: burst, earning_since: Instant::from_origin(Duration::ZERO) }
    }

    /// Takes a coin if there is one.
    pub(crate) fn take(&mut self, burst: u32, every: Duration, now: Instant) -> bool {
        self.earn(burst, every, now);
        let Some(left) = self.coins.checked_sub(1) else { return false };
        if self.coins == burst {
            self.earning_since = now;
        }
        self.coins = left;
        true
    }

    fn earn(&mut self, burst: u32, every: Duration, now: Instant) {
        let missing = burst.saturating_sub(self.coins);
        let elapsed = now.saturating_duration_since(self.earning_since);
        // `every` is never zero: the configuration refuses that.
        let earned =
            u32::try_from(elapsed.as_nanos() / every.as_nanos().max(1)).unwrap_or(u32::MAX).min(missing);
        self.coins += earned;
        // The part of a coin that is already earned is kept.
        self.earning_since = self.earning_since.saturating_add(every.saturating_mul(earned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn at(s: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(s))
    }

    #[test]
    fn rule_16_burst_then_one_every_thirty_seconds() {
        let mut bucket = Bucket::full(5);
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
    fn rule_16_part_of_a_coin_is_kept_and_the_burst_is_the_most() {
        let mut bucket = Bucket::full(2);
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
    fn an_empty_budget_never_pays() {
        let mut bucket = Bucket::full(0);
        assert!(!bucket.take(0, EVERY, Instant::from_origin(Duration::MAX)));
    }
}
