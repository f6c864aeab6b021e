//! Where a fleet keeps its document.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use waldo_auth_core::StoreProblem;

use crate::key::Key;

/// A place where programs keep one small document for each key, and replace it only if nobody else
/// has.
///
/// The document is sealed: a store can neither read nor change it. It has at most
/// [`MAX_DOCUMENT`] bytes. A store needs no lock, no merge and no clock of its own beyond
/// [`Stored::now`].
///
/// - Two programs never replace the same document: the second one gets `false`.
/// - A store may lose a document at any time. This costs one login.
/// - A store answers quickly, or gives up: at most 100 ms on a network. The client waits for it only
///   before a login, and after a renewal.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads the document, and the clock of the store.
    ///
    /// # Errors
    /// The store cannot be used. The client goes on without a store, and asks again later.
    fn read(&self, key: &Key) -> Result<Stored, StoreError>;

    /// Replaces the document, if it still is `seen`, byte for byte. `None` means that there is none.
    /// Returns whether the document was replaced.
    ///
    /// The store may forget the new document after `keep`.
    ///
    /// # Errors
    /// The store cannot be used. The document may have been replaced all the same.
    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError>;
}

/// The answer of an [`AsyncStore`].
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A [`Store`] for tasks. Its methods do not block the thread.
pub trait AsyncStore: fmt::Debug + Send + Sync {
    /// As [`Store::read`].
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored>;

    /// As [`Store::replace`].
    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool>;
}

/// A store whose operations are so short that a task may run them in place. The trait has no method
/// of its own: it makes an [`AsyncStore`] of the store.
pub trait ShortStore: Store {}

impl<S: ShortStore> AsyncStore for S {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        Box::pin(async move { Store::read(self, key) })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move { Store::replace(self, key, seen, document, keep) })
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        (**self).read(key)
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        (**self).replace(key, seen, document, keep)
    }
}

impl<S: AsyncStore + ?Sized> AsyncStore for Arc<S> {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        (**self).read(key)
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        (**self).replace(key, seen, document, keep)
    }
}

/// The largest document in bytes: 64 KiB. A larger one is treated as unreadable.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// What a store holds under a key, and when.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// The document; `None` if there is none.
    pub document: Option<Vec<u8>>,
    /// The store's own wall clock, since 1970-01-01. All programs of a fleet read this one clock, so
    /// the clocks of their machines may differ.
    pub now: Duration,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("bytes", &self.document.as_ref().map(Vec::len))
            .field("now", &self.now)
            .finish()
    }
}

/// Why a store cannot be used. The error holds no password and no token.
#[derive(Clone)]
pub struct StoreError {
    problem: StoreProblem,
    message: Box<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error with its message, which says what is wrong and what to do. The message must hold no
    /// secret.
    pub fn new(problem: StoreProblem, message: impl Into<Box<str>>) -> Self {
        Self { problem, message: message.into(), source: None }
    }

    /// Keeps the cause for [`Error::source`]. The cause must hold no secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    /// The kind of problem.
    pub fn problem(&self) -> StoreProblem {
        self.problem
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
