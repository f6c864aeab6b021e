//! The checks of a well-formed scenario: a client must be able to pass it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::answer::Kind;
use super::citation::Citation;
use super::document::{Scenario, ScenarioError};
use super::order::{CallId, Order, is_name};
use super::seen::{ExpectedRequest, RequestKind};
use super::sighting::{Given, TokenName};
use super::step::Step;
use crate::server::ClockOffset;

/// The largest number of attempts of a call (rule 8).
const ATTEMPTS: usize = 3;

/// How far a clock may be moved at once, well within its range.
const FARTHEST: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// How much time may pass in a scenario that also runs over real sockets.
const LONGEST: Duration = Duration::from_millis(2500);

fn wrong<T>(what: impl Into<String>) -> Result<T, ScenarioError> {
    Err(ScenarioError(what.into()))
}

impl Scenario {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        self.check_words()?;
        self.check_citations()?;
        self.check_clocks()?;
        self.check_time()?;
        self.check_steps()?;
        self.check_seen()?;
        self.orders().try_for_each(|order| self.check_order(order))
    }

    fn check_words(&self) -> Result<(), ScenarioError> {
        if !is_name(&self.name) {
            return wrong(format!(
                "name: {:?} cannot name a scenario: use small letters, digits and hyphens, such as \"cold-start\"",
                self.name
            ));
        }
        if self.why.trim().is_empty() {
            return wrong("why: say what the scenario is for");
        }
        if self.virtual_only.as_ref().is_some_and(|why| why.trim().is_empty()) {
            return wrong("virtual_only: say why real sockets cannot do it, or leave it out");
        }
        if self.server.keys.is_empty() {
            return wrong(
                "server.keys: a server without keys grants nothing; give one, or leave the list out",
            );
        }
        if self.logins_at_once == 0 {
            return wrong(
                "logins_at_once: this is the most that may be under way at once, so at least 1",
            );
        }
        Ok(())
    }

    fn check_citations(&self) -> Result<(), ScenarioError> {
        let mut cited = BTreeSet::new();
        for (number, Citation { issue, went_wrong }) in self.seen_in.iter().enumerate() {
            if !cited.insert(issue) {
                return wrong(format!(
                    "seen_in[{number}]: {} is cited already; cite it once",
                    issue.0
                ));
            }
            if went_wrong.as_ref().is_some_and(|what| what.trim().is_empty()) {
                return wrong(format!(
                    "seen_in[{number}].went_wrong: say what the issue reports, or leave it out"
                ));
            }
        }
        Ok(())
    }

    /// Checks that no clock is moved out of its range.
    fn check_clocks(&self) -> Result<(), ScenarioError> {
        let too_far =
            "a thousand years of 365 days are the most that a clock is moved at once; take less";
        let (ClockOffset::Ahead(by) | ClockOffset::Behind(by)) = self.client.clock;
        if by > FARTHEST {
            return wrong(format!("client.clock: {too_far}"));
        }
        for (number, step) in self.steps.iter().enumerate() {
            if step.span().is_some_and(|span| span > FARTHEST) {
                return wrong(format!("steps[{number}]: {too_far}"));
            }
        }
        Ok(())
    }

    /// Checks that a scenario says so if real sockets cannot run it.
    fn check_time(&self) -> Result<(), ScenarioError> {
        if self.virtual_only.is_some() {
            return Ok(());
        }
        let say = "add \"virtual_only\" with the reason";
        for (number, step) in self.steps.iter().enumerate() {
            if let Some(what) = step.needs_virtual_time() {
                return wrong(format!(
                    "steps[{number}]: {what}, which only virtual time can do: {say}"
                ));
            }
        }
        if self.client.clock != ClockOffset::EXACT || self.client.patient_logins {
            return wrong(format!(
                "client: a real client has no \"clock\" or \"patient_logins\" to set: {say}"
            ));
        }
        let passes = self.steps.iter().map(|step| {
            let Step::Pass(span) = step else { return Duration::ZERO };
            span.duration()
        });
        let instants = self.seen.iter().flat_map(|seen| &seen.0).filter_map(|request| request.at);
        let ends = self.orders().flat_map(|order| &order.answer.0).filter_map(|answer| answer.at);
        let latest =
            instants.chain(ends).map(super::window::Window::from).max().unwrap_or_default();
        if passes.sum::<Duration>().max(latest) > LONGEST {
            return wrong(format!(
                "steps: on real sockets nobody waits longer than {LONGEST:?}; take shorter times, or {say}"
            ));
        }
        Ok(())
    }

    /// Checks that everything that a step names exists at that step.
    fn check_steps(&self) -> Result<(), ScenarioError> {
        let mut started: BTreeSet<&CallId> = BTreeSet::new();
        let (mut holds, mut stored) = (Vec::new(), false);
        for (number, step) in self.steps.iter().enumerate() {
            let here = |what: String| wrong(format!("steps[{number}]: {what}"));
            match step {
                Step::Call(order) | Step::Start(order) => {
                    if !started.insert(&order.id) {
                        return here(format!(
                            "there is a call {} already; name each differently",
                            order.id
                        ));
                    }
                    if order.times == 0 {
                        return here(format!("call {} is made no times; leave it out", order.id));
                    }
                }
                Step::Await(id) | Step::Cancel(id) | Step::Kill(id) => {
                    if !started.contains(id) {
                        return here(format!("no call {id} is under way; start it before"));
                    }
                }
                Step::Hold(hold) => holds.push(hold),
                Step::UntilHeld(count) if holds.is_empty() || *count == 0 => {
                    return here("nothing is held; hold something before".to_owned());
                }
                Step::Release(hold) if !holds.contains(&hold) => {
                    return here(
                        "this is not held; release what a hold before it says, word by word"
                            .to_owned(),
                    );
                }
                Step::Release(hold) => holds.retain(|other| *other != hold),
                Step::ReleaseAll => holds.clear(),
                Step::RevokeKey(id) | Step::RestoreKey(id) => {
                    if !self.server.keys.iter().any(|pair| pair.id == *id) {
                        return here(format!(
                            "the server has no key {id:?}; name one of server.keys"
                        ));
                    }
                }
                Step::Store => stored = true,
                Step::Resume(_) if !stored => {
                    return here("nothing is stored; \"store\" before".to_owned());
                }
                Step::UntilHeld(_)
                | Step::Pass(_)
                | Step::Suspend(_)
                | Step::SetClock(_)
                | Step::ExpireAll
                | Step::RotateSigningKey
                | Step::Policy(_)
                | Step::Fault(_)
                | Step::ClearFaults
                | Step::Invalidate
                | Step::Reset
                | Step::ResetTo(_)
                | Step::Resume(_)
                | Step::Restart
                | Step::RestartAs(_) => {}
            }
        }
        if !holds.is_empty() {
            return wrong("steps: something is still held at the end; release it");
        }
        if self.orders().next().is_none() {
            return wrong("steps: no call is made, so nothing is expected; make a call");
        }
        Ok(())
    }

    /// Checks that every expected request is possible.
    fn check_seen(&self) -> Result<(), ScenarioError> {
        let (mut logins, mut calls, mut latest) = (0, 0, Duration::ZERO);
        for (number, group) in self.seen.iter().enumerate() {
            let here = |what: String| wrong(format!("seen[{number}]: {what}"));
            if group.0.is_empty() {
                return here("an empty list; leave it out".to_owned());
            }
            let granted = |request: &&ExpectedRequest| {
                matches!(request.kind, RequestKind::Login { .. })
                    && match request.given {
                        Given::CutShort
                        | Given::Trickle
                        | Given::Flood
                        | Given::Status(200..=299) => true,
                        Given::Nothing | Given::Status(_) => false,
                    }
            };
            let called =
                |request: &&ExpectedRequest| matches!(request.kind, RequestKind::Call { .. });
            logins +=
                group.0.iter().filter(granted).map(|request| request.times.most).sum::<usize>();
            calls += group.0.iter().filter(called).map(|request| request.times.most).sum::<usize>();
            for ExpectedRequest { kind, at, .. } in &group.0 {
                if let RequestKind::Call { id, token } = kind {
                    if !self.orders().any(|order| order.id == *id) {
                        return here(format!("no step makes a call {id}"));
                    }
                    let (issued, number) = match token {
                        TokenName::Login(number) => (logins, *number),
                        TokenName::Renewal(number) => (calls, *number),
                    };
                    if issued < usize::try_from(number).unwrap_or(usize::MAX) {
                        return here(format!(
                            "{token} was never issued before, so nobody can send it"
                        ));
                    }
                }
                if let Some(at) = at {
                    if at.is_empty() || at.from() < latest {
                        return here(format!("{at} cannot be: time does not run backwards"));
                    }
                    latest = at.from();
                }
            }
        }
        Ok(())
    }

    /// Checks that the ending of a call agrees with its expected requests.
    fn check_order(&self, order: &Order) -> Result<(), ScenarioError> {
        let requests = self.seen.iter().flat_map(|seen| &seen.0);
        let mut by_given: HashMap<Given, usize> = HashMap::new();
        for ExpectedRequest { kind, given, times, .. } in requests {
            if matches!(kind, RequestKind::Call { id, .. } if *id == order.id) {
                *by_given.entry(*given).or_default() += times.least;
            }
        }
        let (id, total) = (&order.id, by_given.values().sum::<usize>());
        if total > order.times * ATTEMPTS {
            return wrong(format!(
                "call {id}: it is seen {total} times, but a call is sent {ATTEMPTS} times at most"
            ));
        }
        let empty = |window: Option<super::window::Window>| {
            window.is_some_and(super::window::Window::is_empty)
        };
        if order.answer.0.iter().any(|answer| empty(answer.at) || empty(answer.retry_in)) {
            return wrong(format!(
                "call {id}: its answer cannot come: time does not run backwards"
            ));
        }
        if order.uri("http://127.0.0.1:1", "http://127.0.0.1:2").is_err() {
            return wrong(format!(
                "call {id}: no URI has this \"origin\"; spell one such as \"{{SCHEME}}://{{authority}}\""
            ));
        }
        // If several answers are allowed, any of them may come, so nothing can be checked.
        let Some(answer) = order.answer.only() else { return Ok(()) };
        match &answer.kind {
            Kind::Status(status) if by_given.get(&Given::Status(*status)) < Some(&order.times) => {
                wrong(format!(
                    "call {id}: it is answered {status}, but nothing in \"seen\" is given that so often"
                ))
            }
            Kind::Failed(_) if total == 0 => wrong(format!(
                "call {id}: it fails after it was sent, but nothing in \"seen\" is of it"
            )),
            Kind::Status(_)
            | Kind::Rejected(_)
            | Kind::Refused(_)
            | Kind::Failed(_)
            | Kind::Cancelled => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Scenario;

    /// A scenario in virtual time with this step, this deadline of its call, and this clock of its
    /// client.
    fn read(step: &str, deadline: &str, clock: &str) -> Result<Scenario, String> {
        let json = format!(
            r#"{{
                "name": "far", "why": "It is far.", "virtual_only": "It takes long.",
                "server": {{"faults": [{{"on": "calls", "answer": "hang", "times": 1}}]}},
                "client": {{"clock": "{clock}"}},
                "steps": [{step}, {{"call": {{"id": "a", "deadline": "{deadline}", "answer": {{"failed": "timeout"}}}}}}, {step}],
                "seen": [{{"login": 200}}, {{"call": "a", "token": "login 1", "given": "nothing"}}]
            }}"#
        );
        Scenario::read(&json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_clock_moves_up_to_its_limit() {
        assert_eq!(super::FARTHEST.as_secs(), 1_000 * 31_536_000);
        let span = |span: Duration| humantime::format_duration(span).to_string();
        let (most, more) = (span(super::FARTHEST), span(super::FARTHEST + Duration::from_nanos(1)));
        let absurd = format!("{}s", u64::MAX);
        let error = |place: &str| {
            Err(format!(
                "{place}: a thousand years of 365 days are the most that a clock is moved at once; take less"
            ))
        };
        for verb in ["pass", "suspend", "set_clock"] {
            for sign in
                ["", "-", "+"].into_iter().filter(|sign| sign.is_empty() || verb == "set_clock")
            {
                let step = |span: &str| format!(r#"{{"{verb}": "{sign}{span}"}}"#);
                assert_eq!(read(&step(&most), &most, &most).unwrap().run(), [], "{verb} {sign}");
                assert_eq!(read(&step(&more), "1s", "0s"), error("steps[0]"), "{verb} {sign}");
                assert_eq!(read(&step(&absurd), "1s", "0s"), error("steps[0]"), "{verb} {sign}");
            }
        }
        let plain = r#"{"pass": "1s"}"#;
        for far in [&more, &absurd] {
            assert_eq!(read(plain, far, "0s"), error("steps[1]"));
            assert_eq!(read(plain, "1s", far), error("client.clock"));
            assert_eq!(read(plain, "1s", &format!("-{far}")), error("client.clock"));
        }
    }
}
