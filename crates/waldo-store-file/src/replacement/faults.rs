//! A failure of each operation.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::Path;

use waldo_store::{Key, StoreProblem};

use super::disk::{Disk, Operation, Plan, Program};
use super::{document_name, replace};
use crate::directory::Directory;

/// The errors of a system, each with the problem that a client sees.
const ERRORS: [(ErrorKind, StoreProblem); 7] = [
    (ErrorKind::ReadOnlyFilesystem, StoreProblem::Denied),
    (ErrorKind::PermissionDenied, StoreProblem::Denied),
    (ErrorKind::StorageFull, StoreProblem::Full),
    (ErrorKind::QuotaExceeded, StoreProblem::Full),
    (ErrorKind::StaleNetworkFileHandle, StoreProblem::Other),
    (ErrorKind::NotFound, StoreProblem::Other),
    (ErrorKind::Other, StoreProblem::Other),
];

#[test]
fn failure_of_each_operation_is_reported_and_leaves_the_document_whole() {
    let key = Key::of_hash([7; 16]);
    let name = document_name(&key);
    let mut failed = 0;
    for (kind, problem) in ERRORS {
        for took_effect in [false, true] {
            for at in 0.. {
                let disk = RefCell::new(Disk::with(&name, Some(b"old"), true));
                let plan = Plan::Fails { at, kind, took_effect };
                let program = Program::new(&disk, &name, plan);
                let replaced = replace(&program, &key, Some(b"old"), b"new");
                let case = format!("{:?}, {:?}", program.plan, program.done.borrow());
                let Some(operation) = program.done.borrow().get(at).copied() else {
                    assert!(replaced.unwrap(), "{case}");
                    break;
                };
                let error = replaced.unwrap_err().into_error(Path::new("/state"));
                assert_eq!(error.problem(), problem, "{case}");
                failed += 1;

                let has_renamed =
                    operation == Operation::Sync || operation == Operation::Rename && took_effect;
                let expected: &[u8] = if has_renamed { b"new" } else { b"old" };
                let later = Program::new(&disk, &name, Plan::Undisturbed);
                assert_eq!(later.read(&name).unwrap().as_deref(), Some(expected), "{case}");
                let left = disk.borrow().leftovers();
                assert_eq!(left, 0, "{case}");
                assert!(replace(&later, &key, Some(expected), b"last").unwrap(), "{case}");
            }
        }
    }
    assert!(failed > 100, "only {failed} operations failed");
}

#[test]
fn unremovable_leftover_is_reported() {
    let key = Key::of_hash([7; 16]);
    let name = document_name(&key);
    let disk = RefCell::new(Disk::with(&format!("{key}.new"), Some(b"left"), true));
    let plan = Plan::Fails { at: 2, kind: ErrorKind::PermissionDenied, took_effect: false };
    let program = Program::new(&disk, &name, plan);
    let error = replace(&program, &key, None, b"new").unwrap_err().into_error(Path::new("/state"));
    assert_eq!(program.done.borrow().get(2), Some(&Operation::Remove));
    assert_eq!(
        error.to_string(),
        "the token store in /state cannot be used: permission denied; choose a directory that this \
         user can write"
    );
}
