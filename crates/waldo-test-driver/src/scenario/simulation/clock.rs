//! The clocks of a simulated machine, and the true time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use waldo_auth_core::Now;

use crate::server::ClockOffset;

/// When every scenario begins: a whole second, so that what is said of seconds is exact.
const START: Duration = Duration::from_secs(1_800_000_000);

/// The true time, which the server has, and the two clocks of the client's machine.
pub(super) struct Clock {
    passed: Duration,
    monotonic: Duration,
    wall: SystemTime,
}

impl Clock {
    pub(super) fn new(offset: ClockOffset) -> Self {
        let mut clock = Self { passed: Duration::ZERO, monotonic: Duration::ZERO, wall: UNIX_EPOCH + START };
        clock.set(offset);
        clock
    }

    /// What the client reads.
    pub(super) fn now(&self) -> Now {
        Now::new(self.monotonic, self.wall)
    }

    /// The true time.
    pub(super) fn truth(&self) -> SystemTime {
        UNIX_EPOCH + START + self.passed
    }

    /// The true time since the scenario began.
    pub(super) fn passed(&self) -> Duration {
        self.passed
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.monotonic += span;
        self.suspend(span);
    }

    pub(super) fn suspend(&mut self, span: Duration) {
        self.passed += span;
        self.wall += span;
    }

    pub(super) fn set(&mut self, offset: ClockOffset) {
        match offset {
            ClockOffset::Ahead(by) => self.wall += by,
            ClockOffset::Behind(by) => self.wall -= by,
        }
    }
}
