//! The clocks of this machine.

use std::time::{Instant, SystemTime};

use waldo_auth_core::Now;

/// Reads both clocks for the core, which has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        Now::new(self.started.elapsed(), SystemTime::now())
    }
}
