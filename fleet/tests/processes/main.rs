//! Fleets of real processes, with a store in a directory and in a real Redis.

mod file;
mod redis;

use std::fs;
use std::path::Path;

use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_fleet::fleet::pair;
use waldo_fleet::scenarios::{self, Death, Outcome};
use waldo_fleet::{Answers, Fleet, StoreSetup, invariants};

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
    Fleet::start(program(), size, emulator, Some(store.clone()))
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

/// The life of a fleet of 64: it starts, its tokens are revoked, its leaders are killed, and its
/// client secret is replaced.
fn live(store: &StoreSetup) {
    let emulator = emulator();
    let mut fleet = fleet(FLEET, &emulator, store);
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
    let outcome = scenarios::replaced_secret(&mut fleet, &emulator, "another");
    assert_eq!((outcome.logins, outcome.rejected), (0, 1), "{outcome:?}");
    // These calls fail without a store, too.
    assert_eq!(outcome.answers.failed(), FLEET, "{outcome:?}");
    let pair = (pair().0, "another".to_owned());
    fleet.members().iter_mut().for_each(|member| member.reset(&pair));
    cost(&scenarios::cold_start(&mut fleet, &emulator), 1);
    invariants::check(&fleet.end());
}

/// Bytes that are no document.
fn garbage(path: &Path) {
    fs::write(path, [7; 99]).unwrap();
}
