//! Compares the events with the expectations.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::bench::Observed;
use super::breach::Breach;
use super::demand::Demand;
use super::document::Scenario;
use super::ending::Ending;
use super::order::Order;
use super::seen::{ExpectedRequest, RequestKind};
use super::sighting::{Given, Sighting};
use super::stack;
use super::unmet::Unmet;
use super::window::Precision;
use crate::server::Target;

impl Scenario {
    /// The expectations that were not met. The last one is the first difference in the order of
    /// events, and says most.
    pub(super) fn judge(&self, observed: &Observed, precision: Precision) -> Vec<Unmet> {
        let mut unmet: Vec<Unmet> =
            observed.objections.iter().map(|what| Unmet::new(Demand::Rest, what)).collect();
        for order in self.orders() {
            unmet.extend(judge_endings(order, observed, precision));
        }
        for (number, sighting) in observed.sightings.iter().enumerate() {
            let place = format!("request {}, {sighting}", number + 1);
            let finding =
                |breach: &Breach| Unmet::new(breach.demand(), breach.to_string()).at(&place);
            unmet.extend(sighting.breaches.iter().map(finding));
        }
        unmet.extend(self.altered_requests(&observed.sightings));
        if observed.elsewhere > 0 {
            unmet.push(Unmet::new(
                Demand::OwnOrigin,
                format!(
                    "expected that no request goes to an origin that is not the client's; it saw {}",
                    observed.elsewhere
                ),
            ));
        }
        if observed.logins_at_once > self.logins_at_once {
            unmet.push(Unmet::new(
                Demand::LoginsAtOnce,
                format!(
                    "logins under way at once: expected {} at most; seen {}",
                    self.logins_at_once, observed.logins_at_once
                ),
            ));
        }
        unmet.extend(self.first_difference(&observed.sightings, precision));
        unmet
    }

