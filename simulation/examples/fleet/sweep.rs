//! Many leeways in many cases, and how they compare.

use std::fmt;
use std::time::Duration;

use humantime::format_duration;
use waldo_auth_core::Config;

use crate::cost::{Case, Cost};
use crate::in_parallel;
use crate::site;

/// A reserve at the end of a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leeway {
    /// So long, but at most that part of the lifetime.
    Of { at_most: Duration, share: u32 },
    /// The default of the core.
    Default,
}

impl Leeway {
    /// The largest share there may be, with which it is the time that counts.
    const HALF: u32 = 2;

    pub(crate) const NONE: Self = Self::half(Duration::ZERO);

    pub(crate) const fn half(at_most: Duration) -> Self {
        Self::Of { at_most, share: Self::HALF }
    }

    /// How tables name it where the share is what counts.
    pub(crate) fn with_share(self) -> String {
        match self {
            Self::Of { share, .. } => format!("{self}, 1/{share}"),
            Self::Default => self.to_string(),
        }
    }

    /// Of calls that can be sent again.
    pub(crate) fn config(self) -> Config {
        site::config(|defaults| match self {
            Self::Of { at_most, share } => defaults.leeway(at_most, share),
            Self::Default => defaults,
        })
    }

    /// Of one-shot calls, which ask for the other one too.
    pub(crate) fn one_shot_config(self) -> Config {
        site::config(|defaults| {
            let theirs_alone = defaults.leeway(Duration::ZERO, Self::HALF);
            match self {
                Self::Of { at_most, share } => theirs_alone.one_shot_leeway(at_most, share),
                Self::Default => theirs_alone,
            }
        })
    }
}

impl fmt::Display for Leeway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of { at_most, .. } => format_duration(*at_most).fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What is counted beside latency, in round trips.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prices {
    pub(crate) name: &'static str,
    /// A login that was not needed.
    login: f64,
    refused: f64,
}

impl Prices {
    pub(crate) const LATENCY: Self = Self { name: "latency alone", login: 0.0, refused: 0.0 };
    pub(crate) const ALL: [Self; 4] = [
        Self::LATENCY,
        Self { name: "and 1 more for a login", login: 1.0, refused: 0.0 },
        Self { name: "and 1 more for a 401", login: 0.0, refused: 1.0 },
        Self { name: "and 5 more for a 401", login: 0.0, refused: 5.0 },
    ];
}

/// What one leeway costs in one case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) case: Case,
    leeway: Leeway,
    pub(crate) cost: Cost,
}

impl Sample {
    fn price(&self, prices: Prices) -> f64 {
        let Cost { extra, logins, refused, .. } = self.cost;
        extra / self.case.round_trip.as_secs_f64()
            + prices.login * logins
            + prices.refused * refused
    }
}

/// All leeways in all cases.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) leeways: Vec<Leeway>,
    pub(crate) samples: Vec<Sample>,
}

impl Sweep {
    /// Tries them. No leeway is tried first, as the others are compared with it.
    pub(crate) fn new(
        cases: &[Case],
        leeways: &[Leeway],
        config: fn(Leeway) -> Config,
        seed: u64,
    ) -> Self {
        let leeways = [&[Leeway::NONE], leeways].concat();
        let configs: Vec<Config> = leeways.iter().map(|leeway| config(*leeway)).collect();
        let costs =
            in_parallel(cases, |index, case| case.costs(&configs, seed.wrapping_add(index as u64)));
        let samples = cases.iter().zip(costs).flat_map(|(case, costs)| {
            let of_leeway =
                |(leeway, cost): (&Leeway, Cost)| Sample { case: *case, leeway: *leeway, cost };
            leeways.iter().zip(costs).map(of_leeway).collect::<Vec<_>>()
        });
        Self { samples: samples.collect(), leeways }
    }

    /// The mean over some of the cases.
    pub(crate) fn mean(
        &self,
        leeway: Leeway,
        among: impl Fn(&Case) -> bool,
        value: impl Fn(&Sample) -> f64,
    ) -> f64 {
        let those =
            self.samples.iter().filter(|sample| sample.leeway == leeway && among(&sample.case));
        let (count, sum) =
            those.fold((0.0, 0.0), |(count, sum), sample| (count + 1.0, sum + value(sample)));
        if count > 0.0 { sum / count } else { 0.0 }
    }

    /// The leeway with the least of something; of those that have as little, the first.
    pub(crate) fn best(&self, of: impl Fn(Leeway) -> f64) -> Option<Leeway> {
        self.leeways.iter().copied().min_by(|one, other| of(*one).total_cmp(&of(*other)))
    }

    /// By how much a leeway is dearer than the best one, where it is worst. The cases that have the
    /// key in common are one.
    pub(crate) fn regret<K: PartialEq>(
        &self,
        leeway: Leeway,
        key: impl Fn(&Case) -> K,
        prices: Prices,
    ) -> f64 {
        let price = |leeway, of: &K| {
            self.mean(leeway, |case| key(case) == *of, |sample| sample.price(prices))
        };
        let over_best = |of: K| {
            let best =
                self.leeways.iter().map(|other| price(*other, &of)).fold(f64::INFINITY, f64::min);
            price(leeway, &of) - best
        };
        let those = self.samples.iter().filter(|sample| sample.leeway == leeway);
        those.map(|sample| over_best(key(&sample.case))).fold(0.0, f64::max)
    }
}
