//! Time, which the caller passes as an argument.

use std::time::{Duration, SystemTime};

/// A reading of the embedder's monotonic clock: the time since a start that the embedder chooses.
///
/// A program can make a `std::time::Instant` only by reading a clock. Some targets have no clock,
/// and a simulation must not read one. This type is made from a duration. Its arithmetic saturates,
/// so it never overflows.
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

    /// The instant that lies `by` later, at most the largest instant.
    #[must_use]
    pub const fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// The time from `earlier` to this instant; zero if this instant is not later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A reading of both clocks. Every method that needs the time takes one.
///
/// Waits and leases are measured on the monotonic clock alone. The lifetime of a token is measured
/// on both clocks, and the larger elapsed time counts. A monotonic clock may stand still while the
/// machine sleeps, and a wall clock may be set back.
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
    /// A pair of the time since the start that the embedder chose, and the wall clock's time.
    pub const fn new(since_start: Duration, wall: SystemTime) -> Self {
        Self { monotonic: Instant::from_start(since_start), wall }
    }

    /// The time since `earlier`: the larger one of the differences on both clocks, at least zero.
    #[doc(hidden)]
    pub fn elapsed_since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        // An error means that the wall clock was set back. Then the monotonic clock counts.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        monotonic.max(wall)
    }
}
