//! A store inside one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::key::Key;
use crate::store::{ShortStore, Store, StoreError, Stored};

/// A store in the memory of this process, for tests and for programs with several clients.
///
/// ```
/// use std::time::Duration;
/// use waldo_store::{Key, MemoryStore, Store};
///
/// let (store, key) = (MemoryStore::new(), Key::of_hash([0; 16]));
/// assert!(store.replace(&key, None, b"one", Duration::from_secs(60))?);
/// assert!(!store.replace(&key, None, b"two", Duration::from_secs(60))?, "it was replaced before");
/// assert_eq!(store.read(&key)?.document.as_deref(), Some(&b"one"[..]));
/// # Ok::<(), waldo_store::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    documents: Mutex<HashMap<Key, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Stored { document: documents.get(key).cloned(), now })
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        _keep: Duration,
    ) -> Result<bool, StoreError> {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let is_seen = documents.get(key).map(Vec::as_slice) == seen;
        if is_seen {
            documents.insert(key.clone(), document.to_vec());
        }
        Ok(is_seen)
    }
}

impl ShortStore for MemoryStore {}
