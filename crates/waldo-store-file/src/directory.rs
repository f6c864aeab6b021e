//! The operations on the files of a store.

use std::time::Duration;

use crate::trouble::Trouble;

/// An open directory with the files of a store.
///
/// The tests implement this trait with a disk that stops, fails and loses power at each operation.
pub(crate) trait Directory {
    /// A file that is being written.
    type File;
    /// A lock, which dropping releases.
    type Lock;

    /// The first [`MAX_DOCUMENT`](waldo_store::MAX_DOCUMENT) bytes of a file, and one more byte if
    /// it has more. `None` if there is no such file.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble>;

    /// Tries to lock a file, and makes the file if there is none.
    fn try_lock(&self, name: &str) -> Result<TryLock<Self::Lock>, Trouble>;

    /// Waits before the next try to lock.
    fn pause(&self, span: Duration);

    /// Makes a file that only this user can read and write. Fails if there is a file.
    fn create(&self, name: &str) -> Result<Self::File, Trouble>;

    /// Writes all bytes.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> Result<(), Trouble>;

    /// Makes the bytes of a file survive a power cut.
    fn sync_file(&self, file: &Self::File) -> Result<(), Trouble>;

    /// Renames a file, and replaces the file that has the new name.
    fn rename(&self, from: &str, to: &str) -> Result<(), Trouble>;

    /// Removes a file, if there is one.
    fn remove(&self, name: &str) -> Result<(), Trouble>;

    /// Makes the names of the directory survive a power cut.
    fn sync(&self) -> Result<(), Trouble>;
}

/// The result of an attempt to lock.
#[derive(Debug)]
pub(crate) enum TryLock<L> {
    /// This program has the lock.
    Held(L),
    /// Another program has the lock.
    Busy,
    /// The filesystem has no locks.
    Unavailable,
}
