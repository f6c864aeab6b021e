//! Fleets of the shipping `Session` and `waldo_store`: every order of steps up to a small bound,
//! small fleets by chance, a faulty driver or store for each law, and the figures of a page.
//!
//! `counts.txt` keeps what each search went through, and `UPDATE=1` writes it anew. The program
//! `store` goes further.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::format_collect, clippy::format_push_string, reason = "the texts are short")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waldo_simulation::fleet::{
    Crowd, Defect, Fault, LAWS, Law, SIZES, Serving, Setup, Strike, Traffic, exhaustive, figures,
    plot, replay, table,
};
use waldo_test_driver::setting::Setting;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares a text with a file, or writes the file if `UPDATE` is set.
fn compare(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, kept, "{} differs; UPDATE=1 writes it anew", path.display());
}

#[test]
fn fleets_keep_the_laws_in_every_order() {
    let mut searches = vec![
        ("2 processes".to_owned(), Setup::cold(2)),
        ("2 processes, 2 calls".to_owned(), Setup::cold(2).in_turn(2)),
    ];
    // The program `store` searches with these three faults, too. They take longer.
    let long = [Fault::Truncated, Fault::Garbled, Fault::Delay];
    for fault in Fault::ALL.iter().filter(|fault| !long.contains(fault)) {
        searches.push((format!("2 processes, {fault:?}"), Setup::cold(2).with(1, &[*fault])));
    }
    for serving in [Serving::Strict, Serving::SingleSession] {
        let setup = Setup::cold(2).in_turn(2).serving(serving);
        searches.push((format!("2 processes, 2 calls, {serving:?}"), setup));
    }
    let counts: String = searches
        .iter()
        .map(|(name, setup)| {
            let report = exhaustive(setup).unwrap_or_else(|failure| panic!("{name}: {failure}"));
            format!("{name}: {} schedules, {} states\n", report.schedules, report.states)
        })
        .collect();
    compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/counts.txt"), &counts);
}

#[test]
fn fleets_keep_the_laws_by_chance() {
    let seed = Setting::Seed.read().unwrap();
    let seeds = seed.map_or(0..40, |seed| seed..seed + 1);
    for seed in seeds {
        let crowd = Crowd::drawn(20, seed);
        let (result, transcript) = (crowd.run(), || crowd.tell().1);
        if let Err(violation) = result {
            panic!("{}{violation}\nto see it again, set WALDO_SEED={seed}", transcript());
        }
    }
}

/// Sharing ends tokens on such a server. The fleet notices this, and is as well off as without a
/// store afterwards. No process loses a token of its own.
#[test]
fn fleets_of_strict_servers_stop_sharing() {
    for size in [2, 5, 20, 100] {
        let run = |has_store| {
            let setup = Setup { has_store, ..Setup::cold(size).serving(Serving::Strict) };
            let mut crowd = Crowd::new(setup, 1);
            crowd.time = Duration::from_secs(3 * 60 * 60);
            crowd.run().unwrap()
        };
        let (alone, shared) = (run(false), run(true));
        assert!(shared.logins <= alone.logins + 2, "{size}: {shared:?}, alone {alone:?}");
        assert!(shared.lost <= alone.lost + 2, "{size}: {shared:?}, alone {alone:?}");
        assert!(shared.private <= size as u64, "{size}: {shared:?}");
    }
}

/// If a login ends all earlier tokens, only a store gives a fleet rest.
#[test]
fn fleets_of_single_session_servers_need_one_login() {
    for size in [2, 5, 20, 100] {
        let mut crowd = Crowd::new(Setup::cold(size).serving(Serving::SingleSession), 1);
        crowd.time = Duration::from_secs(3 * 60 * 60);
        crowd.strikes =
            vec![Strike { at: Duration::from_secs(4000), fault: Fault::Revoked, process: 0 }];
        let outcome = crowd.run().unwrap();
        assert_eq!((outcome.logins, outcome.lost, outcome.private), (2, 0, 0), "{outcome:?}");
    }
}

/// A store that never answers changes nothing.
#[test]
fn a_store_that_is_away_is_no_store() {
    for size in [1, 5, 20] {
        let run = |has_store| {
            let mut crowd = Crowd::new(Setup { has_store, is_away: true, ..Setup::cold(size) }, 1);
            crowd.strikes =
                vec![Strike { at: Duration::from_secs(600), fault: Fault::Revoked, process: 0 }];
            crowd.run().unwrap()
        };
        let (alone, away) = (run(false), run(true));
        assert_eq!((alone.logins, alone.lost), (size as u64 * 2, 0));
        assert_eq!((away.logins, away.lost), (alone.logins, alone.lost));
    }
}

/// A defect, the clause that catches it, and what shows it: the processes, their calls, and how many
/// faults.
type Row = (Defect, &'static str, usize, u32, u32, &'static [Fault]);

const DEFECTS: &[Row] = &[
    (Defect::StoreTellsBoth, "fleet-one-login/beside-another", 2, 1, 0, &[]),
    (Defect::IgnoresLease, "away-is-alone/no-reason", 2, 1, 0, &[]),
    (Defect::NeverReports, "fleet-bounded/granted", 2, 1, 0, &[]),
    (Defect::StorePlants, "only-ours/unissued", 1, 1, 0, &[]),
    (Defect::LogsInAlone, "away-is-alone/no-reason", 1, 1, 0, &[]),
    (Defect::AsksAgainAtOnce, "away-is-alone/too-early", 1, 1, 1, &[Fault::ReadFails]),
    (Defect::StoreFailsCall, "no-lost-call/failed", 1, 1, 1, &[Fault::ReadFails]),
    (Defect::Oversleeps, "bounded-wait/long-claim", 2, 1, 1, &[Fault::Killed]),
    (Defect::LosesClaim, "bounded-wait/stuck", 2, 1, 0, &[]),
];

