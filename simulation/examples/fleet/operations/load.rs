//! What the callers of one session do, and how far away the server is.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;

use crate::network::Way;

/// Threads that share a session. Each calls, rests, and calls again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) threads: usize,
    /// The rest of a thread is half as long to one and a half times as long.
    gap: Duration,
    round_trip: (Duration, Duration),
    login: (Duration, Duration),
}

impl Load {
    /// Calls take 20 to 100 ms, and logins 50 to 500 ms.
    pub(super) const fn of(threads: usize, gap_millis: u64) -> Self {
        let (round_trip, login) = ((millis(20), millis(100)), (millis(50), millis(500)));
        Self { threads, gap: millis(gap_millis), round_trip, login }
    }

    /// The same on one machine.
    pub(super) const fn over_loopback(self) -> Self {
        let round_trip = (Duration::from_micros(500), millis(2));
        Self { round_trip, login: (millis(2), millis(4)), ..self }
    }

    /// The same with logins of 50 to 200 ms.
    pub(super) const fn with_quick_logins(self) -> Self {
        Self { login: (millis(50), millis(200)), ..self }
    }

    /// When a thread makes its first call.
    pub(super) fn first(self, rng: &mut Rng) -> Duration {
        self.gap.min(Duration::from_secs(1)).mul_f64(rng.f64())
    }

    /// How long a thread rests.
    pub(super) fn rest(self, rng: &mut Rng) -> Duration {
        self.gap.mul_f64(0.5 + rng.f64())
    }

    /// The way of a call.
    pub(super) fn way(self, rng: &mut Rng) -> Way {
        way(self.round_trip, rng)
    }

    /// The way of a login.
    pub(super) fn login_way(self, rng: &mut Rng) -> Way {
        way(self.login, rng)
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The halves are seldom even.
fn way((least, most): (Duration, Duration), rng: &mut Rng) -> Way {
    let whole = between(least..most, rng);
    let forth = whole.mul_f64(0.2 + 0.6 * rng.f64());
    Way { forth, back: whole.saturating_sub(forth), ..Way::default() }
}

fn between(range: Range<Duration>, rng: &mut Rng) -> Duration {
    range.start + range.end.saturating_sub(range.start).mul_f64(rng.f64())
}

/// What is mixed into the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mix {
    /// Nothing: every call can be sent again, waits as long as it takes, and no login fails.
    Plain,
    /// One login in five fails with 503, at most three in a row; one call in five has a deadline,
    /// and one in ten is one-shot.
    Mixed,
}

impl Mix {
    pub(super) const ALL: [Self; 2] = [Self::Plain, Self::Mixed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mixed => "mixed",
        }
    }

    /// Whether the next login fails, after so many that failed in a row.
    pub(super) fn fails(self, in_a_row: u32, rng: &mut Rng) -> bool {
        self == Self::Mixed && rng.u8(..5) == 0 && in_a_row < 3
    }

    pub(super) fn one_shot(self, rng: &mut Rng) -> bool {
        self == Self::Mixed && rng.u8(..10) == 0
    }

    /// How long a call waits for a token, if it does not wait for ever.
    pub(super) fn deadline(self, rng: &mut Rng) -> Option<Duration> {
        (self == Self::Mixed && rng.u8(..5) == 0).then(|| between(millis(200)..millis(1000), rng))
    }
}
