//! Fleets of real processes, with a store in a directory and in a real Redis.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod file;
mod redis;

use std::fs;
use std::path::Path;

use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_fleet::fleet::pair;
use waldo_fleet::scenarios::{self, Death, Outcome};
use waldo_fleet::{Answers, Entry, Fleet, StoreSetup, invariants};

/// The members of a fleet.
const FLEET: usize = 64;

/// The members of a fleet in a test of one fault.
const SMALL: usize = 8;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_waldo-fleet"))
}

fn emulator() -> Emulator {
    Emulator::start(Server::default()).unwrap()
}

fn fleet(size: usize, emulator: &Emulator, store: &StoreSetup) -> Fleet {
    let mut fleet = Fleet::new(program(), emulator, Some(store.clone()));
    fleet.grow(size);
    fleet
}

/// Asserts that each call has succeeded.
#[track_caller]
fn succeeded(answers: &Answers, calls: usize) {
    assert_eq!(answers.failed(), 0, "{answers:?}");
    assert_eq!(answers.successes() as usize, calls, "{answers:?}");
}

/// Asserts that each call has succeeded, and that the fleet has made this number of logins.
#[track_caller]
fn cost(outcome: &Outcome, logins: u64) {
    assert_eq!(outcome.answers.failed(), 0, "{outcome:?}");
    assert_eq!((outcome.logins, outcome.rejected), (logins, 0), "{outcome:?}");
    assert!(outcome.at_once <= 1, "{outcome:?}");
}

/// Asserts that each member of a small fleet has logged in alone, and that no call has failed.
#[track_caller]
fn is_alone(outcome: &Outcome) {
    assert_eq!((outcome.logins, outcome.rejected), (SMALL as u64, 0), "{outcome:?}");
    succeeded(&outcome.answers, SMALL);
}

/// Calls until each member has said that the store is back. The members ask it again one second
/// after its first failure.
fn call_until_back(fleet: &mut Fleet) {
    for member in fleet.members() {
        member.call_until_event("store_back");
    }
}

fn count(journal: &[Entry], event: &str) -> usize {
    journal.iter().filter(|entry| entry.event == event).count()
}

/// The life of a fleet of 64: it starts, its tokens are revoked, its leaders are killed, and its
/// client secret is replaced.
fn live(store: &StoreSetup) {
    let emulator = emulator();
    let folder = tempfile::tempdir().unwrap();
    let files = ["key", "secret"].map(|name| folder.path().join(name));
    let write = |key: &str, secret: &str| {
        fs::write(&files[0], key).unwrap();
        fs::write(&files[1], secret).unwrap();
    };
    write(&pair().0, &pair().1);
    let mut fleet = Fleet::new(program(), &emulator, Some(store.clone()));
    fleet.set_files(files[0].clone(), files[1].clone());
    fleet.grow(FLEET);
    let outcome = scenarios::cold_start(&mut fleet, &emulator);
    cost(&outcome, 1);
    assert_eq!(outcome.unauthorized, 0);
    let outcome = scenarios::revocation(&mut fleet, &emulator);
    cost(&outcome, 1);
    for death in Death::ALL {
        let outcome = scenarios::killed_leader(&mut fleet, &emulator, death);
        assert_eq!(outcome.answers.failed(), 0, "{death:?}: {outcome:?}");
        assert_eq!(outcome.logins, death.logins(), "{death:?}: {outcome:?}");
    }
    emulator.add_key("wk.next", "ws.next");
    write("wk.next", "ws.next");
    let outcome = scenarios::revoked_key(&mut fleet, &emulator);
    assert_eq!((outcome.logins, outcome.rejected), (1, 1), "{outcome:?}");
    succeeded(&outcome.answers, FLEET);
    // Now nobody has another key pair, so calls fail as without a store.
    emulator.revoke_key("wk.next");
    let outcome = scenarios::revocation(&mut fleet, &emulator);
    assert_eq!((outcome.logins, outcome.rejected), (0, 1), "{outcome:?}");
    assert_eq!(outcome.answers.failed(), FLEET, "{outcome:?}");
    invariants::check(&fleet.end());
}

/// Bytes that are no document.
fn garbage(path: &Path) {
    fs::write(path, [7; 99]).unwrap();
}
