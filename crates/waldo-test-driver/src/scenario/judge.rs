//! What was expected against what has happened.

use super::bench::{Observed, Unmet};
use super::document::Scenario;
use super::ending::Ending;
use super::order::Order;
use super::seen::{ExpectedRequest, RequestKind};
use super::sighting::{Given, Sighting};
use super::window::Precision;
use crate::server::Target;

impl Scenario {
    /// What has not come true; the first thing that differs says most.
    pub(super) fn judge(&self, observed: &Observed, precision: Precision) -> Vec<Unmet> {
        let mut unmet: Vec<String> = observed.objections.clone();
        for order in self.orders() {
            unmet.extend(judge_endings(order, observed, precision));
        }
        let difference = self.first_difference(&observed.sightings, precision);
        let breaches = observed.sightings.iter().enumerate();
        unmet.extend(breaches.flat_map(|(number, sighting)| {
            let told = move |breach: &_| format!("request {}, {sighting}: {breach}", number + 1);
            sighting.breaches.iter().map(told)
        }));
        unmet.extend(self.broken_bodies(&observed.sightings));
        if observed.elsewhere > 0 {
            unmet.push(format!("{} requests went to an origin that is not the client's", observed.elsewhere));
        }
        if observed.logins_at_once > self.logins_at_once {
            unmet.push(format!(
                "{} logins were under way at once, which may be {} at most",
                observed.logins_at_once, self.logins_at_once
            ));
        }
        unmet.extend(difference.map(|difference| difference + &transcript(&observed.sightings)));
        unmet.into_iter().map(Unmet).collect()
    }

    /// Every attempt carries the whole body of its call.
    fn broken_bodies(&self, sightings: &[Sighting]) -> Vec<String> {
        let mut unmet = Vec::new();
        for order in self.orders() {
            let (path, body) = (order.path(), order.body.bytes());
            for sighting in sightings.iter().filter(|seen| seen.target == Target::Calls && seen.path == path)
            {
                if sighting.body != body {
                    let (id, seen, all) = (&order.id, sighting.body.len(), body.len());
                    unmet.push(format!("call {id} was sent with {seen} bytes of a body that has {all}"));
                }
            }
        }
        unmet
    }

    /// The first request that differs from what is expected, in one sentence.
    fn first_difference(&self, sightings: &[Sighting], precision: Precision) -> Option<String> {
        let mut rest = sightings;
        for group in &self.seen {
            let number = sightings.len() - rest.len() + 1;
            let (mut candidates, later) = rest.split_at(group.count().min(rest.len()));
            let mut waiting: Vec<(&ExpectedRequest, usize)> =
                group.0.iter().map(|request| (request, request.times)).collect();
            let mut first_odd = None;
            while let Some((sighting, others)) = candidates.split_first() {
                let fitting = waiting
                    .iter_mut()
                    .find(|(request, left)| *left > 0 && self.fits(request, sighting, precision));
                match fitting {
                    Some((_, left)) => *left -= 1,
                    None => first_odd = first_odd.or(Some(sighting)),
                }
                candidates = others;
            }
            let missing = waiting.iter().find(|(_, left)| *left > 0);
            match (missing, first_odd) {
                (None, _) => rest = later,
                (Some((request, _)), Some(odd)) => {
                    let expected = self.tell(request);
                    return Some(format!("from request {number} on: expected {expected}; seen {odd}"));
                }
                (Some((request, _)), None) => {
                    let expected = self.tell(request);
                    return Some(format!("from request {number} on: expected {expected}; no more was seen"));
                }
            }
        }
        let number = sightings.len() - rest.len() + 1;
        rest.first().map(|odd| format!("from request {number} on: nothing more was expected; seen {odd}"))
    }

    fn fits(&self, expected: &ExpectedRequest, sighting: &Sighting, precision: Precision) -> bool {
        let named = match &expected.kind {
            RequestKind::Login { key } => {
                sighting.target == Target::Login && (key.is_none() || *key == sighting.key)
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

    fn tell(&self, expected: &ExpectedRequest) -> String {
        let text = match &expected.kind {
            RequestKind::Login { key: None } => "a login".to_owned(),
            RequestKind::Login { key: Some(key) } => format!("a login as {key}"),
            RequestKind::Call { id, token } => {
                let path = self.orders().find(|order| order.id == *id).map(Order::path).unwrap_or_default();
                format!("{path} with {token}")
            }
        };
        let at = expected.at.map(|at| format!(", at {at}")).unwrap_or_default();
        format!("{text}, given {}{at}", expected.given)
    }
}

fn judge_endings(order: &Order, observed: &Observed, precision: Precision) -> Vec<String> {
    let (id, expected) = (&order.id, &order.answer);
    let Some(endings) = observed.endings.get(id) else {
        return vec![format!("call {id} was never made; expected {expected}")];
    };
    let mut unmet = Vec::new();
    if endings.len() < order.times {
        unmet.push(format!("{} of {} calls {id} ended; expected {expected}", endings.len(), order.times));
    }
    for (ending, at) in endings {
        if !expected.admits(ending, *at, precision) {
            let at = precision.tell(*at);
            unmet.push(format!("call {id} ended otherwise: expected {expected}; seen {ending}, at {at}"));
        } else if !is_given(order, ending, &observed.sightings) {
            unmet.push(format!("call {id} was delivered a response that the server has not given to it"));
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

/// All that was seen, one request a line.
fn transcript(sightings: &[Sighting]) -> String {
    let lines =
        sightings.iter().enumerate().map(|(number, sighting)| format!("\n  {}. {sighting}", number + 1));
    let lines: String = lines.collect();
    format!("; all that was seen:{}", if lines.is_empty() { " nothing" } else { &lines })
}