#[test]
fn each_clause_catches_a_faulty_driver_or_store() {
    let mut stories = String::new();
    for (defect, clause, processes, in_turn, budget, faults) in DEFECTS {
        // If the server grants no login, no other law is broken.
        let is_down = *defect == Defect::StoreTellsBoth;
        let setup = Setup::cold(*processes).in_turn(*in_turn).with(*budget, faults);
        let setup = Setup { is_down, ..setup };
        exhaustive(&setup).unwrap_or_else(|failure| panic!("without a defect: {failure}"));
        let setup = Setup { defect: Some(*defect), ..setup };
        let failure = match exhaustive(&setup) {
            Err(failure) => failure,
            Ok(report) => panic!("no law catches {defect:?}: {report:?}"),
        };
        assert_eq!(failure.violation.path(), *clause, "{defect:?}: {failure}");
        let again = replay(&setup, &failure.trail).unwrap_err();
        assert_eq!(again.violation.path(), *clause);
        stories += &format!("{defect:?}\n{}{}\n\n", failure.transcript, failure.violation);
    }
    compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/stories.txt"), &stories);
}

/// A process that forgets that it has stopped sharing stops again. Only a strict server shows this.
#[test]
fn a_process_that_forgets_its_part_is_caught() {
    let defect = Some(Defect::ForgetsItsPart);
    let caught = (0..50).find_map(|seed| {
        let setup = Setup { defect, ..Setup::cold(5).serving(Serving::Strict) };
        let mut crowd = Crowd::new(setup, seed);
        crowd.traffic =
            Traffic::Busy { within: Duration::from_secs(1), rest: Duration::from_secs(1) };
        crowd.run().err()
    });
    assert_eq!(caught.unwrap().path(), "settles/twice-an-hour");
}

/// One process is refused a token and tells the store. Another process starts later.
#[test]
fn a_store_that_brings_a_refused_token_back_is_caught() {
    let run = |defect, seed| {
        let mut crowd = Crowd::new(Setup { defect, renews: false, ..Setup::cold(2) }, seed);
        let (within, rest) = (Duration::from_secs(1800), Duration::from_secs(60));
        crowd.traffic = Traffic::Busy { within, rest };
        crowd.strikes =
            vec![Strike { at: Duration::from_secs(900), fault: Fault::Revoked, process: 0 }];
        crowd.run()
    };
    assert!((0..20).all(|seed| run(None, seed).is_ok()));
    let caught = (0..20).filter_map(|seed| run(Some(Defect::StoreRevives), seed).err());
    assert!(caught.map(|caught| caught.path()).any(|path| path == "no-refused/resumed"));
}

/// With a clock that stands still, two revocations seem to come at once. A client that does not
/// renew its tokens then takes them for harm.
#[test]
fn a_clock_that_stands_still_is_caught() {
    let run = |defect| {
        let mut crowd = Crowd::new(Setup { defect, renews: false, ..Setup::cold(5) }, 1);
        let revoked =
            |at| Strike { at: Duration::from_secs(at), fault: Fault::Revoked, process: 0 };
        crowd.strikes = [1200, 2400, 3600].map(revoked).to_vec();
        crowd.time = Duration::from_secs(5000);
        crowd.run()
    };
    assert_eq!(run(None).unwrap().private, 0);
    let caught = run(Some(Defect::StoreClockStands)).unwrap_err();
    assert_eq!(caught.path(), "settles/without-harm");
}

#[test]
fn each_clause_has_a_defect() {
    let caught: BTreeSet<String> = DEFECTS
        .iter()
        .map(|(_, clause, ..)| (*clause).to_owned())
        .chain(
            ["settles/twice-an-hour", "settles/without-harm", "no-refused/resumed"]
                .map(str::to_owned),
        )
        .collect();
    let clauses: BTreeSet<String> = LAWS.iter().flat_map(Law::paths).collect();
    assert_eq!(caught, clauses);
    let tried: BTreeSet<String> =
        DEFECTS.iter().map(|(defect, ..)| format!("{defect:?}")).collect();
    let all: BTreeSet<String> = Defect::ALL
        .iter()
        .filter(|defect| {
            !matches!(
                defect,
                Defect::ForgetsItsPart | Defect::StoreClockStands | Defect::StoreRevives
            )
        })
        .map(|defect| format!("{defect:?}"))
        .collect();
    assert_eq!(tried, all);
}

/// The page with other text between its two marks of this name.
fn with_part(page: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{part}{end}{after}")
}

#[test]
fn the_page_shows_the_laws_and_the_figures() {
    let figures = figures(&SIZES).unwrap();
    let last = |figure: usize| {
        let figure = &figures[figure];
        (figure.without.last().unwrap().logins, figure.with.last().unwrap())
    };
    assert_eq!(last(0).1.logins, 1, "a cold start");
    assert_eq!((last(1).1.logins, last(1).1.operations), (0, 0), "nothing on the hot path");
    let path = root().join("docs/dev/fleet.md");
    let laws: String =
        LAWS.iter().map(|law| format!("| `{}` | {} |\n", law.name, law.sentence)).collect();
    let laws = format!("| law | sentence |\n|---|---|\n{laws}");
    let page = with_part(&std::fs::read_to_string(&path).unwrap(), "laws", &laws);
    compare(&path, &with_part(&page, "figures", &table(&SIZES, &figures)));
    compare(&root().join("docs/dev/fleet.svg"), &plot(&SIZES, &figures));
}
