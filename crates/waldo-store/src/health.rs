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

    /// Notes a failure. A question that fails during the pause was asked before the pause began, so
    /// it shows nothing new, and the pause stays.
    pub(crate) fn failed(&mut self, question: Question, problem: StoreProblem, now: Instant) {
        let (pause, ask_at) = match self.away {
            Some(away) if now < away.ask_at => (away.pause, away.ask_at),
            away => {
                let pause = away.map_or(FIRST, |away| away.pause.saturating_mul(2)).min(LONGEST);
                (pause, now.saturating_add(pause))
            }
        };
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
            let now = health.ask_at();
            health.failed(Question::Read, StoreProblem::Unreachable, now);
            pauses.push(health.ask_at().saturating_duration_since(now).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!health.may_ask(at(182)) && health.may_ask(at(183)));
        health.answered(Question::Read);
        assert!(health.may_ask(at(0)) && health.problem().is_none());
    }

    #[test]
    fn concurrent_failures_count_once() {
        let mut health = Health::default();
        for problem in [StoreProblem::Unreachable, StoreProblem::TimedOut] {
            health.failed(Question::Read, problem, at(0));
            assert_eq!((health.problem(), health.ask_at()), (Some(problem), at(1)));
        }
        health.failed(Question::Read, StoreProblem::TimedOut, at(1));
        assert_eq!(health.ask_at(), at(3));
    }

    #[test]
    fn full_store_stays_away_until_it_is_written() {
        let mut health = Health::default();
        for (now, ask_at, problem) in [(0, 1, StoreProblem::Full), (1, 3, StoreProblem::Denied)] {
            health.failed(Question::Replace, problem, at(now));
            health.answered(Question::Read);
            assert_eq!((health.problem(), health.ask_at()), (Some(problem), at(ask_at)));
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
