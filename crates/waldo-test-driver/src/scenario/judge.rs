//! What was expected against what has happened.

use super::bench::Observed;
use super::document::Scenario;
use super::ending::Ending;
use super::order::Order;
use super::seen::{ExpectedRequest, RequestKind};
use super::sighting::{Given, Sighting};
use super::unmet::Unmet;
use super::window::Precision;
use crate::server::Target;

impl Scenario {
    /// What has not come true; the last of it, the first thing that differs, says most.
    pub(super) fn judge(&self, observed: &Observed, precision: Precision) -> Vec<Unmet> {
        let mut unmet: Vec<Unmet> = observed.objections.iter().map(Unmet::new).collect();
        for order in self.orders() {
            unmet.extend(judge_endings(order, observed, precision));
        }
        for (number, sighting) in observed.sightings.iter().enumerate() {
            let place = format!("request {}, {sighting}", number + 1);
            unmet.extend(sighting.breaches.iter().map(|breach| Unmet::at(&place, breach.to_string())));
        }
        unmet.extend(self.broken_bodies(&observed.sightings));
        if observed.elsewhere > 0 {
            unmet.push(Unmet::new(format!(
                "expected that no request goes to an origin that is not the client's; it saw {}",
                observed.elsewhere
            )));
        }
        if observed.logins_at_once > self.logins_at_once {
            unmet.push(Unmet::new(format!(
                "logins under way at once: expected {} at most; seen {}",
                self.logins_at_once, observed.logins_at_once
            )));
        }
        unmet.extend(self.first_difference(&observed.sightings, precision));
        unmet
    }

    /// Every attempt carries the whole body of its call.
    fn broken_bodies(&self, sightings: &[Sighting]) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        for order in self.orders() {
            let (path, body) = (order.path(), order.body.bytes());
            for sighting in sightings.iter().filter(|seen| seen.target == Target::Calls && seen.path == path)
            {
                if sighting.body != body {
                    let (seen, all) = (sighting.body.len(), body.len());
                    let other = if seen == all { ", and others" } else { "" };
                    unmet.push(Unmet::at(
                        format!("call {}", order.id),
                        format!("expected that each attempt carries its body of {all} bytes; it carried {seen}{other}"),
                    ));
                }
            }
        }
        unmet
    }

    /// The first request that differs from what is expected, in one sentence.
    fn first_difference(&self, sightings: &[Sighting], precision: Precision) -> Option<Unmet> {
        let mut rest = sightings;
        for group in &self.seen {
            let from = format!("from request {} on", sightings.len() - rest.len() + 1);
            let (candidates, later) = rest.split_at(group.count().min(rest.len()));
            let mut waiting: Vec<(&ExpectedRequest, usize)> =
                group.0.iter().map(|request| (request, request.times)).collect();
            let mut first_odd = None;
            for sighting in candidates {
                let fitting = waiting
                    .iter_mut()
                    .find(|(request, left)| *left > 0 && self.fits(request, sighting, precision));
                match fitting {
                    Some((_, left)) => *left -= 1,
                    None => first_odd = first_odd.or(Some(sighting)),
                }
            }
            if let Some((request, _)) = waiting.iter().find(|(_, left)| *left > 0) {
                let expected = self.tell(request, sightings);
                let seen = first_odd.map_or("no more was seen".to_owned(), |odd| format!("seen {odd}"));
                return Some(Unmet::at(from, format!("expected {expected}; {seen}")));
            }
            rest = later;
        }
        let number = sightings.len() - rest.len() + 1;
        let odd = rest.first()?;
        let what = format!("nothing more was expected; seen {odd}");
        Some(Unmet::at(format!("from request {number} on"), what))
    }

    fn fits(&self, expected: &ExpectedRequest, sighting: &Sighting, precision: Precision) -> bool {
        let named = match &expected.kind {
            RequestKind::Login { key } => {
                sighting.target == Target::Login
                    && key.as_ref().is_none_or(|key| sighting.pair.as_ref().is_some_and(|pair| pair.is(key)))
            }
            RequestKind::Call { id, token } => {
                sighting.target == Target::Calls
                    && sighting.token == Some(*token)
                    && self.orders().any(|order| order.id == *id && order.path() == sighting.path)
            }
        };
        named
            && expected.given == sighting.given
            && expected.at.is_none_or(|window| window.admits(sighting.at, precision))
    }

    fn tell(&self, expected: &ExpectedRequest, sightings: &[Sighting]) -> String {
        let text = match &expected.kind {
            RequestKind::Login { key: None } => "a login".to_owned(),
            RequestKind::Login { key: Some(key) } => {
                let mut pairs = sightings.iter().filter_map(|seen| seen.pair.as_ref());
                match pairs.find(|pair| pair.is(key)) {
                    Some(pair) => format!("a login as {pair}"),
                    None => "a login as a pair that was not seen".to_owned(),
                }
            }
            RequestKind::Call { id, token } => {
                let path = self.orders().find(|order| order.id == *id).map(Order::path).unwrap_or_default();
                format!("{path} with {token}")
            }
        };
        let at = expected.at.map(|at| format!(", at {at}")).unwrap_or_default();
        format!("{text}, given {}{at}", expected.given)
    }
}

fn judge_endings(order: &Order, observed: &Observed, precision: Precision) -> Vec<Unmet> {
    let (id, expected) = (&order.id, &order.answer);
    let Some(endings) = observed.endings.get(id) else {
        return vec![Unmet::new(format!("call {id} was never made; expected {expected}"))];
    };
    let mut unmet = Vec::new();
    if endings.len() < order.times {
        let ended = endings.len();
        unmet.push(Unmet::new(format!("{ended} of {} calls {id} ended; expected {expected}", order.times)));
    }
    for (ending, at) in endings {
        if !expected.admits(ending, *at, precision) {
            let (ending, at) = (ending.told(precision), precision.tell(*at));
            unmet.push(Unmet::at(
                format!("call {id} ended otherwise"),
                format!("expected {expected}; seen {ending}, at {at}"),
            ));
        } else if !is_given(order, ending, &observed.sightings) {
            unmet.push(Unmet::at(
                format!("call {id}"),
                "expected that it is delivered a response that the server gave to it; it was delivered another",
            ));
        }
    }
    unmet
}

/// Whether a response that was delivered is one that the server gave to this call.
fn is_given(order: &Order, ending: &Ending, sightings: &[Sighting]) -> bool {
    let Ending::Answered { status, body } = ending else { return true };
    let path = order.path();
    sightings.iter().any(|seen| {
        seen.target == Target::Calls
            && seen.path == path
            && seen.given == Given::Status(*status)
            && seen.given_body == *body
    })
}
