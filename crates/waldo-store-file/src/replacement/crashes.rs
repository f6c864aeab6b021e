//! Every kill and every power cut during a replacement.

use std::cell::RefCell;
use std::collections::BTreeSet;

use waldo_store::Key;

use super::disk::{Defect, Disk, Plan, Program};
use super::{document_name, replace};
use crate::directory::Directory;

const OLD: &[u8] = b"the old document";
const NEW: &[u8] = b"a new document!";

/// The promises that a replacement keeps whenever it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Promise {
    /// A program reads the old document or the new one.
    OldOrNew,
    /// A later replacement works.
    Replaceable,
    /// After `true`, programs read the new document, even after a power cut.
    Durable,
    /// Killed programs leave at most one file behind.
    OneLeftover,
}

/// What a check of all stops has found.
#[derive(Debug, Default)]
struct Findings {
    broken: BTreeSet<Promise>,
    disks: usize,
}

impl Findings {
    fn check(&mut self, promise: Promise, holds: bool) {
        if !holds {
            self.broken.insert(promise);
        }
    }

    /// Checks the promises on a disk that a stopped program has left.
    fn check_disk(&mut self, disk: Disk, old: Option<&[u8]>, done: bool, defect: Option<Defect>) {
        self.disks += 1;
        let name = document_name(&key());
        let disk = RefCell::new(disk);
        let program = Program { defect, ..Program::new(&disk, &name, Plan::Undisturbed) };
        let found = program.read(&name).unwrap();
        self.check(Promise::OldOrNew, found.as_deref() == old || found.as_deref() == Some(NEW));
        self.check(Promise::Durable, !done || found.as_deref() == Some(NEW));
        let last = b"the last document";
        let replaced = replace(&program, &key(), found.as_deref(), last);
        let is_last = disk.borrow().bytes(&name) == Some(last);
        self.check(Promise::Replaceable, replaced.is_ok_and(|replaced| replaced && is_last));
    }

    /// Stops a replacement at each operation, by a kill and by a power cut.
    fn check_stops(&mut self, start: &Disk, defect: Option<Defect>) {
        let name = document_name(&key());
        let old = start.bytes(&name);
        for stop in 0.. {
            let disk = RefCell::new(start.clone());
            let program = Program { defect, ..Program::new(&disk, &name, Plan::Killed(stop)) };
            let replaced = replace(&program, &key(), old, NEW);
            let has_stopped = program.done.borrow().len() == stop;
            let done = replaced.is_ok_and(|replaced| replaced);
            let disk = disk.into_inner();
            for lost in disk.after_power_cut() {
                self.check_disk(lost, old, done, defect);
            }
            self.check_disk(disk, old, done, defect);
            if !has_stopped {
                assert!(
                    done || defect.is_some(),
                    "a program that nobody stops replaces the document"
                );
                return;
            }
        }
    }
}

fn key() -> Key {
    Key::of_hash([7; 16])
}

/// Checks the stops of a first replacement and of a later one, with and without locks.
fn findings(defect: Option<Defect>) -> Findings {
    let mut findings = Findings::default();
    for old in [None, Some(OLD)] {
        for has_locks in [true, false] {
            let start = Disk::with(&document_name(&key()), old, has_locks);
            findings.check_stops(&start, defect);
        }
    }
    findings
}

/// Kills one program after another, each at its own operation, and counts the files left behind.
fn leftovers(has_locks: bool) -> Findings {
    let mut findings = Findings::default();
    let name = document_name(&key());
    let start = Disk::with(&name, Some(OLD), has_locks);
    for first in 0..30 {
        for second in 0..30 {
            let disk = RefCell::new(start.clone());
            for stop in [first, second] {
                let program = Program::new(&disk, &name, Plan::Killed(stop));
                let _stopped = replace(&program, &key(), Some(OLD), NEW);
            }
            let left = disk.borrow().leftovers();
            findings.check(Promise::OneLeftover, left <= 1);
            findings.check_disk(disk.into_inner(), Some(OLD), false, None);
        }
    }
    findings
}

#[test]
fn every_stop_leaves_the_old_document_or_the_new_one() {
    let findings = findings(None);
    assert_eq!(findings.broken, BTreeSet::new());
    assert!(findings.disks > 1000, "only {} disks were checked", findings.disks);
}

#[test]
fn killed_programs_leave_at_most_one_file_behind() {
    assert_eq!(leftovers(true).broken, BTreeSet::new());
}

/// Without the lock, each program has a name of its own for its file.
#[test]
fn programs_killed_without_locks_leave_more_files_behind() {
    assert_eq!(leftovers(false).broken, BTreeSet::from([Promise::OneLeftover]));
}

#[test]
fn each_defect_breaks_a_promise() {
    for (defect, promise) in [
        (Defect::NoSync, Promise::OldOrNew),
        (Defect::InPlace, Promise::OldOrNew),
        (Defect::NoRename, Promise::Durable),
        (Defect::NoRename, Promise::Replaceable),
        (Defect::NoDirectorySync, Promise::Durable),
        (Defect::NoRemove, Promise::Replaceable),
    ] {
        let broken = findings(Some(defect)).broken;
        assert!(broken.contains(&promise), "{defect:?} breaks {broken:?} only");
    }
}
