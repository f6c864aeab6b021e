//! The shipping state machine in every order of events, up to a small bound, and in some long runs
//! of chance.
//!
//! `explored/counts.txt` keeps what each search went through, and `UPDATE=1` writes it anew. The
//! program `explore` goes further. A failure here tells its story; to see that again, set the
//! environment as it says.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod counts;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use waldo_auth_core::Session;
use waldo_simulation::invariants::INVARIANTS;
use waldo_simulation::{
    InjectedFault, Kind, Plan, Report, Setup, Trail, bytes, exhaustive, replay, seeded,
};
use waldo_test_driver::server::Rotation;
use waldo_test_driver::setting::Setting;

/// How many steps a run of chance makes before it comes to its end.
const STEPS: u64 = 3000;

/// The name of the one run of chance whose counts are kept.
const CHANCE: &str = "chance, 500 steps from seed 7";

/// What is searched in every order, each with its name in `counts.txt`.
fn searches() -> Vec<(String, Setup)> {
    let one_shot = Kind { one_shot: true, ..Kind::default() };
    let hurried = Kind { deadline: Some(Duration::from_secs(10)), ..Kind::default() };
    let abroad = Kind { abroad: true, ..Kind::default() };
    let other = Kind { process: 1, ..Kind::default() };
    let mut searches = Vec::new();
    for rotation in [Rotation::Lenient, Rotation::Strict] {
        let mut add =
            |name: &str, setup: Setup| searches.push((format!("{name}, {rotation}"), setup));
        let calls = |count| Setup::calls(count, rotation);
        let two = || calls(2).with(1, InjectedFault::ALL);
        let of = |calls: [Kind; 2], setup: Setup| Setup { calls: calls.to_vec(), ..setup };
        add("3 calls, 1 s", calls(3).at_pace(Duration::from_secs(1)));
        add("2 calls, 1 fault", two());
        add("2 calls, 1 fault, 1 s", two().at_pace(Duration::from_secs(1)));
        add("1 call, 2 faults", calls(1).with(2, InjectedFault::ALL));
        add("kinds one-shot and hurried, 1 fault", of([one_shot, hurried], two()));
        add("kinds one-shot and plain, 1 fault", of([one_shot, Kind::default()], two()));
        add("kinds hurried and abroad, 1 fault", of([hurried, abroad], two()));
        let shared =
            [InjectedFault::SharedToken, InjectedFault::RevokedToken, InjectedFault::Expiry];
        let two = of([Kind::default(), other], calls(2).with(1, &shared));
        add("processes, 1 fault", Setup { processes: 2, ..two });
        add("none of the faults", calls(2));
        for fault in InjectedFault::ALL {
            add(&format!("alone {fault:?}"), calls(2).with(1, &[*fault]));
        }
    }
    searches
}

/// Makes the searches whose names begin so, and compares what each went through with the counts
/// that are kept: a search that has become coarser, or finer, is another one.
fn search(names: &str) -> Vec<Report> {
    let searches = searches().into_iter().filter(|(name, _)| name.starts_with(names));
    let reports: Vec<Report> = searches
        .map(|(name, setup)| {
            let report =
                exhaustive::<Session>(&setup).unwrap_or_else(|failure| panic!("{failure}"));
            let Report { states, schedules, runs, steps, .. } = &report;
            let count =
                format!("{states} states, {schedules} schedules, {runs} runs, {steps} steps");
            counts::compare(&name, &count);
            report
        })
        .collect();
    assert!(!reports.is_empty(), "no search is named {names}");
    reports
}

#[test]
fn every_schedule_of_three_calls_keeps_the_invariants() {
    search("3 calls");
}

#[test]
fn two_calls_with_one_fault_keep_invariants() {
    for report in search("2 calls") {
        // As the README says.
        assert!(report.schedules > 55_000, "{report:?}");
    }
}

#[test]
fn two_call_kinds_with_one_fault_keep_invariants() {
    search("kinds");
}

#[test]
fn one_call_with_two_faults_keeps_invariants() {
    search("1 call");
}

#[test]
fn two_processes_sharing_token_keep_invariants() {
    search("processes");
}

/// A fault that strikes nobody would leave what there is without it.
#[test]
fn each_fault_has_its_own_schedules() {
    let most = search("none").iter().map(|report| report.schedules).max();
    for report in search("alone") {
        assert!(Some(report.schedules) > most, "{report:?}");
    }
}

#[test]
fn every_count_is_of_a_search() {
    let mut names: Vec<String> = searches().into_iter().map(|(name, _)| name).collect();
    names.push(CHANCE.to_owned());
    names.sort_unstable();
    assert_eq!(counts::names(), names);
}

/// `WALDO_SEED` makes one run alone; `WALDO_CHOICES` tells the story of one.
#[test]
fn long_runs_of_chance_keep_the_invariants() {
    let plan = Plan::Drawn { steps: STEPS };
    if let Some(trail) = Setting::Choices.read::<Trail>().unwrap() {
        let story = replay::<Session>(&plan, &trail).unwrap_or_else(|failure| panic!("{failure}"));
        panic!("{story}no invariant is broken");
    }
    let given = Setting::Seed.read().unwrap();
    let (first, runs) = match given {
        Some(seed) => (seed, 1),
        None => (RandomState::new().hash_one(0), 60),
    };
    let run = |seed| seeded::<Session>(&plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
    let report = (0..runs)
        .map(|further: u64| run(first.wrapping_add(further)))
        .fold(Report::default(), Report::and);
    assert!(given.is_some() || report.time > Duration::from_secs(1000 * 3600), "{report:?}");
}

/// A request to elsewhere is refused without a look at the lease, so an expired lease goes
/// unnoticed. The leader may still give the login up.
#[test]
fn a_call_to_elsewhere_notices_no_expiry() {
    let abroad = Kind { abroad: true, ..Kind::default() };
    let faults = [InjectedFault::Delay, InjectedFault::AbandonedLogin];
    let setup = Setup::calls(4, Rotation::Lenient).with(u32::MAX, &faults);
    let calls = vec![Kind::default(), Kind::default(), Kind::default(), abroad];
    let plan = Plan::Given(Box::new(Setup { calls, steps: 300, ..setup }));
    for seed in 0..1000 {
        let _: Report =
            seeded::<Session>(&plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn any_bytes_give_a_finite_run() {
    let plan = Plan::Drawn { steps: STEPS };
    for spelled in [&[][..], &[0; 64], &[255; 4096], b"any text at all, as a fuzzer may have it"] {
        let report = bytes::<Session>(&plan, spelled).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.steps >= 6 && report.steps < 10_000, "{report:?}");
    }
}

#[test]
fn a_run_of_chance_is_the_same_each_time() {
    let plan = Plan::Drawn { steps: 500 };
    let run = |seed| seeded::<Session>(&plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
    let Report { runs, steps, time, .. } = run(7);
    counts::compare(CHANCE, &format!("{runs} run, {steps} steps, {time:?}"));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

/// The documents state the invariants that are judged, word for word.
#[test]
fn every_invariant_stands_in_the_documents_with_its_sentence() {
    let document = include_str!("../../INVARIANTS.md");
    for invariant in INVARIANTS {
        let clauses: Vec<String> =
            invariant.clauses.iter().map(|clause| format!("`{}`", clause.name)).collect();
        let line =
            format!("| `{}` | {} | {} |", invariant.name, invariant.sentence, clauses.join(", "));
        assert!(document.contains(&line), "INVARIANTS.md does not have: {line}");
    }
}
