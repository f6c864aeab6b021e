//! A second program that replaces the document at each operation of the first one.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use waldo_store::Key;

use super::disk::{Disk, Operation, Plan, Program};
use super::{document_name, replace};

/// What came of two replacements of the same document.
#[derive(Debug)]
struct Outcome {
    /// The operation of the first program before which the second one ran; `None` after the last.
    before: Option<Operation>,
    first: bool,
    second: bool,
    waited: Duration,
    document: Option<Vec<u8>>,
    leftovers: usize,
}

fn outcomes(has_locks: bool) -> Vec<Outcome> {
    let key = Key::of_hash([7; 16]);
    let name = document_name(&key);
    let mut outcomes = Vec::new();
    for moment in 0.. {
        let disk = RefCell::new(Disk::with(&name, Some(b"old"), has_locks));
        let (second, waited) = (Cell::new(None), Cell::new(Duration::ZERO));
        let rival = || {
            let program = Program::new(&disk, &name, Plan::Undisturbed);
            second.set(Some(replace(&program, &key, Some(b"old"), b"second").unwrap()));
            waited.set(program.waited.get());
        };
        let program = Program::new(&disk, &name, Plan::Meets(moment, &rival));
        let first = replace(&program, &key, Some(b"old"), b"first").unwrap();
        let before = program.done.borrow().get(moment).copied();
        if before.is_none() {
            rival();
        }
        let leftovers = disk.borrow().leftovers();
        outcomes.push(Outcome {
            before,
            first,
            second: second.get().unwrap(),
            waited: waited.get(),
            document: disk.borrow().bytes(&name).map(Vec::from),
            leftovers,
        });
        if before.is_none() {
            break;
        }
    }
    outcomes
}

/// If a program stops just before its rename, for longer than the other one waits for the lock,
/// then both replace the document. No other moment has this effect.
#[test]
fn one_of_two_programs_replaces_the_document() {
    for has_locks in [true, false] {
        for outcome in outcomes(has_locks) {
            let expected: &[u8] = if outcome.first { b"first" } else { b"second" };
            assert_eq!(outcome.document.as_deref(), Some(expected), "{outcome:?}");
            assert_eq!(outcome.leftovers, 0, "{outcome:?}");
            assert!(outcome.waited <= Duration::from_millis(500), "{outcome:?}");
            let both = outcome.before == Some(Operation::Rename);
            assert_eq!(outcome.first && outcome.second, both, "{outcome:?}");
            assert!(outcome.first || outcome.second, "{outcome:?}");
        }
    }
}

#[test]
fn program_that_came_too_late_does_not_wait_for_the_lock() {
    let outcomes = outcomes(true);
    let late = outcomes.iter().find(|outcome| outcome.before == Some(Operation::Sync)).unwrap();
    assert_eq!((late.second, late.waited), (false, Duration::ZERO));
    let early = outcomes.iter().find(|outcome| outcome.before == Some(Operation::Write)).unwrap();
    assert_eq!((early.second, early.waited), (true, Duration::from_millis(500)));
}
