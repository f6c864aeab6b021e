//! The clocks and the numbers of the rules.

use std::time::{Duration, UNIX_EPOCH};

use waldo_auth_core::{ConfigBuilder, Now};

pub(crate) type Nanos = i128;

pub(crate) const SECOND: Nanos = 1_000_000_000;
pub(crate) const MILLI: Nanos = SECOND / 1000;
pub(crate) const MINUTE: Nanos = 60 * SECOND;
pub(crate) const HOUR: Nanos = 60 * MINUTE;

/// Both clocks.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Time {
    pub(crate) mono: Nanos,
    pub(crate) wall: Nanos,
}

impl From<Now> for Time {
    fn from(now: Now) -> Self {
        Self {
            mono: nanos(now.monotonic.since_start()),
            wall: nanos(now.wall.duration_since(UNIX_EPOCH).unwrap()),
        }
    }
}

pub(crate) fn nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap()
}

pub(crate) fn duration(span: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(span).unwrap())
}

/// The numbers of the rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// At most so long, and at most such a part of the lifetime.
    pub(crate) leeway: (Nanos, u32),
    pub(crate) one_shot_leeway: (Nanos, u32),
    pub(crate) assumed_lifetime: Nanos,
    pub(crate) lease: Nanos,
    /// The first, and the cap.
    pub(crate) backoff: (Nanos, Nanos),
    pub(crate) retry_after_cap: Nanos,
    pub(crate) failures_per_call: u32,
    pub(crate) probe: (Nanos, Nanos),
    /// How many permits at once, and how long one more takes.
    pub(crate) drops: (u32, Nanos),
    pub(crate) seed: u64,
}

impl Limits {
    /// Those of the rules' text.
    pub(crate) const DOCUMENTED: Self = Self {
        leeway: (3 * SECOND, 10),
        one_shot_leeway: (5 * MINUTE, 4),
        assumed_lifetime: HOUR,
        lease: 30 * SECOND,
        backoff: (SECOND / 4, 30 * SECOND),
        retry_after_cap: HOUR,
        failures_per_call: 3,
        probe: (MINUTE, 15 * MINUTE),
        drops: (10, 30 * SECOND),
        seed: 0,
    };

    /// No two of them alike, so that none can stand in for another; and each leeway is the larger
    /// one for some lives.
    pub(crate) const ODD: Self = Self {
        leeway: (7 * SECOND, 3),
        one_shot_leeway: (31 * SECOND, 5),
        assumed_lifetime: 47 * SECOND,
        lease: 11 * SECOND,
        backoff: (SECOND / 2, 3 * SECOND),
        retry_after_cap: 17 * SECOND,
        failures_per_call: 2,
        probe: (13 * SECOND, 101 * SECOND),
        drops: (2, 19 * SECOND),
        seed: 23,
    };

    /// Says all of them but the documented ones, which are there unsaid.
    pub(crate) fn configure(&self, builder: ConfigBuilder) -> ConfigBuilder {
        if self.seed == Self::DOCUMENTED.seed {
            return builder;
        }
        builder
            .leeway(duration(self.leeway.0), self.leeway.1)
            .one_shot_leeway(duration(self.one_shot_leeway.0), self.one_shot_leeway.1)
            .assumed_lifetime(duration(self.assumed_lifetime))
            .lease(duration(self.lease))
            .backoff(duration(self.backoff.0), duration(self.backoff.1))
            .retry_after_cap(duration(self.retry_after_cap))
            .failures_per_call(self.failures_per_call)
            .probe(duration(self.probe.0), duration(self.probe.1))
            .invalidation_budget(self.drops.0, duration(self.drops.1))
            .jitter_seed(self.seed)
    }
}

/// The first of a streak, doubled with each further one, at most the cap.
pub(crate) fn doubled((first, cap): (Nanos, Nanos), streak: u32) -> Nanos {
    (first << (streak - 1).min(40)).min(cap)
}
