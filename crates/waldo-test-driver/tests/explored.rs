//! The shipping state machine in every order of events, up to a small bound, and in some long runs of chance.
//!
//! The program `explore` goes further. A failure here tells its story; to see that again, set the environment as it says.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use waldo_auth_core::Session;
use waldo_test_driver::laws::LAWS;
use waldo_test_driver::server::Rotation;
use waldo_test_driver::setting::Setting;
use waldo_test_driver::{Kind, Plan, Report, Setup, Trail, Trouble, bytes, exhaustive, replay, seeded};

const BOTH: [Rotation; 2] = [Rotation::Lenient, Rotation::Strict];

/// How many steps a run of chance makes before it comes to its end.
const STEPS: u64 = 3000;

fn try_all(setup: &Setup) -> Report {
    exhaustive::<Session>(setup).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn every_schedule_of_three_calls_keeps_the_laws() {
    for rotation in BOTH {
        let report = try_all(&Setup::calls(3, rotation).at_pace(Duration::from_secs(1)));
        assert!(report.schedules > 9000 && report.states > 1000, "{report:?}");
    }
}

#[test]
fn every_schedule_of_two_calls_and_any_one_trouble_keeps_the_laws() {
    for rotation in BOTH {
        for pace in [Duration::ZERO, Duration::from_secs(1)] {
            let report = try_all(&Setup::calls(2, rotation).with(1, Trouble::ALL).at_pace(pace));
            assert!(report.schedules > 55_000, "{report:?}");
        }
    }
}

#[test]
fn every_schedule_of_two_calls_of_two_kinds_and_any_one_trouble_keeps_the_laws() {
    let one_shot = Kind { one_shot: true, ..Kind::default() };
    let hurried = Kind { patience: Some(Duration::from_secs(10)), ..Kind::default() };
    let abroad = Kind { abroad: true, ..Kind::default() };
    for rotation in BOTH {
        for calls in [vec![one_shot, hurried], vec![one_shot, Kind::default()], vec![hurried, abroad]] {
            try_all(&Setup { calls, ..Setup::calls(2, rotation).with(1, Trouble::ALL) });
        }
    }
}

#[test]
fn every_schedule_of_one_call_and_any_two_troubles_keeps_the_laws() {
    for rotation in BOTH {
        try_all(&Setup::calls(1, rotation).with(2, Trouble::ALL));
    }
}

#[test]
fn every_schedule_of_two_processes_that_share_a_token_keeps_the_laws() {
    let calls = vec![Kind::default(), Kind { process: 1, ..Kind::default() }];
    let troubles = &[Trouble::SharedToken, Trouble::RevokedToken, Trouble::Expiry];
    for rotation in BOTH {
        let setup =
            Setup { calls: calls.clone(), processes: 2, ..Setup::calls(2, rotation).with(1, troubles) };
        let report = try_all(&setup);
        assert!(report.states > 1000, "{report:?}");
    }
}

/// `WALDO_SEED` makes one run alone; `WALDO_CHOICES` tells the story of one.
#[test]
fn long_runs_of_chance_keep_the_laws() {
    let plan = Plan::Drawn { steps: STEPS };
    if let Some(trail) = Setting::Choices.read::<Trail>().unwrap() {
        let story = replay::<Session>(&plan, &trail).unwrap_or_else(|failure| panic!("{failure}"));
        panic!("{story}no law is broken");
    }
    let given = Setting::Seed.read().unwrap();
    let (first, runs) = match given {
        Some(seed) => (seed, 1),
        None => (RandomState::new().hash_one(0), 60),
    };
    let run = |seed| seeded::<Session>(&plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
    let report =
        (0..runs).map(|further: u64| run(first.wrapping_add(further))).fold(Report::default(), Report::and);
    assert!(given.is_some() || report.time > Duration::from_secs(1000 * 3600), "{report:?}");
}

/// A request to elsewhere is refused without a look at the lease, so an expired lease goes
/// unnoticed. The leader may still give the login up.
#[test]
fn a_call_to_elsewhere_notices_no_lapse() {
    let abroad = Kind { abroad: true, ..Kind::default() };
    let troubles = [Trouble::Delay, Trouble::AbandonedLogin];
    let setup = Setup::calls(4, Rotation::Lenient).with(u32::MAX, &troubles);
    let calls = vec![Kind::default(), Kind::default(), Kind::default(), abroad];
    let plan = Plan::Given(Box::new(Setup { calls, steps: 300, ..setup }));
    for seed in 0..1000 {
        let _: Report = seeded::<Session>(&plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn what_bytes_spell_is_a_run_and_ends() {
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
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

/// The documents state the laws that are judged, word for word.
#[test]
fn every_law_stands_in_the_documents_with_its_sentence() {
    let document = include_str!("../LAWS.md");
    for law in LAWS {
        let line = format!("| `{}` | {} |", law.name, law.sentence);
        assert!(document.contains(&line), "LAWS.md does not have: {line}");
    }
}
