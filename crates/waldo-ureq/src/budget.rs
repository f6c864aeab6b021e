//! What one call may take.

use std::time::Duration;

use waldo_auth_core::{Call, Instant};

/// ureq adds a limit to the clock, which panics where the sum is out of its range; nobody waits for a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The time a call has, measured from its start and not from each sending.
///
/// ureq starts its timeouts anew with every request, so a call that is sent twice would take twice as long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    started: Instant,
    /// For everything: waiting, sending, sending again, reading the answer.
    whole: Option<Duration>,
    /// For waiting alone.
    wait: Option<Duration>,
}

impl Budget {
    pub(crate) fn new(whole: Option<Duration>, wait: Option<Duration>, started: Instant) -> Self {
        Self { started, whole, wait }
    }

    /// Tells the core when to stop waiting.
    pub(crate) fn bound(&self, call: Call) -> Call {
        match [self.whole, self.wait].into_iter().flatten().min() {
            Some(limit) => call.with_deadline(self.started.saturating_add(limit)),
            None => call,
        }
    }

    /// What is left for a sending; `None` when there is no limit.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let spent = now.saturating_duration_since(self.started);
        self.whole.map(|whole| whole.saturating_sub(spent).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn the_shorter_limit_bounds_the_wait_and_only_the_whole_bounds_the_sending() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (whole, wait, deadline) in
            [(None, None, None), (seconds(5), None, Some(15)), (None, seconds(7), Some(17))]
        {
            let bound = Budget::new(whole, wait, at(10)).bound(Call::replayable());
            assert_eq!(bound.deadline(), deadline.map(at));
        }
        let budget = Budget::new(seconds(5), seconds(2), at(10));
        assert_eq!(budget.bound(Call::one_shot()).deadline(), Some(at(12)));
        assert_eq!(budget.left(at(11)), seconds(4));
        assert_eq!(budget.left(at(99)), Some(Duration::ZERO));
        assert_eq!(Budget::new(None, seconds(2), at(10)).left(at(99)), None);
        assert_eq!(Budget::new(Some(Duration::MAX), None, at(10)).left(at(99)), Some(LONGEST));
    }
}
