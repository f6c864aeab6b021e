//! A suite that cannot fail is worthless: it fails clients that are naive, and names what they get
//! wrong.

#![expect(clippy::unwrap_used, reason = "a thread that panicked fails the test")]

#[cfg(test)]
mod cancellable;
#[path = "../../examples/certify.rs"]
#[expect(dead_code, reason = "its main is the program's")]
mod example;
mod naive;
#[cfg(test)]
mod one_thread;
#[cfg(test)]
mod planted;

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::LazyLock;
use std::thread;

use waldo_conformance::{self as conformance, Adapter, Need, Report, Scenario, Setup, Status};

use crate::naive::{Habit, Naive};

/// One report for each habit, made once for all tests.
static REPORTS: LazyLock<Vec<(Habit, Report)>> = LazyLock::new(|| {
    let certify = |habit: Habit| (habit, conformance::certify(&Naive(habit)));
    thread::scope(|scope| {
        let running: Vec<_> = Habit::ALL.map(|habit| scope.spawn(move || certify(habit))).into();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
});

/// What a naive client fails of these, and passes of those.
fn expect(habit: Habit, fails: &[&str], meets: &[&str]) {
    let (_, report) = REPORTS.iter().find(|(other, _)| *other == habit).unwrap();
    assert!(!report.is_certified());
    let failed = report.failed();
    for name in fails {
        assert!(failed.contains(name), "{habit:?} passes {name}");
    }
    for name in meets {
        let passed =
            report.results().iter().any(|result| result.name() == *name && result.is_passed());
        assert!(passed, "{habit:?} does not pass {name}:\n{report}");
    }
}

#[test]
fn every_scenario_except_one_fails_some_naive_client() {
    // Odd headers fail every scenario, so they show nothing about a single one.
    let behaved = REPORTS.iter().filter(|(habit, _)| *habit != Habit::OddHeaders);
    let failed: BTreeSet<&str> = behaved.flat_map(|(_, report)| report.failed()).collect();
    for (habit, report) in REPORTS.iter() {
        println!("{habit:?}: {}", report.to_string().lines().last().unwrap());
    }
    let (_, any) = REPORTS.first().unwrap();
    let tried = any.results().iter().filter(|result| result.is_passed() || result.is_failed());
    let names: Vec<&str> = tried.map(conformance::Certified::name).collect();
    assert!(names.len() > 90, "{}", names.len());
    let never_failed: Vec<&str> = names.into_iter().filter(|name| !failed.contains(name)).collect();
    assert_eq!(never_failed, ["cold-start"], "what every client meets proves nothing");
}

#[test]
fn a_client_that_logs_in_each_time_fails() {
    expect(
        Habit::LogsInEachTime,
        &[
            "held-token-is-reused",
            "each-answer-brings-the-next-token",
            "one-login-for-a-crowd",
            "rejected-invalid-api-key",
            "a-key-revoked-and-restored",
        ],
        &["cold-start", "no-dead-token-is-sent"],
    );
}

#[test]
fn a_client_where_the_last_one_wins_fails() {
    expect(
        Habit::LastOneWins,
        &[
            "renewal-blank",
            "renewal-malformed",
            "renewals-come-from-successes-only",
            "late-response-keeps-the-newer-token",
            "late-response-of-an-old-session",
            "late-401-drops-no-newer-token",
            "batch-echo-restamped",
            "batch-echo-of-the-sent-token",
            "batch-echo-blank",
            "a-storm-of-401s-is-one-login",
            "no-dead-token-is-sent",
            "a-foreign-origin-sees-nothing",
            "a-redirect-is-delivered",
            "login-redirect",
            "login-status-503",
            "a-one-shot-gets-its-401",
        ],
        &[
            "cold-start",
            "held-token-is-reused",
            "each-answer-brings-the-next-token",
            "a-401-causes-one-login",
        ],
    );
}

#[test]
fn a_client_that_never_looks_fails() {
    expect(
        Habit::NeverLooks,
        &[
            "each-answer-brings-the-next-token",
            "strict-rotation-in-sequence",
            "a-401-causes-one-login",
        ],
        &["cold-start", "held-token-is-reused", "renewal-blank", "renewal-malformed"],
    );
}

#[test]
fn unexpected_headers_are_reported_with_expected_ones() {
    let odd = Naive(Habit::OddHeaders);
    let text = conformance::certify_one(&odd, "cold-start").unwrap().to_string();
    for told in [
        "expected that a login carries exactly one Content-Type: application/json; it carried text/plain",
        "expected that a call carries exactly `Authorization: Bearer <token>`; it carried `bearer …`",
        "FAILED   cold-start (rules 1, 3): The first call logs in",
    ] {
        assert!(text.contains(told), "{told}:\n{text}");
    }
    assert!(
        text.contains(
            "all that was seen:\n           1. a login as the first pair, given 200, at "
        ),
        "{text}"
    );
    assert!(!text.contains("eyJ"), "a token is in the report:\n{text}");
}

#[test]
fn a_redirect_in_a_later_step_leads_elsewhere() {
    let scenario = Scenario::read(
        r#"{
            "name": "n", "why": "A client that follows redirects shows its token to others.",
            "steps": [
                {"fault": {"on": "calls", "answer": {"redirect": {"status": 307, "location": "{elsewhere}/b"}}}},
                {"call": {"id": "a", "answer": 307}}
            ],
            "seen": [{"login": 200}, {"call": "a", "token": "login 1", "given": 307}]
        }"#,
    );
    let report = conformance::certify_all(&Naive(Habit::LastOneWins), [scenario.unwrap()]);
    let text = report.to_string();
    assert!(text.contains("goes to an origin that is not the client's; it saw 1"), "{text}");
}

#[test]
fn report_ends_with_summary_of_common_failure() {
    let (_, report) = REPORTS.iter().find(|(habit, _)| *habit == Habit::OddHeaders).unwrap();
    let (text, failures) = (report.to_string(), report.failed().len());
    let end: Vec<&str> = text.lines().rev().take(6).collect();
    let said =
        " failures say: expected that a login carries exactly one Content-Type: application/json";
    assert!(end.iter().any(|line| line.ends_with(&format!(" of {failures}{said}"))), "{end:#?}");
}

#[test]
fn skipped_scenario_is_reported_with_its_reason() {
    let certify = |name| conformance::certify_one(&Naive(Habit::LastOneWins), name);
    let skipped = certify("a-cancelled-call-leaves-no-trace").unwrap();
    assert_eq!(*skipped.status(), Status::Skipped([Need::Cancellation].into()));
    assert_eq!(
        skipped.to_string(),
        "skipped  a-cancelled-call-leaves-no-trace: the adapter lacks cancellation"
    );
    let result = certify("probes-double").unwrap();
    assert!(matches!(result.status(), Status::VirtualOnly(_)));
    assert_eq!(
        certify("cold-strat").unwrap_err().to_string().split(',').next(),
        Some("there is no scenario \"cold-strat\"; the nearest are cold-start")
    );
}

#[test]
fn the_adapter_of_the_example_passes() {
    let report = conformance::certify(&example::Atto);
    assert!(report.is_certified(), "{report}");
}

/// Fails every scenario at once.
struct NoClient;

impl Adapter for NoClient {
    type Client = example::AttoClient;

    fn client(&self, _: &Setup) -> Result<Self::Client, Box<dyn Error>> {
        Err("there is none".into())
    }
}

#[test]
fn the_program_of_the_example_fails_with_its_adapter() {
    let run = |scenario| example::run(&NoClient, scenario).map_err(|error| error.to_string());
    let told = Err("the adapter is not certified".to_owned());
    assert_eq!([None, Some("cold-start")].map(run), [told.clone(), told]);
    assert!(run(Some("cold-strat")).is_err());
    assert!(example::run(&example::Atto, Some("cold-start")).is_ok());
}

#[test]
fn cancellable_client_passes_cancellation_scenarios() {
    let report = conformance::certify(&cancellable::Cancellable::default());
    assert!(report.is_certified(), "{report}");
    for name in ["a-cancelled-leader-hands-over", "a-cancelled-call-leaves-no-trace"] {
        assert!(
            report.results().iter().any(|result| result.name() == name && result.is_passed()),
            "{name}"
        );
    }
}

#[test]
fn a_client_that_is_not_send_passes() {
    let report = conformance::certify(&one_thread::OneThreadEach);
    assert!(report.is_certified(), "{report}");
    assert!(report.passed() > 90, "{report}");
}

#[test]
fn the_guide_shows_how_futures_are_certified() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let read = |file: &str| {
        std::fs::read_to_string(format!("{folder}{file}")).unwrap().replace("\r\n", "\n")
    };
    let guide = read("../../docs/conformance.md");
    for file in ["tests/conformance/cancellable.rs", "tests/conformance/one_thread.rs"] {
        let source = read(file);
        let (_, shown) = source.split_once("// Here begins what the guide shows.\n").unwrap();
        let (shown, _) = shown.split_once("// Here ends what the guide shows.").unwrap();
        assert!(
            guide.contains(&format!("```rust\n{shown}```")),
            "copy this part of {file} into docs/conformance.md"
        );
    }
}

#[test]
fn the_guide_shows_the_example_as_it_is() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let read = |file: &str| {
        std::fs::read_to_string(format!("{folder}{file}")).unwrap().replace("\r\n", "\n")
    };
    let (guide, example) = (read("../../docs/conformance.md"), read("examples/certify.rs"));
    assert!(
        guide.contains(&format!("```rust\n{example}```")),
        "copy examples/certify.rs into docs/conformance.md"
    );
}
