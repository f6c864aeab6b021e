//! Time as the caller tells it.

use std::time::{Duration, SystemTime};

/// A reading of the embedder's monotonic clock: the time since a start that the embedder chooses.
///
/// `std::time::Instant` can only be made by reading a clock, which some targets do not have and
/// which a simulation must not do; this one can be made from a number. Its arithmetic saturates, so
/// no input overflows it.
///
/// ```
/// use std::time::Duration;
/// use waldo_auth_core::Instant;
///
/// let start = Instant::from_start(Duration::from_secs(5));
/// let later = start.saturating_add(Duration::from_secs(2));
/// assert_eq!(later.saturating_duration_since(start), Duration::from_secs(2));
/// assert_eq!(start.saturating_duration_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The instant that lies `elapsed` after the start that the embedder chose.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How far this instant lies after the start that the embedder chose.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// This instant moved `by` into the future, at most to the end of time.
    #[must_use]
    pub const fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both clocks, read together: the argument that stands for time in every method that needs it.
///
/// Waits and leases are measured on the monotonic clock alone. The lifetime of a token is measured
/// on both, because a monotonic clock may stand still while the machine sleeps and a wall clock may
/// be set back; the larger elapsed time counts.
///
/// ```
/// use std::time::{Instant, SystemTime};
/// use waldo_auth_core::Now;
///
/// let started = Instant::now(); // once, when the program starts
/// let now = Now::new(started.elapsed(), SystemTime::now());
/// # assert!(now.elapsed_since(now).is_zero());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Now {
    /// The monotonic clock. It must not run backwards between two calls on one session.
    pub monotonic: Instant,
    /// The wall clock. It may jump in either direction.
    pub wall: SystemTime,
}

impl Now {
    /// Pairs the time since the start that the embedder chose with the wall clock's time.
    pub const fn new(since_start: Duration, wall: SystemTime) -> Self {
        Self { monotonic: Instant::from_start(since_start), wall }
    }

    /// The time since `earlier`: the larger of what the two clocks say, and never negative.
    pub fn elapsed_since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        // An error means that the wall clock was set back: it then says nothing, and the other one
        // counts.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        monotonic.max(wall)
    }
}
