//! The replacement of a document by a compare-and-swap.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use waldo_store::Key;

use crate::directory::{Directory, TryLock};
use crate::trouble::Trouble;

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod rivals;

/// The pauses between two tries to lock: half a second in all. A disk that many programs write to may
/// need as long for one replacement.
const PAUSES: [Duration; 24] = {
    let mut pauses = [Duration::from_millis(25); 24];
    [pauses[0], pauses[1], pauses[2], pauses[3], pauses[4]] = [
        Duration::from_millis(1),
        Duration::from_millis(2),
        Duration::from_millis(4),
        Duration::from_millis(8),
        Duration::from_millis(10),
    ];
    pauses
};

/// The name of the file with the document.
pub(crate) fn document_name(key: &Key) -> String {
    format!("{key}.sealed")
}

/// Replaces the document if it still is `seen`. Returns whether it was replaced.
pub(crate) fn replace(
    directory: &impl Directory,
    key: &Key,
    seen: Option<&[u8]>,
    document: &[u8],
) -> Result<bool, Trouble> {
    let name = document_name(key);
    let is_seen = || Ok::<_, Trouble>(directory.read(&name)?.as_deref() == seen);
    let mut pauses = PAUSES.iter();
    let lock = loop {
        // A program that comes too late needs no lock, so losers leave the queue at once.
        if !is_seen()? {
            return Ok(false);
        }
        match directory.try_lock(&format!("{key}.lock"))? {
            TryLock::Held(lock) => break Some(lock),
            TryLock::Unavailable => break None,
            TryLock::Busy => match pauses.next() {
                Some(pause) => directory.pause(*pause),
                // The other program has stopped, or its disk hangs.
                None => break None,
            },
        }
    };
    // With the lock there is one name, so that killed programs leave at most one file behind.
    let temporary = match lock {
        Some(_) => format!("{key}.new"),
        None => format!("{key}.{:016x}.new", RandomState::new().build_hasher().finish()),
    };
    let replaced = write(directory, &temporary, document).and_then(|()| {
        // Compare just before the rename: without the lock, another program may have replaced the
        // document while this one wrote.
        let is_seen = is_seen()?;
        if is_seen {
            directory.rename(&temporary, &name)?;
        }
        Ok(is_seen)
    });
    if !matches!(replaced, Ok(true)) {
        // The first error says more than an error of this removal.
        let _unremoved = directory.remove(&temporary);
        return replaced;
    }
    // This program still has the lock, so no later name reaches the disk before this one.
    directory.sync()?;
    Ok(true)
}

/// Writes a new file whose bytes survive a power cut.
fn write(directory: &impl Directory, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
    // A killed program may have left a file of this name.
    directory.remove(name)?;
    let mut file = directory.create(name)?;
    directory.write(&mut file, bytes)?;
    directory.sync_file(&file)
}
