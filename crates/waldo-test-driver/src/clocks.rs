//! The true time, and the two clocks of a machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use waldo_auth_core::{Instant, Now};

use crate::server::ClockOffset;

/// The wall clock at the start of a run: a whole second, so that rounding to seconds is exact.
const START: Duration = Duration::from_secs(1_800_000_000);

/// The monotonic clock at the start of a run. It is not zero, because a machine runs before the
/// program starts.
const UP: Duration = Duration::from_secs(1000);

/// The true time for the server, and the two clocks of the clients' machine.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Clocks {
    elapsed: Duration,
    monotonic: Duration,
    wall: SystemTime,
}

/// The clocks at the start of a run.
impl Default for Clocks {
    fn default() -> Self {
        Self { elapsed: Duration::ZERO, monotonic: UP, wall: UNIX_EPOCH + START }
    }
}

impl Clocks {
    /// The clocks of the clients' machine.
    pub fn now(&self) -> Now {
        Now::new(self.monotonic, self.wall)
    }

    /// The true time, which the server reads.
    pub fn truth(&self) -> SystemTime {
        UNIX_EPOCH + START + self.elapsed
    }

    /// The true time since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Time passes on all clocks.
    pub fn pass(&mut self, span: Duration) {
        self.monotonic += span;
        self.suspend(span);
    }

    /// Time passes until the client's monotonic clock shows this instant.
    pub fn pass_until(&mut self, instant: Instant) {
        self.pass(instant.since_start().saturating_sub(self.monotonic));
    }

    /// Time passes while the machine is suspended: its monotonic clock stands still.
    pub fn suspend(&mut self, span: Duration) {
        self.elapsed += span;
        self.set(ClockOffset::Ahead(span));
    }

    /// Sets the wall clock. It stays unchanged if the new time is out of its range.
    pub fn set(&mut self, offset: ClockOffset) {
        let wall = match offset {
            ClockOffset::Ahead(by) => self.wall.checked_add(by),
            ClockOffset::Behind(by) => self.wall.checked_sub(by),
        };
        self.wall = wall.unwrap_or(self.wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_ignores_a_time_out_of_range() {
        let mut clocks = Clocks::default();
        let before = clocks.now();
        clocks.set(ClockOffset::Ahead(Duration::MAX));
        clocks.set(ClockOffset::Behind(Duration::MAX));
        assert_eq!(clocks.now(), before);
    }

    #[test]
    fn suspended_machine_stops_its_monotonic_clock() {
        let (mut clocks, hour) = (Clocks::default(), Duration::from_secs(60 * 60));
        let (before, truth) = (clocks.now(), clocks.truth());
        clocks.suspend(hour);
        assert_eq!(clocks.now(), Now { wall: before.wall + hour, ..before });
        assert_eq!((clocks.elapsed(), clocks.truth()), (hour, truth + hour));
        clocks.set(ClockOffset::Behind(hour));
        assert_eq!((clocks.now(), clocks.elapsed()), (before, hour));
    }
}
