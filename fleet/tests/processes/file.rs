//! A store in a directory.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use waldo_emulator::model::Server;
use waldo_fleet::fleet::{PATH, pair};
use waldo_fleet::scenarios::{self, Outcome};
use waldo_fleet::{Fleet, StoreSetup, invariants};

use crate::{
    FLEET, SMALL, call_until_back, cost, count, emulator, fleet, garbage, is_alone, live, program,
    succeeded,
};

/// A directory for a store, which does not exist yet.
fn store() -> (TempDir, PathBuf, StoreSetup) {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("store");
    let store = StoreSetup::Directory(directory.clone());
    (folder, directory, store)
}

fn document(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "sealed")).last().unwrap()
}

#[test]
fn fleet_with_file_lives() {
    let (_folder, _, store) = store();
    live(&store);
}

#[test]
fn short_runs_make_one_login() {
    let (_folder, _, store) = store();
    let emulator = emulator();
    let mut fleet = fleet(0, &emulator, &store);
    let outcome = scenarios::short_runs(&mut fleet, &emulator, 100);
    cost(&outcome, 1);
    succeeded(&outcome.answers, 100);
    invariants::check(&fleet.end());
}

#[test]
fn garbage_in_file_costs_one_login() {
    let (_folder, directory, store) = store();
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store);
    cost(&scenarios::cold_start(&mut fleet, &emulator), 1);
    garbage(&document(&directory));
    cost(&scenarios::cold_start(&mut fleet, &emulator), 0);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    invariants::check(&fleet.end());
}

#[test]
fn removed_directory_costs_one_login() {
    let (_folder, directory, store) = store();
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store);
    cost(&scenarios::cold_start(&mut fleet, &emulator), 1);
    fs::remove_dir_all(&directory).unwrap();
    cost(&scenarios::cold_start(&mut fleet, &emulator), 0);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    invariants::check(&fleet.end());
}

/// A file stands where the directory would be, so nobody, root included, can use the store. Later
/// somebody removes the file, and then it happens again in mid-run.
#[test]
fn unusable_directory_fails_no_call() {
    let (_folder, directory, store) = store();
    garbage(&directory);
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store);
    is_alone(&scenarios::cold_start(&mut fleet, &emulator));
    fs::remove_file(&directory).unwrap();
    call_until_back(&mut fleet);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    fs::remove_dir_all(&directory).unwrap();
    garbage(&directory);
    is_alone(&scenarios::revocation(&mut fleet, &emulator));
    let journal = fleet.end();
    assert_eq!(count(&journal, "store_away"), 2 * SMALL, "{journal:#?}");
    assert_eq!(count(&journal, "store_back"), SMALL, "{journal:#?}");
    invariants::check(&journal);
}

/// Two builds of one program have the same API key, and one of them has an old client secret.
#[test]
fn two_secrets_make_no_endless_fight() {
    let (_folder, _, store) = store();
    let emulator = emulator();
    let mut old = fleet(FLEET / 4, &emulator, &store);
    cost(&scenarios::cold_start(&mut old, &emulator), 1);
    emulator.add_key(Server::KEY_ID, "another");
    let mut new = Fleet::new(program(), &emulator, Some(store));
    new.set_pair(&(pair().0, "another".to_owned()));
    new.grow(FLEET / 4);
    let both = |old: &mut Fleet, new: &mut Fleet| {
        Outcome::of(&emulator, || {
            old.begin_calls(PATH);
            let answers = new.call();
            drop(old.answers());
            answers
        })
    };
    let first = both(&mut old, &mut new);
    // Each half ends the document of the other half, so each member may log in by itself.
    assert!(first.logins <= FLEET as u64 / 4 && first.rejected <= FLEET as u64 / 4, "{first:?}");
    succeeded(&first.answers, FLEET / 4);
    for _ in 0..10 {
        let next = both(&mut old, &mut new);
        assert_eq!((next.logins, next.rejected), (0, 0), "{next:?}");
        succeeded(&next.answers, FLEET / 4);
    }
    invariants::judge(&old.end(), &invariants::OF_MEMBERS);
    invariants::judge(&new.end(), &invariants::OF_MEMBERS);
}
