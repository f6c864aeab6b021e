//! When a store that failed is asked again.

use std::time::Duration;

use waldo_auth_core::{Instant, StoreProblem};

/// The pause after the first failure. Each further failure doubles it.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// What a store was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Read,
    Replace,
}

/// Whether the store answers, and if not, when it is asked again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Health {
    away: Option<Away>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    question: Question,
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

    /// Notes an answer. A store that is full or read-only answers each read, and it stays away until
    /// it can be written again.
    pub(crate) fn answered(&mut self, question: Question) {
        self.away.take_if(|away| question == Question::Replace || !away.is_only_for_writes());
    }

    pub(crate) fn failed(&mut self, question: Question, problem: StoreProblem, now: Instant) {
        let pause = self.away.map_or(FIRST, |away| away.pause.saturating_mul(2)).min(LONGEST);
        let ask_at = now.saturating_add(pause);
        self.away = Some(Away { question, problem, ask_at, pause });
    }
}

impl Away {
    fn is_only_for_writes(self) -> bool {
        let is_silent = matches!(self.problem, StoreProblem::Unreachable | StoreProblem::TimedOut);
        self.question == Question::Replace && !is_silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn store_that_fails_is_asked_less_and_less_often() {
        let mut health = Health::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            health.failed(Question::Read, StoreProblem::Unreachable, at(0));
            pauses.push(health.ask_at().since_start().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!health.may_ask(at(59)) && health.may_ask(at(60)));
        health.answered(Question::Read);
        assert!(health.may_ask(at(0)) && health.problem().is_none());
    }

    #[test]
    fn full_store_stays_away_until_it_is_written() {
        let mut health = Health::default();
        for (pause, problem) in [(1, StoreProblem::Full), (2, StoreProblem::Denied)] {
            health.failed(Question::Replace, problem, at(0));
            health.answered(Question::Read);
            assert_eq!((health.problem(), health.ask_at()), (Some(problem), at(pause)));
        }
        health.answered(Question::Replace);
        assert_eq!(health.problem(), None);
    }

    #[test]
    fn store_that_was_silent_is_back_with_each_answer() {
        let mut health = Health::default();
        health.failed(Question::Replace, StoreProblem::TimedOut, at(0));
        health.answered(Question::Read);
        assert_eq!(health.problem(), None);
    }
}
