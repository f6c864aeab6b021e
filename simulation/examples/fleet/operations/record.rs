//! What happened in one run.

use std::time::Duration;

/// What happened in one run. Times count from its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// How many calls have ended.
    pub(super) calls: u32,
    /// When the logins were granted.
    pub(super) logins: Vec<Duration>,
    /// The calls that were answered 401 in the end.
    pub(super) lost: Vec<Lost>,
    /// How many calls were not sent: logins failed too often, or the deadline came first.
    pub(super) given_up: u32,
}

/// A call that was answered 401 in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// When the server gave the last 401.
    pub(super) at: Duration,
    pub(super) one_shot: bool,
}

impl Record {
    /// How many logins there were within the time.
    pub(super) fn logins_within(&self, from: Duration, to: Duration) -> u32 {
        count(self.logins.iter().filter(|at| (from..to).contains(at)))
    }

    /// How many calls were lost within the time.
    pub(super) fn lost_within(&self, from: Duration, to: Duration) -> u32 {
        count(self.lost.iter().filter(|lost| (from..to).contains(&lost.at)))
    }

    /// How many lost calls could have been sent again, or could not.
    pub(super) fn lost_that(&self, one_shot: bool) -> u32 {
        count(self.lost.iter().filter(|lost| lost.one_shot == one_shot))
    }

    /// How long after an end of a cause a call was lost last that could have been sent again. What
    /// is lost before the first end does not count.
    pub(super) fn latest_after(&self, ends: &[Duration]) -> Duration {
        let since = |lost: &Lost| {
            let ends = ends.iter().filter(|end| **end <= lost.at);
            ends.max().map(|end| lost.at.saturating_sub(*end))
        };
        self.lost.iter().filter(|lost| !lost.one_shot).filter_map(since).max().unwrap_or_default()
    }
}

fn count(things: impl Iterator) -> u32 {
    u32::try_from(things.count()).unwrap_or(u32::MAX)
}
