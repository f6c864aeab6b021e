//! What a store reads and replaces.

use std::fs;
use std::future::{Future, ready};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use tempfile::tempdir;
use waldo_conformance::store::{certify, certify_async};
use waldo_store::{AsyncStore, Key, MAX_DOCUMENT, Store, StoreProblem};
use waldo_store_file::FileStore;

use crate::{KEEP, file, key, names, read, replace};

#[test]
fn store_is_certified_for_threads_and_tasks() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    let report = certify(&store);
    assert!(report.is_certified(), "{report}");
    // The futures of this store never wait, so neither does this one.
    let certifying = certify_async(&store, |span| {
        thread::sleep(span);
        ready(())
    });
    let report = pin!(certifying).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(report) = report else { panic!("a future waits") };
    assert!(report.is_certified(), "{report}");
}

#[test]
fn document_is_replaced_only_if_it_still_is_as_seen() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    assert_eq!(read(&store), None);
    assert!(!replace(&store, Some(b"one"), b"two").unwrap(), "there is no document");
    assert!(replace(&store, None, b"one").unwrap());
    assert!(!replace(&store, None, b"two").unwrap(), "there is a document");
    assert!(!replace(&store, Some(b"on"), b"two").unwrap(), "the document has more bytes");
    assert!(replace(&store, Some(b"one"), b"").unwrap());
    assert_eq!(read(&store).as_deref(), Some(&b""[..]), "an empty document is a document");
    assert!(!replace(&store, None, b"two").unwrap(), "an empty document is a document");
    assert!(replace(&store, Some(b""), b"two").unwrap());
    assert_eq!(read(&store).as_deref(), Some(&b"two"[..]));
}

#[test]
fn each_key_has_its_document() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    let other = Key::of_hash([1; 16]);
    assert!(replace(&store, None, b"one").unwrap());
    assert_eq!(Store::read(&store, &other).unwrap().document, None);
    assert!(Store::replace(&store, &other, None, b"other", KEEP).unwrap());
    assert_eq!(read(&store).as_deref(), Some(&b"one"[..]));
}

#[test]
fn reading_makes_no_directory() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path().join("waldo"));
    assert_eq!(read(&store), None);
    assert!(!replace(&store, Some(b"gone"), b"one").unwrap());
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn document_that_is_gone_is_written_again() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path().join("state/waldo"));
    assert!(replace(&store, None, b"one").unwrap());
    fs::remove_dir_all(directory.path().join("state")).unwrap();
    assert_eq!(read(&store), None);
    assert!(replace(&store, None, b"two").unwrap());
    assert_eq!(read(&store).as_deref(), Some(&b"two"[..]));
}

#[test]
fn largest_document_is_kept_and_a_larger_one_refused() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    let largest = vec![b'x'; MAX_DOCUMENT];
    assert!(replace(&store, None, &largest).unwrap());
    assert_eq!(read(&store), Some(largest.clone()));
    let error = replace(&store, Some(&largest), &vec![b'y'; MAX_DOCUMENT + 1]).unwrap_err();
    assert_eq!(error.problem(), StoreProblem::Other);
    assert!(error.to_string().ends_with("a document has at most 65536 bytes"), "{error}");
    assert_eq!(read(&store), Some(largest));
}

#[test]
fn file_that_is_too_large_is_read_in_part_and_replaced() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    fs::write(file(directory.path(), "sealed"), vec![b'x'; 10 * MAX_DOCUMENT]).unwrap();
    let seen = read(&store).unwrap();
    assert_eq!(seen.len(), MAX_DOCUMENT + 1);
    assert!(!replace(&store, Some(&seen[..MAX_DOCUMENT]), b"one").unwrap());
    assert!(replace(&store, Some(&seen), b"one").unwrap());
    assert_eq!(read(&store).as_deref(), Some(&b"one"[..]));
}

#[test]
fn tasks_get_their_answer_at_the_first_poll() {
    let directory = tempdir().unwrap();
    let (store, key) = (FileStore::new(directory.path()), key());
    let mut context = Context::from_waker(Waker::noop());
    let mut replaced = AsyncStore::replace(&store, &key, None, b"one", KEEP);
    assert!(matches!(replaced.as_mut().poll(&mut context), Poll::Ready(Ok(true))));
    let mut stored = AsyncStore::read(&store, &key);
    let Poll::Ready(Ok(stored)) = stored.as_mut().poll(&mut context) else { panic!("not ready") };
    assert_eq!(stored.document.as_deref(), Some(&b"one"[..]));
}

#[test]
fn clock_is_that_of_this_machine() {
    let directory = tempdir().unwrap();
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap();
    let before = now();
    let stored = Store::read(&FileStore::new(directory.path()), &key()).unwrap();
    assert!((before..=now()).contains(&stored.now), "{stored:?}");
}

#[test]
fn path_is_absolute_and_debug_shows_nothing_else() {
    let store = FileStore::new("state/./waldo/");
    let directory = std::env::current_dir().unwrap().join("state").join("waldo");
    assert_eq!(store.directory(), directory);
    assert_eq!(format!("{store:?}"), format!("FileStore {{ directory: {directory:?} }}"));
    assert_eq!(FileStore::new("").directory(), Path::new(""));
}

#[test]
fn directory_without_a_path_is_an_error() {
    let error = replace(&FileStore::new(""), None, b"one").unwrap_err();
    assert_eq!(error.problem(), StoreProblem::Other, "{error}");
}

#[test]
fn files_are_named_by_the_key_only() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    assert!(replace(&store, None, b"one").unwrap());
    assert!(replace(&store, Some(b"one"), b"two").unwrap());
    assert_eq!(names(directory.path()), [format!("{}.lock", key()), format!("{}.sealed", key())]);
}
