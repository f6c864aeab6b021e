//! A disk in memory that stops, fails and loses power at each operation.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::time::Duration;

use waldo_store::MAX_DOCUMENT;

use crate::directory::{Directory, TryLock};
use crate::trouble::Trouble;

/// One directory on a disk: what programs see, and what a power cut may lose of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    files: Vec<Contents>,
    names: BTreeMap<String, usize>,
    /// The names that survive a power cut for sure.
    synced: BTreeMap<String, usize>,
    /// The changes of names since then. A power cut loses any of them.
    unsynced: Vec<Change>,
    locked: BTreeSet<String>,
    has_locks: bool,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    /// The bytes that survive a power cut; `None` if they are not the last ones.
    synced: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Change {
    Set(String, usize),
    Remove(String),
    Rename(String, String, usize),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl Disk {
    /// A disk with this file, which is synchronized.
    pub(super) fn with(name: &str, bytes: Option<&[u8]>, has_locks: bool) -> Self {
        let mut disk = Self { has_locks, ..Self::default() };
        if let Some(bytes) = bytes {
            disk.files.push(Contents { bytes: bytes.to_vec(), synced: Some(bytes.to_vec()) });
            disk.names.insert(name.to_owned(), 0);
            disk.synced = disk.names.clone();
        }
        disk
    }

    /// The file's bytes, as programs see them.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.names.get(name).map(|file| &*self.files[*file].bytes)
    }

    /// The number of temporary files that programs have left behind.
    pub(super) fn leftovers(&self) -> usize {
        self.names.keys().filter(|name| name.rsplit('.').next() == Some("new")).count()
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    /// All disks that a power cut may leave of this one: each set of the unsynchronized names, with
    /// each state of the unsynchronized bytes.
    pub(super) fn after_power_cut(&self) -> Vec<Self> {
        let mut disks = Vec::new();
        for kept in 0..1_usize << self.unsynced.len() {
            let mut names = self.synced.clone();
            for (at, change) in self.unsynced.iter().enumerate() {
                if kept >> at & 1 == 1 {
                    change.apply(&mut names);
                }
            }
            let mut variants = vec![Self { names, has_locks: self.has_locks, ..Self::default() }];
            for file in &self.files {
                let states = file.after_power_cut();
                variants = variants
                    .iter()
                    .flat_map(|disk| {
                        states.iter().map(|bytes| {
                            let mut disk = disk.clone();
                            let synced = Some(bytes.clone());
                            disk.files.push(Contents { bytes: bytes.clone(), synced });
                            disk
                        })
                    })
                    .collect();
            }
            disks.extend(variants);
        }
        for disk in &mut disks {
            disk.synced = disk.names.clone();
        }
        disks
    }
}

impl Contents {
    /// The old bytes, or the new ones, of which any number is written, and the rest is missing or
    /// zero.
    fn after_power_cut(&self) -> Vec<Vec<u8>> {
        if self.synced.as_ref() == Some(&self.bytes) {
            return vec![self.bytes.clone()];
        }
        let mut states: Vec<_> = self.synced.iter().cloned().collect();
        for written in 0..=self.bytes.len() {
            let mut zeroed = self.bytes.clone();
            zeroed[written..].fill(0);
            states.push(self.bytes[..written].to_vec());
            states.push(zeroed);
        }
        states.sort_unstable();
        states.dedup();
        states
    }
}

/// A defect of a program, which the tests must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// Synchronizes no file.
    NoSync,
    /// Does not synchronize the directory.
    NoDirectorySync,
    /// Writes into the document itself.
    InPlace,
    /// Renames nothing.
    NoRename,
    /// Removes no file.
    NoRemove,
}

/// The operations, of which a write is one for each byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Lock,
    Create,
    Write,
    SyncFile,
    Rename,
    Remove,
    Sync,
}

/// The end of a program's operations, or what happens between two of them.
pub(super) enum Plan<'a> {
    /// Nothing happens.
    Undisturbed,
    /// The program is killed before the operation with this number.
    Killed(usize),
    /// This operation fails. A rename that `took_effect` renames the file all the same.
    Fails { at: usize, kind: io::ErrorKind, took_effect: bool },
    /// Another program runs before this operation.
    Meets(usize, &'a dyn Fn()),
}

impl fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undisturbed => f.write_str("undisturbed"),
            Self::Killed(at) => write!(f, "killed at {at}"),
            Self::Fails { at, kind, took_effect } => {
                write!(f, "{kind} at {at}, took effect: {took_effect}")
            }
            Self::Meets(at, _) => write!(f, "meets another program at {at}"),
        }
    }
}

/// One program that uses the disk.
pub(super) struct Program<'a> {
    pub(super) disk: &'a RefCell<Disk>,
    pub(super) document: &'a str,
    pub(super) defect: Option<Defect>,
    pub(super) plan: Plan<'a>,
    /// The operations so far.
    pub(super) done: RefCell<Vec<Operation>>,
    pub(super) waited: Cell<Duration>,
}

