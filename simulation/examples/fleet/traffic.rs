//! When a process makes its calls.

use std::time::Duration;

use fastrand::Rng;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A kind of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// A call every minute or so, without an end.
    Steady,
    /// A few calls at a time, and then nothing for longer than a token lasts.
    Bursts,
    /// A call every few minutes, but none at night.
    Nightly,
    /// Processes that start, make a few calls, and end, as cron jobs and functions do.
    Jobs,
}

impl Traffic {
    pub(crate) const ALL: [Self; 4] = [Self::Steady, Self::Bursts, Self::Nightly, Self::Jobs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Bursts => "bursts",
            Self::Nightly => "nightly",
            Self::Jobs => "jobs",
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Steady => "a call every 20 to 100 s; for 2 h",
            Self::Bursts => {
                "5 to 15 calls, a second apart, then nothing for 65 to 180 min; for 12 h"
            }
            Self::Nightly => "a call every 10 to 20 min, ten hours a day; for 48 h",
            Self::Jobs => {
                "every 15 min another process starts, makes three calls and ends; for 4 h"
            }
        }
    }

    /// How long it is watched.
    pub(crate) fn latest_exp(self) -> Duration {
        match self {
            Self::Steady => 2 * HOUR,
            Self::Bursts => 12 * HOUR,
            Self::Nightly => 48 * HOUR,
            Self::Jobs => 4 * HOUR,
        }
    }
}

/// A call that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Duration,
    /// Another process makes it, which has just started.
    pub(crate) fresh: bool,
    /// The connection has to be made.
    pub(crate) cold: bool,
}

/// The calls of one process, or of one job's processes, as they come.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    traffic: Traffic,
    rng: Rng,
    dice: Rng,
    /// How many calls of the burst or of the run are still to come.
    left: u32,
    /// When the run began, or the working day.
    began: Duration,
}

impl Plan {
    pub(crate) fn new(traffic: Traffic, mut rng: Rng) -> Self {
        Self { traffic, dice: rng.fork(), rng, left: 0, began: Duration::ZERO }
    }

    /// The first call: a deployment starts all processes within a minute; jobs are spread over
    /// their interval.
    pub(crate) fn first(&mut self) -> Duration {
        let within = match self.traffic {
            Traffic::Steady | Traffic::Bursts | Traffic::Nightly => MINUTE,
            Traffic::Jobs => 15 * MINUTE,
        };
        let at = self.between(Duration::ZERO, within);
        self.left = self.burst();
        if self.traffic == Traffic::Jobs {
            self.began = at;
        }
        at
    }

    /// The call after one that has ended now.
    pub(crate) fn next(&mut self, now: Duration) -> Due {
        let in_burst = self.left.checked_sub(1);
        self.left = in_burst.unwrap_or_else(|| self.burst());
        let at = match (self.traffic, in_burst) {
            (Traffic::Steady, _) => now + self.between(20 * SECOND, 100 * SECOND),
            (Traffic::Bursts, Some(_)) => now + self.between(SECOND / 2, 2 * SECOND),
            (Traffic::Bursts, None) => now + self.between(65 * MINUTE, 180 * MINUTE),
            (Traffic::Jobs, Some(_)) => now + self.between(SECOND / 5, SECOND),
            (Traffic::Jobs, None) => {
                self.began += 15 * MINUTE;
                // A job starts a little late.
                now.max(self.began) + self.between(Duration::ZERO, SECOND)
            }
            (Traffic::Nightly, _) => {
                let at = now + self.between(10 * MINUTE, 20 * MINUTE);
                if at < self.began + 10 * HOUR {
                    at
                } else {
                    self.began += 24 * HOUR;
                    self.began + self.between(Duration::ZERO, 15 * MINUTE)
                }
            }
        };
        let fresh = self.traffic == Traffic::Jobs && in_burst.is_none();
        Due { at, fresh, cold: at > now + MINUTE }
    }

    /// For what else there is to draw for its calls.
    pub(crate) fn dice(&mut self) -> &mut Rng {
        &mut self.dice
    }

    /// How many calls follow the first of a burst or of a run.
    fn burst(&mut self) -> u32 {
        match self.traffic {
            Traffic::Steady | Traffic::Nightly => 0,
            Traffic::Bursts => self.rng.u32(5..15),
            Traffic::Jobs => 2,
        }
    }

    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.rng.f64())
    }
}
