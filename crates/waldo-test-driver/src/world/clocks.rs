//! The three clocks of a world.

use std::time::{Duration, SystemTime};

use waldo_auth_core::{Instant, Now};

/// The true time, which the server goes by, and the two clocks of the machine that the clients run on.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Clocks {
    began: SystemTime,
    truth: SystemTime,
    monotonic: Duration,
    wall: SystemTime,
}

impl Clocks {
    pub(crate) fn new() -> Self {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self { began, truth: began, monotonic: Duration::from_secs(1000), wall: began }
    }

    /// What the client reads.
    pub(crate) fn now(&self) -> Now {
        Now::new(self.monotonic, self.wall)
    }

    /// What the server reads.
    pub(crate) fn truth(&self) -> SystemTime {
        self.truth
    }

    /// How long the run has taken, in true time.
    pub(crate) fn elapsed(&self) -> Duration {
        self.truth.duration_since(self.began).unwrap_or_default()
    }

    /// Time passes for all.
    pub(crate) fn pass(&mut self, span: Duration) {
        self.monotonic += span;
        self.sleep(span);
    }

    /// Time passes until the client's monotonic clock shows this instant.
    pub(crate) fn pass_until(&mut self, instant: Instant) {
        self.pass(instant.since_start().saturating_sub(self.monotonic));
    }

    /// The machine is suspended: its monotonic clock stands still.
    pub(crate) fn sleep(&mut self, span: Duration) {
        self.truth += span;
        self.wall += span;
    }

    /// The local wall clock is set.
    pub(crate) fn step(&mut self, by: Duration, forward: bool) {
        let wall = if forward { self.wall.checked_add(by) } else { self.wall.checked_sub(by) };
        self.wall = wall.unwrap_or(self.wall);
    }
}
