//! Correct stores pass the checks, and each check fails a store that only this check can find.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by a panic, and each defect is compared with one variant"
)]

mod faulty;

use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use waldo_conformance::store::{Report, certify, certify_async};
use waldo_store::{AsyncStore, MemoryStore, StoreError, StoreProblem};

use crate::faulty::{BLOCKING, Defect, Faulty, TASKS};

fn certify_in_task(store: &impl AsyncStore) -> Report {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(certify_async(store, tokio::time::sleep))
}

/// Runs all defects at once, because each run waits for seconds.
fn each_is_found(defects: &[(Defect, &str)], run: fn(&Faulty) -> Report) {
    thread::scope(|scope| {
        let runs: Vec<_> = defects
            .iter()
            .map(|(defect, check)| {
                let report = scope.spawn(move || run(&Faulty::with(*defect)));
                (defect, check, report)
            })
            .collect();
        for (defect, check, report) in runs {
            let report = report.join().unwrap();
            assert_eq!(report.failed(), [*check], "{defect:?}\n{report}");
        }
    });
}

#[test]
fn memory_store_passes_all_checks() {
    let report = certify(&MemoryStore::new());
    assert!(report.is_certified(), "{report}");
    assert!(report.to_string().ends_with("13 passed, 0 failed"), "{report}");
}

#[test]
fn memory_store_passes_all_checks_for_tasks() {
    let report = certify_in_task(&MemoryStore::new());
    assert!(report.is_certified(), "{report}");
    assert!(report.to_string().ends_with("14 passed, 0 failed"), "{report}");
}

#[test]
fn each_check_finds_a_defect_that_no_other_check_finds() {
    each_is_found(&BLOCKING, certify);
    let report = certify(&MemoryStore::new()).to_string();
    for line in report.lines().filter_map(|line| line.strip_prefix("passed   ")) {
        assert!(BLOCKING.iter().any(|(_, check)| *check == line), "no defect for {line}");
    }
}

#[test]
fn each_check_for_tasks_finds_a_defect_that_no_other_check_finds() {
    each_is_found(&TASKS, certify_in_task);
}

#[test]
fn store_that_is_away_fails_all_checks_with_its_message() {
    let report = certify(&Faulty::with(Defect::Away));
    assert!(report.to_string().ends_with("\n0 passed, 13 failed"), "{report}");
    let line = "FAILED   absent: the store cannot be read: the store is away\n";
    assert!(report.to_string().starts_with(line), "{report}");
}

#[test]
fn store_that_panics_fails_a_check() {
    let report = certify(&Faulty::with(Defect::PanicsInOtherThreads));
    assert_eq!(report.failed(), ["concurrent"], "{report}");
}

fn away() -> StoreError {
    StoreError::new(StoreProblem::Unreachable, "the store is away")
}

/// Lets the other tasks run.
async fn pause() {
    tokio::time::sleep(Duration::ZERO).await;
}