impl<'a> Program<'a> {
    pub(super) fn new(disk: &'a RefCell<Disk>, document: &'a str, plan: Plan<'a>) -> Self {
        let (defect, done, waited) = (None, RefCell::default(), Cell::default());
        Self { disk, document, defect, plan, done, waited }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Begins an operation, unless the plan says otherwise.
    fn begin(&self, operation: Operation) -> Result<(), Trouble> {
        let at = self.done.borrow().len();
        match self.plan {
            Plan::Killed(end) if at >= end => return Err(io::Error::other("killed").into()),
            Plan::Meets(moment, other) if at == moment => other(),
            Plan::Undisturbed | Plan::Killed(_) | Plan::Fails { .. } | Plan::Meets(..) => {}
        }
        self.done.borrow_mut().push(operation);
        match self.plan {
            Plan::Fails { at: moment, kind, .. } if at == moment => {
                Err(io::Error::from(kind).into())
            }
            Plan::Undisturbed | Plan::Killed(_) | Plan::Fails { .. } | Plan::Meets(..) => Ok(()),
        }
    }
}

/// A lock on the disk.
pub(super) struct Lock<'a>(&'a RefCell<Disk>, String);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().locked.remove(&self.1);
    }
}

impl<'a> Directory for Program<'a> {
    type File = usize;
    type Lock = Lock<'a>;

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        self.begin(Operation::Read)?;
        let disk = self.disk.borrow();
        Ok(disk.bytes(name).map(|bytes| bytes[..bytes.len().min(MAX_DOCUMENT + 1)].to_vec()))
    }

    fn try_lock(&self, name: &str) -> Result<TryLock<Lock<'a>>, Trouble> {
        self.begin(Operation::Lock)?;
        let mut disk = self.disk.borrow_mut();
        if disk.bytes(name).is_none() {
            let file = disk.files.len();
            disk.files.push(Contents { bytes: Vec::new(), synced: Some(Vec::new()) });
            disk.change(Change::Set(name.to_owned(), file));
        }
        Ok(if !disk.has_locks {
            TryLock::Unavailable
        } else if disk.locked.insert(name.to_owned()) {
            TryLock::Held(Lock(self.disk, name.to_owned()))
        } else {
            TryLock::Busy
        })
    }

    fn pause(&self, span: Duration) {
        self.waited.set(self.waited.get() + span);
    }

    fn create(&self, name: &str) -> Result<usize, Trouble> {
        self.begin(Operation::Create)?;
        let mut disk = self.disk.borrow_mut();
        if self.has(Defect::InPlace)
            && let Some(file) = disk.names.get(self.document).copied()
        {
            disk.files[file].bytes.clear();
            return Ok(file);
        }
        let name = if self.has(Defect::InPlace) { self.document } else { name };
        if disk.bytes(name).is_some() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let file = disk.files.len();
        disk.files.push(Contents::default());
        disk.change(Change::Set(name.to_owned(), file));
        Ok(file)
    }

    fn write(&self, file: &mut usize, bytes: &[u8]) -> Result<(), Trouble> {
        for byte in bytes {
            self.begin(Operation::Write)?;
            self.disk.borrow_mut().files[*file].bytes.push(*byte);
        }
        Ok(())
    }

    fn sync_file(&self, file: &usize) -> Result<(), Trouble> {
        self.begin(Operation::SyncFile)?;
        if !self.has(Defect::NoSync) {
            let file = &mut self.disk.borrow_mut().files[*file];
            file.synced = Some(file.bytes.clone());
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Trouble> {
        let begun = self.begin(Operation::Rename);
        let took_effect = matches!(self.plan, Plan::Fails { took_effect: true, .. });
        if begun.is_err() && !took_effect {
            return begun;
        }
        let mut disk = self.disk.borrow_mut();
        if !self.has(Defect::NoRename) && !self.has(Defect::InPlace) {
            let missing = || io::Error::from(io::ErrorKind::NotFound);
            let file = *disk.names.get(from).ok_or_else(missing)?;
            disk.change(Change::Rename(from.to_owned(), to.to_owned(), file));
        }
        begun
    }

    fn remove(&self, name: &str) -> Result<(), Trouble> {
        self.begin(Operation::Remove)?;
        let mut disk = self.disk.borrow_mut();
        if disk.bytes(name).is_some() && !self.has(Defect::NoRemove) {
            disk.change(Change::Remove(name.to_owned()));
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        self.begin(Operation::Sync)?;
        if !self.has(Defect::NoDirectorySync) {
            let mut disk = self.disk.borrow_mut();
            disk.synced = disk.names.clone();
            disk.unsynced.clear();
        }
        Ok(())
    }
}