    /// The requests that differ from their user's request. Every attempt of a call must be the
    /// user's whole request.
    fn altered_requests(&self, sightings: &[Sighting]) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        for order in self.orders() {
            let (path, body) = (order.path(), order.bytes());
            let attempts =
                sightings.iter().filter(|seen| seen.target == Target::Calls && seen.path == path);
            let altered = attempts.flat_map(|seen| alterations(order, &body, seen));
            unmet.extend(altered.map(|unmet| unmet.at(format!("call {}", order.id))));
        }
        unmet
    }

    /// The first request that differs from the expected request, in one sentence.
    fn first_difference(&self, sightings: &[Sighting], precision: Precision) -> Option<Unmet> {
        let mut rest = sightings;
        for group in &self.seen {
            let from = format!("from request {} on", sightings.len() - rest.len() + 1);
            // The expected requests, each with the number of times that it was seen.
            let mut waiting: Vec<(&ExpectedRequest, usize)> =
                group.0.iter().map(|request| (request, 0)).collect();
            while let Some((sighting, later)) = rest.split_first() {
                let fitting = waiting.iter_mut().find(|(request, seen)| {
                    *seen < request.times.most && self.fits(request, sighting, precision)
                });
                let Some((_, seen)) = fitting else { break };
                *seen += 1;
                rest = later;
            }
            if let Some((request, _)) =
                waiting.iter().find(|(request, seen)| *seen < request.times.least)
            {
                let expected = self.tell(request, sightings);
                let seen =
                    rest.first().map_or("no more was seen".to_owned(), |odd| format!("seen {odd}"));
                return Some(
                    Unmet::new(Demand::Request, format!("expected {expected}; {seen}")).at(from),
                );
            }
        }
        let number = sightings.len() - rest.len() + 1;
        let odd = rest.first()?;
        let what = format!("nothing more was expected; seen {odd}");
        Some(Unmet::new(Demand::NoOtherRequest, what).at(format!("from request {number} on")))
    }

    fn fits(&self, expected: &ExpectedRequest, sighting: &Sighting, precision: Precision) -> bool {
        let named = match &expected.kind {
            RequestKind::Login { key } => {
                sighting.target == Target::Login
                    && key
                        .as_ref()
                        .is_none_or(|key| sighting.pair.as_ref().is_some_and(|pair| pair.is(key)))
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
                let path = self
                    .orders()
                    .find(|order| order.id == *id)
                    .map(Order::path)
                    .unwrap_or_default();
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
        return vec![Unmet::new(
            Demand::CallMade,
            format!("call {id} was never made; expected {expected}"),
        )];
    };
    let mut unmet = Vec::new();
    if endings.len() < order.times {
        let ended = endings.len();
        let what = format!("{ended} of {} calls {id} ended; expected {expected}", order.times);
        unmet.push(Unmet::new(Demand::CallEnded, what));
    }
    for (ending, at) in endings {
        if let Some(half) = half_body(order, ending, &observed.sightings) {
            unmet.push(Unmet::new(Demand::WholeBody, half).at(format!("call {id}")));
        } else if !expected.admit(ending, *at, precision) {
            let (ending, at) = (ending.told(precision), precision.tell(*at));
            let what = format!("expected {expected}; seen {ending}, at {at}");
            unmet.push(Unmet::new(Demand::Ending, what).at(format!("call {id} ended otherwise")));
        } else if !is_given(order, ending, &observed.sightings) {
            let what = "expected that it is delivered a response that the server gave to it; it was delivered another";
            unmet.push(Unmet::new(Demand::OwnResponse, what).at(format!("call {id}")));
        }
    }
    unmet
}

/// The differences between the user's request and this attempt of the call.
fn alterations(order: &Order, body: &[u8], seen: &Sighting) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let mut differs = |demand, what: String| unmet.push(Unmet::new(demand, what));
    if seen.method != order.method() {
        let (expected, seen) = (order.method(), &seen.method);
        differs(
            Demand::Method,
            format!("expected that each attempt has its method, {expected}; it had {seen}"),
        );
    }
    if seen.query.as_deref() != order.query() {
        let tell =
            |query: Option<&str>| query.map_or("none".to_owned(), |query| format!("?{query}"));
        let (expected, seen) = (tell(order.query()), tell(seen.query.as_deref()));
        differs(
            Demand::Query,
            format!("expected that each attempt has its query, {expected}; it had {seen}"),
        );
    }
    for name in order.headers().keys() {
        let (expected, seen) = (values(order.headers(), name), values(&seen.headers, name));
        // One line with commas is equal to several lines (RFC 9110, section 5.3).
        if seen.is_empty() || expected.join(&b", "[..]) != seen.join(&b", "[..]) {
            let (expected, seen) = (tell(&expected), tell(&seen));
            differs(
                Demand::UserHeaders,
                format!("expected that each attempt has its {name}, {expected}; it had {seen}"),
            );
        }
    }
    let is_made_up =
        |name: &&HeaderName| !order.headers().contains_key(*name) && !stack::may_add(name);
    if let Some(name) = seen.headers.keys().find(is_made_up) {
        differs(
            Demand::NoOtherHeader,
            format!("expected that no header is added to its user's; it had {name}"),
        );
    }
    if let Some(seen) = seen.body.as_ref().filter(|seen| *seen != body) {
        let (seen, all) = (seen.len(), body.len());
        let other = if seen == all { ", and others" } else { "" };
        differs(
            Demand::Body,
            format!(
                "expected that each attempt carries its body of {all} bytes; it carried {seen}{other}"
            ),
        );
    }
    unmet
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

fn tell(values: &[&[u8]]) -> String {
    let values: Vec<String> =
        values.iter().map(|value| format!("{:?}", String::from_utf8_lossy(value))).collect();
    if values.is_empty() { "none".to_owned() } else { values.join(" and ") }
}

/// The message for a body that broke off and was delivered like a whole body.
fn half_body(order: &Order, ending: &Ending, sightings: &[Sighting]) -> Option<String> {
    let Ending::Answered { body, .. } = ending else { return None };
    let (path, delivered) = (order.path(), body.len());
    let mut cut = sightings.iter().filter(|seen| {
        seen.target == Target::Calls && seen.path == path && seen.given == Given::CutShort
    });
    let all = cut.next().map(|seen| seen.given_body.len())?;
    Some(format!(
        "expected that a body which breaks off is an error; it was delivered as a whole one, with {delivered} of {all} bytes"
    ))
}

/// Whether the server gave the delivered response to this call.
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
