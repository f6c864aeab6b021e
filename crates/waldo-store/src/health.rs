//! When a store that failed is asked again.

use std::time::Duration;

use waldo_auth_core::{Instant, StoreProblem};

/// The pause after the first failure. Each further failure doubles it.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Whether the store answers, and if not, when it is asked again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Health {
    away: Option<Away>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    problem: StoreProblem,
    ask_at: Instant,
    pause: Duration,
}

impl Health {
    /// Whether the store may be asked now.
    pub(crate) fn may_ask(self, now: Instant) -> bool {
        self.away.is_none_or(|away| now >= away.ask_at)
    }

    /// When the store may be asked, at the earliest.
    pub(crate) fn ask_at(self) -> Instant {
        self.away.map_or(Instant::from_start(Duration::ZERO), |away| away.ask_at)
    }

    pub(crate) fn problem(self) -> Option<StoreProblem> {
        self.away.map(|away| away.problem)
    }

    pub(crate) fn answered(&mut self) {
        self.away = None;
    }

    pub(crate) fn failed(&mut self, problem: StoreProblem, now: Instant) {
        let pause = self.away.map_or(FIRST, |away| away.pause.saturating_mul(2)).min(LONGEST);
        self.away = Some(Away { problem, ask_at: now.saturating_add(pause), pause });
    }
}
