//! Threads and processes that use a store at the same time, and processes that are killed.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;

use tempfile::tempdir;
use waldo_store_file::FileStore;

use crate::{child, count, names, number, read};

fn this_program() -> PathBuf {
    env::current_exe().unwrap()
}

fn counted(directory: &Path) -> u64 {
    number(&read(&FileStore::new(directory)).unwrap())
}

/// Runs so many processes at the same time.
fn run(processes: usize, role: &str, directory: &Path) {
    let start = |_| child::command(&this_program(), role, directory).spawn().unwrap();
    let children: Vec<Child> = (0..processes).map(start).collect();
    for child in children {
        child::said(&child.wait_with_output().unwrap());
    }
}

#[test]
fn no_update_of_two_threads_is_lost() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path().join("waldo"));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| count(&store, 200));
        }
    });
    assert_eq!(counted(store.directory()), 400);
}

#[test]
fn no_update_of_eight_processes_is_lost() {
    let directory = tempdir().unwrap();
    run(8, "count", directory.path());
    assert_eq!(counted(directory.path()), 1600);
    assert_eq!(names(directory.path()).len(), 2, "{:?}", names(directory.path()));
}

#[test]
fn no_update_of_sixty_four_processes_is_lost() {
    let directory = tempdir().unwrap();
    let directory = directory.path().join("waldo");
    run(64, "count once", &directory);
    assert_eq!(counted(&directory), 64);
}

#[test]
fn ten_thousand_short_uses_leave_no_file_open() {
    let directory = tempdir().unwrap();
    run(1, "open often", directory.path());
    assert_eq!(counted(directory.path()), 100);
}

/// The program says each number after the store has taken it. A kill may come before it says so.
#[test]
fn killed_processes_leave_the_old_document_or_the_new_one() {
    let directory = tempdir().unwrap();
    let role = "count until killed";
    for round in 0..200 {
        let mut child = child::command(&this_program(), role, directory.path()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut numbers = lines.map(|line| line.unwrap().parse::<u64>().unwrap());
        let said = numbers.by_ref().take(1 + round % 3).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let last = numbers.last().unwrap_or(said);
        let number = counted(directory.path());
        assert!((last..=last + 1).contains(&number), "{number} after {last}");
    }
    count(&FileStore::new(directory.path()), 1);
    assert_eq!(names(directory.path()).len(), 2, "{:?}", names(directory.path()));
}

/// The lock of a program that has stopped holds nobody up for long.
#[cfg(unix)]
#[test]
fn store_goes_on_without_a_lock_that_another_program_keeps() {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{FlockOperation, flock};

    use crate::{file, replace};

    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    assert!(replace(&store, None, b"one").unwrap());
    let lock = fs::File::open(file(directory.path(), "lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert!(replace(&store, Some(b"one"), b"two").unwrap());
    assert!(!replace(&store, Some(b"one"), b"three").unwrap());
    assert_eq!(names(directory.path()).len(), 2, "{:?}", names(directory.path()));

    // The lock file stays the same, or two programs could lock two files.
    let inode = || fs::metadata(file(directory.path(), "lock")).unwrap().ino();
    assert_eq!(inode(), lock.metadata().unwrap().ino());
}

#[cfg(all(unix, not(target_vendor = "apple")))]
#[test]
fn directory_of_the_user_comes_from_the_environment() {
    let directory = |home: &str, state: &str| {
        let mut command =
            child::command(&this_program(), "find the user's directory", Path::new(""));
        command.env("HOME", home).env("XDG_STATE_HOME", state);
        child::said(&command.output().unwrap())
    };
    assert_eq!(directory("/home/a", "/state"), "/state/waldo\n");
    assert_eq!(directory("/home/a", ""), "/home/a/.local/state/waldo\n");
    assert_eq!(
        directory("relative", "relative"),
        "there is no directory for a token store; set HOME or XDG_STATE_HOME\n"
    );
}
