//! Stores with one defect each, as real stores have them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waldo_store::{AsyncStore, Key, Store, StoreError, StoreFuture, StoreProblem, Stored};

use crate::{away, pause};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    Away,
    PanicsInOtherThreads,
    EmptyIfAbsent,
    InsertsOverOthers,
    Upserts,
    IgnoresCase,
    IgnoresSpacesAtEnd,
    ComparesBeginning,
    ComparesUpToLengthOfSeen,
    WritesInPlace,
    KeepsText,
    CutsAt65535Bytes,
    CutsKeys,
    RoundsKeepDown,
    KeepsFirstKeep,
    CountsKeepIn32Bits,
    CountsSinceStart,
    ClockStandsStill,
    ClockGoesBack,
    ComparesBeforeItLocks,
    StaysLockedIfDropped,
}

/// The defects of a store for threads, with the check that finds each.
pub(crate) const BLOCKING: [(Defect, &str); 17] = [
    (Defect::EmptyIfAbsent, "absent"),
    (Defect::InsertsOverOthers, "occupied"),
    (Defect::Upserts, "vanished"),
    (Defect::IgnoresCase, "stale"),
    (Defect::IgnoresSpacesAtEnd, "stale"),
    (Defect::ComparesBeginning, "stale"),
    (Defect::ComparesUpToLengthOfSeen, "stale"),
    (Defect::WritesInPlace, "shorter"),
    (Defect::KeepsText, "bytes"),
    (Defect::CutsAt65535Bytes, "size"),
    (Defect::CutsKeys, "keys"),
    (Defect::RoundsKeepDown, "keep"),
    (Defect::KeepsFirstKeep, "keep"),
    (Defect::CountsKeepIn32Bits, "long keep"),
    (Defect::CountsSinceStart, "clock"),
    (Defect::ClockStandsStill, "ticks"),
    (Defect::ComparesBeforeItLocks, "concurrent"),
];

/// The defects of a store for tasks.
pub(crate) const TASKS: [(Defect, &str); 3] = [
    (Defect::ClockGoesBack, "ticks"),
    (Defect::ComparesBeforeItLocks, "concurrent"),
    (Defect::StaysLockedIfDropped, "dropped"),
];

/// A correct store, but for its defect.
#[derive(Debug)]
pub(crate) struct Faulty {
    defect: Defect,
    documents: Mutex<HashMap<String, Document>>,
    /// Held while a thread compares and writes.
    replacing: Mutex<()>,
    began: Instant,
    owner: ThreadId,
    reads: AtomicUsize,
    is_locked: AtomicBool,
    /// Where the first two threads meet that have compared and not yet written.
    compared: Barrier,
    comparing: AtomicUsize,
}

#[derive(Debug)]
struct Document {
    bytes: Vec<u8>,
    ends: Instant,
}

