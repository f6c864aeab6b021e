//! The store on a real filesystem, by threads, real processes and other users.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the functions of this file fail a test by a panic"
)]

#[cfg(test)]
mod child;
#[cfg(test)]
mod documents;
#[cfg(all(test, unix))]
mod places;
#[cfg(test)]
mod programs;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waldo_store::{Key, Store, StoreError};
use waldo_store_file::FileStore;

const KEEP: Duration = Duration::from_secs(3600);

fn key() -> Key {
    Key::of_hash([0x5a; 16])
}

/// A path in the directory of a store: `sealed`, `lock` or `new`.
fn file(directory: &Path, kind: &str) -> PathBuf {
    directory.join(format!("{}.{kind}", key()))
}

fn read(store: &FileStore) -> Option<Vec<u8>> {
    Store::read(store, &key()).unwrap().document
}

fn replace(store: &FileStore, seen: Option<&[u8]>, document: &[u8]) -> Result<bool, StoreError> {
    Store::replace(store, &key(), seen, document, KEEP)
}

/// A number as a document of some kilobytes, which shows whether it is whole.
fn document(number: u64) -> Vec<u8> {
    format!("{number:08}").repeat(500).into_bytes()
}

/// The number of a whole document.
fn number(document: &[u8]) -> u64 {
    assert_eq!(document.len(), 4000, "the document is not whole");
    assert!(document.chunks(8).all(|part| part == &document[..8]), "the document is not whole");
    std::str::from_utf8(&document[..8]).unwrap().parse().unwrap()
}

/// Adds one to the number in the store, so many times.
fn count(store: &FileStore, times: usize) {
    let mut counted = 0;
    // Each try in vain is a success of another program, so there are fewer tries than this.
    for _ in 0..10_000 {
        if counted == times {
            return;
        }
        let seen = read(store);
        let next = seen.as_deref().map_or(0, number) + 1;
        counted += usize::from(replace(store, seen.as_deref(), &document(next)).unwrap());
    }
    assert_eq!(counted, times, "the store replaces nothing");
}

/// The names of the files in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
