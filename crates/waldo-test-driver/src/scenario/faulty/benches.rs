//! Benches that cannot perform a step, and clients that cannot be made.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Case;
use crate::scenario::bench::{Bench, Change, Observed, Obstacle, Parting, Shift};
use crate::scenario::demand::Demand;
use crate::scenario::document::Scenario;
use crate::scenario::ending::Ending;
use crate::scenario::order::{CallId, Order};
use crate::scenario::window::Precision;
use crate::server::{Fault, Hold, Server};

/// All steps for the bench and its client. `#` marks a question at which a bench may meet an
/// obstacle.
const STEPS: &[(&str, &str)] = &[
    (r#"{"start": {"id": "a", "answer": "cancelled"}}"#, "start a"),
    (r#"{"start": {"id": "b", "answer": "cancelled"}}"#, "start b"),
    (r#"{"call": {"id": "c", "answer": "cancelled"}}"#, "start c, #finish c"),
    (r#"{"await": "b"}"#, "#finish b"),
    (r#"{"cancel": "a"}"#, "#cut off a: Cancelled"),
    (r#"{"kill": "b"}"#, "#cut off b: Killed"),
    (r#"{"hold": {"on": "login"}}"#, "hold Login"),
    (r#"{"hold": {"on": "calls"}}"#, "hold Calls"),
    (r#"{"until_held": 2}"#, "#until 2 are held"),
    (r#"{"release": {"on": "login"}}"#, "release Login"),
    (r#""release_all""#, "release all"),
    (r#"{"pass": "3s"}"#, "pass 3s"),
    (r#"{"suspend": "4s"}"#, "#move Suspend(4s)"),
    (r#"{"set_clock": "-5s"}"#, "#move Set(Behind(5s))"),
    (r#""invalidate""#, "#change Invalidate"),
    (r#""reset""#, "#change Reset own"),
    (r#"{"reset_to": {"id": "wk.two", "secret": "ws.two"}}"#, "#change Reset other"),
    (r#""store""#, "#change Store"),
    (r#"{"resume": "resumed"}"#, "#change Resume(Resumed)"),
    (r#"{"resume": "refused"}"#, "#change Resume(Refused)"),
    (r#""restart""#, "#change Restart own"),
    (r#"{"restart_as": {"id": "wk.two", "secret": "ws.two"}}"#, "#change Restart other"),
];

/// The questions after the last step, or after the first step that cannot be performed.
const END: [&str; 4] = ["release all", "#finish a", "#finish b", "#finish c"];

/// A bench that only records its questions.
#[derive(Default)]
struct Scripted {
    asked: Vec<String>,
    /// The number of the question at which the obstacle comes.
    obstacle: Option<usize>,
    server: Server,
}

impl Scripted {
    fn note(&mut self, what: impl Into<String>) {
        self.asked.push(what.into());
    }

    fn attempt(&mut self, what: &str) -> Result<(), Obstacle> {
        let is_here = self.obstacle == Some(self.asked.len());
        self.note(format!("#{what}"));
        if is_here { Err(Obstacle::new(format!("no {what}"))) } else { Ok(()) }
    }
}

impl Bench for Scripted {
    fn elsewhere(&self) -> String {
        "https://elsewhere.example".to_owned()
    }

    fn change_server(&mut self, change: &mut dyn FnMut(&mut Server)) {
        change(&mut self.server);
    }

    fn change_client(&mut self, change: &Change) -> Result<(), Obstacle> {
        let whose = |id: &str| if id == Server::KEY_ID { "own" } else { "other" };
        self.attempt(&match change {
            Change::Reset(pair) => format!("change Reset {}", whose(&pair.id)),
            Change::Restart(pair) => format!("change Restart {}", whose(&pair.id)),
            Change::Invalidate | Change::Store | Change::Resume(_) => format!("change {change:?}"),
        })
    }

    fn move_clock(&mut self, how: Shift) -> Result<(), Obstacle> {
        self.attempt(&format!("move {how:?}"))
    }

    fn start(&mut self, order: &Order) {
        self.note(format!("start {}", order.id()));
    }

    fn finish(&mut self, id: &CallId) -> Result<(), Obstacle> {
        self.attempt(&format!("finish {id}"))
    }

    fn cut_off(&mut self, id: &CallId, how: Parting) -> Result<(), Obstacle> {
        self.attempt(&format!("cut off {id}: {how:?}"))
    }

    fn hold(&mut self, hold: &Hold) {
        self.note(format!("hold {:?}", hold.on()));
    }

    fn release(&mut self, hold: &Hold) {
        self.note(format!("release {:?}", hold.on()));
    }

    fn release_all(&mut self) {
        self.note("release all");
    }

    fn until_held(&mut self, count: usize) -> Result<(), Obstacle> {
        self.attempt(&format!("until {count} are held"))
    }

    fn pass(&mut self, span: Duration) {
        self.note(format!("pass {span:?}"));
    }

    /// Returns all events that the scenario expects.
    fn observe(&mut self) -> Observed {
        let ended = (Ending::Cancelled, Duration::ZERO);
        let calls = ["a", "b", "c"].map(|id| {
            let id: CallId = serde_json::from_value(id.into()).unwrap();
            (id, vec![ended.clone()])
        });
        Observed { endings: calls.into(), ..Observed::default() }
    }
}

fn scenario(steps: &[&str], seen: &str) -> Scenario {
    let steps = steps.join(", ");
    let json = format!(
        r#"{{"name": "n", "why": "w", "virtual_only": "v", "steps": [{steps}], "seen": [{seen}]}}"#
    );
    Scenario::read(&json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

pub(super) fn cases() -> Vec<Case> {
    let steps: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
    let all_asked: Vec<&str> =
        STEPS.iter().flat_map(|(_, asked)| asked.split(", ")).chain(END).collect();
    let scenario_of_all = scenario(&steps, "");
    let mut cases = vec![no_client(), client()];
    for obstacle in (0..all_asked.len()).map(Some).chain([None]) {
        let fallible = obstacle.is_none_or(|number| all_asked[number].starts_with('#'));
        if !fallible {
            continue;
        }
        let mut bench = Scripted { obstacle, ..Scripted::default() };
        let found = scenario_of_all.perform(&mut bench, Precision::Exact);
        // After an obstacle, the scenario performs no further step, and releases all requests.
        let asked = match obstacle {
            Some(number) if number < all_asked.len() - END.len() => {
                [&all_asked[..=number], &END[..1]].concat()
            }
            Some(number) => all_asked[..=number].to_vec(),
            None => all_asked.clone(),
        };
        assert_eq!(bench.asked, asked);
        let expected = obstacle.map(|_| (Demand::Step, "no "));
        cases.push(Case { what: format!("obstacle {obstacle:?}"), found, expected });
    }
    cases
}

#[test]
fn an_obstacle_is_reported_with_its_step() {
    let scenario =
        scenario(&[r#"{"start": {"id": "a", "answer": "cancelled"}}"#, r#"{"cancel": "a"}"#], "");
    let message = |obstacle| {
        let mut bench = Scripted { obstacle: Some(obstacle), ..Scripted::default() };
        scenario.perform(&mut bench, Precision::Exact).first().unwrap().to_string()
    };
    assert_eq!(message(1), "steps[1]: no cut off a: Cancelled; all that was seen: nothing");
    assert_eq!(message(3), "at the end: no finish a; all that was seen: nothing");
}

#[test]
fn redirects_lead_to_the_other_origin() {
    let fault = |origin: &str| {
        let location = format!("{origin}/a");
        let answer = serde_json::json!({"redirect": {"location": location, "status": 307}});
        serde_json::json!({"on": "calls", "answer": answer})
    };
    let server = |faults: &[Value]| {
        let mut server = Server::default();
        for fault in faults {
            server.push_fault(Fault::deserialize(fault).unwrap());
        }
        format!("{server:?}")
    };
    let elsewhere = fault(&Scripted::default().elsewhere());
    let step = serde_json::json!({"fault": fault("{elsewhere}")}).to_string();
    let call = r#"{"call": {"id": "a", "answer": "cancelled"}}"#;
    let mut bench = Scripted::default();
    drop(scenario(&[call, &step, &step], "").perform(&mut bench, Precision::Exact));
    assert_eq!(format!("{:?}", bench.server), server(&[elsewhere.clone(), elsewhere]));
}

fn run(settings: &str) -> Case {
    let json = format!(
        r#"{{"name": "n", "why": "w", "client": {{"settings": {settings}}},
        "steps": [{{"call": {{"id": "a", "answer": 200}}}}],
        "seen": [{{"login": 200}}, {{"call": "a", "token": "login 1", "given": 200}}]}}"#
    );
    let found = Scenario::read(&json).unwrap().run();
    Case { what: settings.to_owned(), found, expected: None }
}

fn client() -> Case {
    run(r#"{"lease": "10s"}"#)
}

fn no_client() -> Case {
    Case { expected: Some((Demand::Client, "client: ")), ..run(r#"{"lease": "0s"}"#) }
}

/// The simulation names the step that it cannot perform, and the reason.
#[test]
fn the_simulation_reports_the_step_that_it_cannot_perform() {
    let call = r#"{"call": {"id": "a", "answer": 200}}"#;
    let seen = r#"{"login": 200}, {"call": "a", "token": "login 1", "given": 200}"#;
    let hang = r#"{"fault": {"on": "calls", "answer": "hang"}}"#;
    let unseen = r#"{"login": 200}, {"call": "a", "token": "login 1", "given": "nothing"}"#;
    let failing = r#"{"call": {"id": "a", "answer": {"failed": "timeout"}}}"#;
    let started = r#"{"start": {"id": "a", "answer": 200}}"#;
    let hold = r#"{"hold": {"on": "calls"}}"#;
    let hold_b = r#"{"hold": {"on": "calls", "path": "/b"}}"#;
    let started_with_deadline =
        r#"{"start": {"id": "a", "deadline": "9s", "answer": {"failed": "timeout"}}}"#;
    for (steps, seen, message) in [
        (&[call, "\"store\"", "\"restart\"", r#"{"resume": "resumed"}"#][..], seen, None),
        (
            &[call, "\"store\"", "\"restart\"", r#"{"resume": "refused"}"#],
            seen,
            Some("steps[3]: the client holds the stored token, which it should refuse"),
        ),
        (
            &[
                call,
                "\"store\"",
                "\"expire_all\"",
                r#"{"restart_as": {"id": "wk.two", "secret": "ws.two"}}"#,
                r#"{"resume": "resumed"}"#,
            ],
            seen,
            Some("steps[4]: the client refuses the stored token: "),
        ),
        (&["\"store\"", call], seen, Some("steps[0]: the client holds no token to store")),
        (&[hang, failing], unseen, Some("steps[1]: call a does not end, however much time passes")),
        (&[hold, started, r#"{"until_held": 1}"#, "\"release_all\""], seen, None),
        (
            &[hold, started, r#"{"until_held": 2}"#, "\"release_all\""],
            seen,
            Some("steps[2]: 1 requests are held, and no more come; 2 should be"),
        ),
        // A call that hangs at the server is not held.
        (
            &[hold_b, hang, started_with_deadline, r#"{"until_held": 1}"#, "\"release_all\""],
            unseen,
            Some("steps[3]: 0 requests are held, and no more come; 1 should be"),
        ),
        (&[call, r#"{"reset_to": {"id": "", "secret": "ws.two"}}"#], seen, Some("steps[1]: ")),
    ] {
        let found = scenario(steps, seen).run();
        match message {
            None => assert_eq!(found, [], "{steps:?}"),
            Some(message) => {
                let step = found.iter().find(|unmet| unmet.demand() == Demand::Step);
                assert!(
                    step.is_some_and(|step| step.to_string().starts_with(message)),
                    "{message}: {found:#?}"
                );
            }
        }
    }
}

/// The head counts although the body breaks off, unless the head is a success.
#[test]
fn simulation_reads_head_of_truncated_login_answer() {
    for (key, why) in [
        ("wk.sandbox.example", "or the connection broke off"),
        ("wk.another", "the server answered 401"),
    ] {
        let fault =
            r#"{"on": "login", "answer": "cut_short", "stage": "after", "times": "forever"}"#;
        let json = format!(
            r#"{{
                "name": "n", "why": "w", "server": {{"faults": [{fault}]}},
                "client": {{"key": {{"id": "{key}", "secret": "ws.sandbox.example"}}}},
                "steps": [{{"call": {{"id": "a", "answer": "cancelled"}}}}], "seen": []
            }}"#
        );
        let found = Scenario::read(&json).unwrap().run();
        let ending = found.iter().find(|unmet| unmet.demand() == Demand::Ending);
        assert!(ending.is_some_and(|ending| ending.to_string().contains(why)), "{found:#?}");
    }
}
