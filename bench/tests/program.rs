//! The program as a whole: its exit codes and messages.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::{Command, Output};
use std::time::Duration;

use waldo_bench::stampede::{IMPOSSIBLE, Outcome, Played, SCENARIOS};
use waldo_bench::{Server, crowd, request};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_waldo-bench"))
}

/// Runs the program with an empty `PATH`, so that it finds no valgrind.
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
    assert!(
        stdout.contains("valgrind is missing") && stdout.contains("every limit holds"),
        "{stdout}"
    );
    assert!(
        stdout.contains("| waldo-auth-core: admit | – | – | ≤ 550 | 0 | 0 | ≤ 0 |"),
        "{stdout}"
    );
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

/// Counts A1, whose limit is 550 instructions. A script stands in for valgrind and reports a given
/// count.
#[cfg(unix)]
fn with_valgrind(gate: &[&str], says: &str, code: u8) -> Output {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("valgrind-{}", fastrand::u64(..)));
    std::fs::create_dir_all(&folder).unwrap();
    // The script runs the program as valgrind does, so a case that fails under valgrind fails here.
    let script = format!(
        r#"#!/bin/sh
        case "$*" in
            --version) exit 0 ;;
            --tool=callgrind\ *--collect-atstart=no\ --toggle-collect=\*counted_by_callgrind\*\ /*) ;;
            *) exit 99 ;;
        esac
        while case "$1" in --*) ;; *) false ;; esac; do shift; done
        "$@" || exit
        echo '==7== Events    : Ir' >&2
        echo '==7== {says}' >&2
        exit {code}
        "#
    );
    let valgrind = folder.join("valgrind");
    std::fs::write(&valgrind, script).unwrap();
    std::fs::set_permissions(&valgrind, PermissionsExt::from_mode(0o700)).unwrap();
    let mut program = program();
    program.args(["count", "--require-valgrind", "--only", "A1"]).args(gate).env("PATH", &folder);
    let output = program.output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    output
}

/// A run counts 512 operations.
#[cfg(unix)]
#[test]
fn a_gate_fails_when_instructions_exceed_their_limit() {
    let most = with_valgrind(&["--gate"], &format!("Collected : {}", 550 * 512), 0);
    assert_eq!(most.status.code(), Some(0), "{most:?}");
    assert!(text(&most.stdout).contains("| 550 | 1.000 | ≤ 550 |"), "{most:?}");
    assert!(text(&most.stdout).ends_with("\nevery limit holds\n"), "{most:?}");

    let more = format!("Collected : {}", 551 * 512);
    let told = "1 limits are exceeded:\nA1, waldo-auth-core: admit: 551.00 instructions an operation, but at \
                most 550.00 are allowed (≤ 550)\n";
    let gate = with_valgrind(&["--gate"], &more, 0);
    assert_eq!(gate.status.code(), Some(1), "{gate:?}");
    assert_eq!(text(&gate.stderr), format!("error: {told}"));
    let no_gate = with_valgrind(&[], &more, 0);
    assert_eq!(no_gate.status.code(), Some(0), "{no_gate:?}");
    assert!(text(&no_gate.stdout).ends_with(told), "{no_gate:?}");
}

#[cfg(unix)]
#[test]
fn a_count_of_nothing_is_no_success() {
    for (says, code, told) in [
        ("Collected : 0", 0, "valgrind has counted nothing"),
        ("Collected : ", 0, "valgrind has counted nothing"),
        ("Collected : many", 0, "valgrind has counted nothing"),
        ("I refs: 281600", 0, "valgrind has counted nothing"),
        ("Collected : 281600", 3, "failed under valgrind"),
    ] {
        for gate in [&["--gate"][..], &[]] {
            let output = with_valgrind(gate, says, code);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(text(&output.stderr).contains(told), "{output:?}");
        }
    }
}

/// `script` runs the program on a pseudo-terminal, and prints what the program writes there.
#[cfg(target_os = "linux")]
#[test]
fn progress_bar_appears_on_terminals_only() {
    let arguments = ["attach", "--rounds", "1", "--seed", "1"];
    let log = program().args(arguments).output().unwrap();
    assert!(log.status.success(), "{log:?}");
    assert_eq!(text(&log.stderr), "");
    assert!(!text(&log.stdout).contains("tables"), "{log:?}");

    let path = env!("CARGO_BIN_EXE_waldo-bench");
    let command = format!("'{path}' {} >/dev/null", arguments.join(" "));
    let mut script = Command::new("script");
    let terminal = script.args(["-qec", &command, "/dev/null"]).output().unwrap();
    assert!(terminal.status.success(), "{terminal:?}");
    let drawn = text(&terminal.stdout);
    for part in ["░", "0 of 6 tables", "1 of 6 tables", " left"] {
        assert!(drawn.contains(part), "{part}: {drawn:?}");
    }
}

/// Each contender checks that the client has held every fresh token.
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

/// The other two scenarios last longer than a token's lifetime, so this test leaves them out.
#[test]
fn stampede_scenarios_have_expected_logins_without_stalls() {
    let [cold, _, _, storm, failure, resumption] = SCENARIOS;
    for scenario in [cold, storm, failure, resumption] {
        let outcome = scenario.play(1);
        assert_eq!(outcome.breach(), None, "{outcome:?}");
    }
}

#[test]
fn a_table_of_stampedes_has_milliseconds() {
    let [cold, ..] = SCENARIOS;
    let played = Played { logins: 1, stalled: 0, took: Duration::from_millis(7) };
    let table = Outcome::table(&[Outcome::new(cold, vec![played])]).to_string();
    assert!(table.contains("| cold start | 1 | 1–1 | 1 | 0 | 7 |"), "{table}");
}

#[test]
fn wrong_login_count_or_stalled_thread_is_reported() {
    let [cold, ..] = SCENARIOS;
    let right = Played { logins: 1, stalled: 0, took: Duration::ZERO };
    let breach = |wrong| Outcome::new(cold, vec![right, wrong]).breach();
    assert_eq!(breach(right), None);
    let told = "cold start: 1 of 2 rounds without 1 logins or with threads stalled";
    for wrong in [
        Played { logins: 2, ..right },
        Played { logins: 0, ..right },
        Played { stalled: 1, ..right },
    ] {
        assert_eq!(breach(wrong).as_deref(), Some(told));
    }
    let outcome = |round| Outcome::new(cold, vec![round]);
    assert!(Outcome::judge(&[outcome(right)]).is_ok());
    let judged = Outcome::judge(&[outcome(right), outcome(Played { stalled: 1, ..right })]);
    assert_eq!(judged.unwrap_err().to_string(), told.replace('2', "1"));
}

#[test]
fn an_impossible_stampede_is_a_failure() {
    let output = program().args(["stampede", "--rounds", "1", "--impossible"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = "error: cold start, two logins wanted: 1 of 1 rounds without 2 logins or with threads stalled\n\
                a login hangs, and nobody may: 1 of 1 rounds without 1 logins or with threads stalled\n";
    assert_eq!(text(&output.stderr), told);
    assert!(
        text(&output.stdout).contains("| cold start, two logins wanted | 1 | 1–1 | 2 | 0 |"),
        "{output:?}"
    );
}

#[test]
fn a_stalled_thread_is_counted() {
    let [_, hanging] = IMPOSSIBLE;
    let outcome = hanging.play(1);
    assert!(outcome.breach().is_some(), "{outcome:?}");
    // The round had one login, so the stalled thread is the only fault.
    assert!(Outcome::table(&[outcome]).to_string().contains("| 1 | 1–1 | 1 |"));
}
