//! What a setting costs a client that comes back after idle gaps.

use std::time::Duration;

use fastrand::Rng;
use waldo_auth_core::{Config, Session};

use crate::client::{Client, Ending};
use crate::gaps::Gaps;
use crate::manner::Manner;
use crate::site::Site;

/// A client and its server, of which all is given but the setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) manner: Manner,
    pub(crate) lifetime: Duration,
    pub(crate) round_trip: Duration,
    pub(crate) gaps: Gaps,
    /// The calls cannot be sent again, and their bodies take so long before the server looks at
    /// the token.
    pub(crate) upload: Option<Duration>,
}

/// What a thousand calls cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// How much longer they took than with a token that is good, in seconds.
    pub(crate) extra: f64,
    /// How much of that were logins.
    in_logins: f64,
    pub(crate) logins: f64,
    pub(crate) refused: f64,
    /// How many ended with a 401 for the user, or were not sent.
    pub(crate) failed: f64,
}

impl Cost {
    fn count(&mut self, ending: Ending, weight: f64) {
        let thousand = 1000.0 * weight;
        self.extra += thousand * ending.extra.as_secs_f64();
        self.in_logins += thousand * ending.in_logins.as_secs_f64();
        self.logins += thousand * f64::from(ending.logins);
        self.refused += thousand * f64::from(ending.refused);
        self.failed += thousand * f64::from(u8::from(ending.delivered || ending.given_up));
    }

    /// What remains when the logins stay out of it that a client without a leeway makes too, as its
    /// token has died.
    fn beyond(self, without: Self) -> Self {
        Self { extra: self.extra - without.in_logins, logins: self.logins - without.logins, ..self }
    }
}

impl Case {
    /// What each setting costs under the same luck, beyond what none can help. The first is to have
    /// no leeway.
    pub(crate) fn costs(&self, settings: &[Config], seed: u64) -> Vec<Cost> {
        let costs: Vec<Cost> = settings.iter().map(|setting| self.cost(setting, seed)).collect();
        let without = costs.first().copied().unwrap_or_default();
        costs.into_iter().map(|cost| cost.beyond(without)).collect()
    }

    fn cost(&self, setting: &Config, seed: u64) -> Cost {
        let mut rng = Rng::with_seed(seed);
        let network = self.manner.network(self.round_trip);
        let mut site = Site::new(self.manner.policy(self.lifetime), None);
        let mut client = Client::<Session>::start(setting.clone(), &site, Duration::ZERO);
        let mut cost = Cost::default();
        let mut ended = Duration::ZERO;
        for gap in self.gaps.drawn(self.lifetime, &mut rng) {
            // The last call before the gap, which renews the token. Where in a second it comes is
            // luck too.
            let sent =
                Duration::from_secs(ended.as_secs() + 2) + Duration::from_secs_f64(rng.f64());
            (_, ended) = client.alone(false, network.warm(&mut rng), &mut site, sent);
            let mut ways = network.cold(&mut rng);
            ways.first.forth += self.upload.unwrap_or_default();
            let back = ended.max(sent + gap.length);
            let ending;
            (ending, ended) = client.alone(self.upload.is_some(), ways, &mut site, back);
            cost.count(ending, gap.weight);
        }
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Leeway;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn costs(manner: Manner, gaps: Gaps, leeways: [u64; 3]) -> [Cost; 3] {
        let case = Case { manner, lifetime: HOUR, round_trip: Duration::ZERO, gaps, upload: None };
        let leeways = leeways.map(|leeway| Leeway::half(Duration::from_secs(leeway)).config());
        case.costs(&leeways, 7).try_into().unwrap()
    }

    #[track_caller]
    fn assert_near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 0.05 * expected.abs(), "{value} is not {expected}");
    }

    #[test]
    fn exact_expiry_leeway_costs_proportional_logins() {
        let [none, some, more] = costs(Manner::EXACT, Gaps::Even, [0, 30, 300]);
        assert_near(some.logins, 1000.0 * 30.0 / 3600.0);
        assert_near(more.logins, 1000.0 * 300.0 / 3600.0);
        for cost in [none, some, more] {
            // They are exact to a millisecond.
            assert!(cost.refused + cost.failed + cost.extra < 0.01, "{cost:?}");
        }
    }

    #[test]
    fn one_second_leeway_covers_whole_second_expiry() {
        let [none, one, three] = costs(Manner::COMMON, Gaps::Even, [0, 1, 3]);
        assert_near(none.refused, 1000.0 * 0.5 / 3600.0);
        assert_near(one.logins, 1000.0 * 0.5 / 3600.0);
        assert!(one.refused + three.refused < 0.01, "{one:?} {three:?}");
    }

    /// What rule 11 rests on.
    #[test]
    fn default_leeway_avoids_401s_and_needless_logins() {
        let leeways = [Leeway::NONE, Leeway::Default].map(Leeway::config);
        for manner in Manner::ALL {
            for round_trip in [10, 100, 1000].map(Duration::from_millis) {
                let by_default = |gaps| {
                    let case = Case { manner, lifetime: HOUR, round_trip, gaps, upload: None };
                    case.costs(&leeways, 7).pop().unwrap()
                };
                let (hourly, even) = (by_default(Gaps::Period), by_default(Gaps::Even));
                assert!(hourly.refused < 0.01, "{manner:?} {round_trip:?}: {hourly:?}");
                assert!(even.logins < 1.0, "{manner:?} {round_trip:?}: {even:?}");
            }
        }
    }

    #[test]
    fn hourly_calls_gain_nothing_from_larger_leeway() {
        let [none, three, more] = costs(Manner::COMMON, Gaps::Period, [0, 3, 300]);
        assert!(none.refused > 200.0, "{none:?}");
        assert_eq!((three.logins, three.refused), (more.logins, more.refused));
    }
}
