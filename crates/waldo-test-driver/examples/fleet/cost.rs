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
    pub(crate) life: Duration,
    pub(crate) round_trip: Duration,
    pub(crate) gaps: Gaps,
    /// The calls cannot be sent again, and their bodies take so long before the server looks at the token.
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

    /// What remains when the logins stay out of it that a client without a margin makes too, as its token has died.
    fn beyond(self, without: Self) -> Self {
        Self { extra: self.extra - without.in_logins, logins: self.logins - without.logins, ..self }
    }
}

impl Case {
    /// What each setting costs under the same luck, beyond what none can help. The first is to have no margin.
    pub(crate) fn costs(&self, settings: &[Config], seed: u64) -> Vec<Cost> {
        let costs: Vec<Cost> = settings.iter().map(|setting| self.cost(setting, seed)).collect();
        let without = costs.first().copied().unwrap_or_default();
        costs.into_iter().map(|cost| cost.beyond(without)).collect()
    }

    fn cost(&self, setting: &Config, seed: u64) -> Cost {
        let mut rng = Rng::with_seed(seed);
        let network = self.manner.network(self.round_trip);
        let mut site = Site::new(self.manner.policy(self.life), None);
        let mut client = Client::<Session>::start(setting.clone(), &site, Duration::ZERO);
        let mut cost = Cost::default();
        let mut ended = Duration::ZERO;
        for gap in self.gaps.drawn(self.life, &mut rng) {
            // The last call before the gap, which renews the token. Where in a second it comes is luck too.
            let sent = Duration::from_secs(ended.as_secs() + 2) + Duration::from_secs_f64(rng.f64());
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