impl Faulty {
    pub(crate) fn with(defect: Defect) -> Self {
        Self {
            defect,
            documents: Mutex::default(),
            replacing: Mutex::default(),
            began: Instant::now(),
            owner: thread::current().id(),
            reads: AtomicUsize::new(0),
            is_locked: AtomicBool::new(false),
            compared: Barrier::new(2),
            comparing: AtomicUsize::new(0),
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn name(&self, key: &Key) -> String {
        let digits = if self.has(Defect::CutsKeys) { 31 } else { 32 };
        key.as_str()[..digits].to_owned()
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let reads = self.reads.fetch_add(1, Ordering::SeqCst);
        match self.defect {
            Defect::CountsSinceStart => self.began.elapsed(),
            Defect::ClockStandsStill => now.saturating_sub(self.began.elapsed()),
            Defect::ClockGoesBack => now.saturating_sub(Duration::from_secs(10 * reads as u64)),
            _ => now,
        }
    }

    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let documents = self.documents.lock().unwrap();
        let document = documents.get(&self.name(key));
        let document = document.filter(|document| document.ends > Instant::now());
        document.map(|document| document.bytes.clone())
    }

    /// Waits for the lock, and gives up if nobody releases it.
    async fn unlocked(&self) -> Result<(), StoreError> {
        for _ in 0..1000 {
            if !self.is_locked.load(Ordering::SeqCst) {
                return Ok(());
            }
            pause().await;
        }
        Err(away())
    }

    fn is_equal(&self, seen: Option<&[u8]>, held: Option<&[u8]>) -> bool {
        let (Some(seen), Some(held)) = (seen, held) else {
            return match (seen, held) {
                (None, Some(_)) => self.has(Defect::InsertsOverOthers),
                (Some(_), None) => self.has(Defect::Upserts),
                _ => true,
            };
        };
        match self.defect {
            Defect::IgnoresCase => seen.eq_ignore_ascii_case(held),
            Defect::IgnoresSpacesAtEnd => seen.trim_ascii_end() == held.trim_ascii_end(),
            Defect::ComparesBeginning => {
                seen.len() == held.len() && seen.iter().take(64).eq(held.iter().take(64))
            }
            Defect::ComparesUpToLengthOfSeen => held.starts_with(seen),
            _ => seen == held,
        }
    }

    fn write(&self, key: &Key, document: &[u8], keep: Duration) -> Result<(), StoreError> {
        let name = self.name(key);
        let mut documents = self.documents.lock().unwrap();
        let old = documents.remove(&name);
        let mut bytes = document.to_vec();
        match (self.defect, &old) {
            (Defect::KeepsText, _) => {
                bytes = String::from_utf8_lossy(document).into_owned().into_bytes();
            }
            (Defect::CutsAt65535Bytes, _) => bytes.truncate(65_535),
            (Defect::WritesInPlace, Some(old)) => {
                bytes.extend(old.bytes.iter().skip(document.len()));
            }
            _ => {}
        }
        let keep = match self.defect {
            Defect::RoundsKeepDown => Duration::from_secs(keep.as_secs()),
            Defect::CountsKeepIn32Bits if u32::try_from(keep.as_millis()).is_err() => {
                return Err(StoreError::new(StoreProblem::Other, "the time is out of range"));
            }
            _ => keep,
        };
        let ends = match (self.defect, old) {
            (Defect::KeepsFirstKeep, Some(old)) => old.ends,
            _ => Instant::now() + keep,
        };
        documents.insert(name, Document { bytes, ends });
        Ok(())
    }
}

impl Store for Faulty {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        if self.has(Defect::Away) {
            return Err(away());
        }
        let is_other = thread::current().id() != self.owner;
        assert!(!(is_other && self.has(Defect::PanicsInOtherThreads)), "as it should");
        let empty = self.has(Defect::EmptyIfAbsent).then(Vec::new);
        Ok(Stored { document: self.get(key).or(empty), now: self.now() })
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        if self.has(Defect::Away) {
            return Err(away());
        }
        let is_atomic = !self.has(Defect::ComparesBeforeItLocks);
        let _guard = is_atomic.then(|| self.replacing.lock().unwrap());
        if !self.is_equal(seen, self.get(key).as_deref()) {
            return Ok(false);
        }
        let is_other = thread::current().id() != self.owner;
        if is_other && !is_atomic && self.comparing.fetch_add(1, Ordering::SeqCst) < 2 {
            self.compared.wait();
        }
        self.write(key, document, keep)?;
        Ok(true)
    }
}

impl AsyncStore for Faulty {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            self.unlocked().await?;
            Store::read(self, key)
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            if self.has(Defect::ComparesBeforeItLocks) {
                let is_equal = self.is_equal(seen, self.get(key).as_deref());
                pause().await;
                if is_equal {
                    self.write(key, document, keep)?;
                }
                return Ok(is_equal);
            }
            if self.has(Defect::StaysLockedIfDropped) {
                self.unlocked().await?;
                self.is_locked.store(true, Ordering::SeqCst);
                pause().await;
                self.is_locked.store(false, Ordering::SeqCst);
            }
            Store::replace(self, key, seen, document, keep)
        })
    }
}
