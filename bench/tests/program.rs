//! The program as a whole, as far as it says yes or no.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::{Command, Output};
use std::time::Duration;

use waldo_bench::stampede::{Outcome, Played, SCENARIOS};
use waldo_bench::{Server, crowd, request};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_waldo-bench"))
}

/// Without a path, there is no valgrind on the machine.
fn without_valgrind(arguments: &[&str]) -> Output {
    program().arg("count").args(arguments).env("PATH", "").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn without_valgrind_allocations_are_still_judged() {
    let output = without_valgrind(&["--gate", "--only", "A1"]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(stdout.contains("valgrind is missing") && stdout.contains("every limit holds"), "{stdout}");
    assert!(stdout.contains("| waldo-auth-core: admit | – | – | ≤ 470 | 0 | 0 | ≤ 0 |"), "{stdout}");
}

#[test]
fn valgrind_can_be_required() {
    let output = without_valgrind(&["--require-valgrind", "--only", "A1"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("valgrind is missing"));
}

#[test]
fn a_group_that_does_not_exist_is_no_success() {
    let output = without_valgrind(&["--gate", "--only", "Z"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains(r#"no group has a key that begins with "Z""#));
    let output = program().args(["perform", "A1", "nobody", "1"]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("there is no such case"));
}

/// Each checks itself that the client has taken over every fresh token.
#[test]
fn each_contender_can_make_its_requests_and_calls() {
    let server = Server::start(program().arg("serve")).unwrap();
    for group in [request::group(&server), crowd::group()] {
        for contender in group.contenders() {
            let mut batch = contender.prepare(10);
            batch.perform();
            batch.check();
        }
    }
}

#[test]
fn a_cold_start_is_played_with_one_login_and_nobody_stalled() {
    let [cold, ..] = SCENARIOS;
    let outcome = cold.play(1);
    assert_eq!(outcome.breach(), None, "{outcome:?}");
}

#[test]
fn one_login_too_many_and_one_thread_stalled_are_told() {
    let [cold, ..] = SCENARIOS;
    let right = Played { logins: 1, stalled: 0, took: Duration::ZERO };
    let breach = |wrong| Outcome::new(cold, vec![right, wrong]).breach();
    assert_eq!(breach(right), None);
    let told = "cold start: 1 of 2 rounds without 1 logins or with threads stalled";
    for wrong in
        [Played { logins: 2, ..right }, Played { logins: 0, ..right }, Played { stalled: 1, ..right }]
    {
        assert_eq!(breach(wrong).as_deref(), Some(told));
    }
}
