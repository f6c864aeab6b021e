//! A store that counts what it is asked, and that can stop its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use waldo_store::{AsyncStore, Key, Store, StoreError, StoreFuture, Stored};

use crate::line::Stage;

/// Counts the questions to a store, and stops the process at one stage of its first login.
#[derive(Clone, Debug)]
pub struct Watched<S> {
    store: S,
    counts: Arc<Counts>,
    stop: Option<(Stage, fn())>,
}

/// How often a store was asked.
#[derive(Debug, Default)]
pub struct Counts {
    reads: AtomicU64,
    replaces: AtomicU64,
    replaced: AtomicU64,
}

impl Counts {
    /// The number of reads, and of tries to replace the document.
    pub fn asked(&self) -> (u64, u64) {
        (self.reads.load(Ordering::SeqCst), self.replaces.load(Ordering::SeqCst))
    }
}

impl<S> Watched<S> {
    /// Watches a store. At the stage, the process calls the function, and waits for its end.
    pub fn new(store: S, counts: Arc<Counts>, stop: Option<(Stage, fn())>) -> Self {
        Self { store, counts, stop }
    }

    fn stop_if(&self, is_there: impl FnOnce(Stage) -> bool) {
        let Some((_, say)) = self.stop.filter(|(stage, _)| is_there(*stage)) else { return };
        say();
        loop {
            thread::park();
        }
    }

    fn reads(&self) {
        self.counts.reads.fetch_add(1, Ordering::SeqCst);
    }

    fn replaces(&self) {
        self.counts.replaces.fetch_add(1, Ordering::SeqCst);
        let replaced = self.counts.replaced.load(Ordering::SeqCst);
        self.stop_if(|stage| stage == Stage::Granted && replaced == 1);
    }

    fn has_replaced(&self, answer: Result<bool, StoreError>) -> Result<bool, StoreError> {
        if matches!(answer, Ok(true)) {
            let replaced = self.counts.replaced.fetch_add(1, Ordering::SeqCst) + 1;
            // The first replacement of a member is its lease, and the second one is its token.
            self.stop_if(|stage| {
                matches!((stage, replaced), (Stage::Leased, 1) | (Stage::Told, 2))
            });
        }
        answer
    }
}

impl<S: Store> Store for Watched<S> {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        self.reads();
        self.store.read(key)
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        self.replaces();
        self.has_replaced(self.store.replace(key, seen, document, keep))
    }
}

impl<S: AsyncStore> AsyncStore for Watched<S> {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        self.reads();
        self.store.read(key)
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.replaces();
            self.has_replaced(self.store.replace(key, seen, document, keep).await)
        })
    }
}
