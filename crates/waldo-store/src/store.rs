//! Where a fleet keeps its document.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use waldo_auth_core::StoreProblem;

use crate::key::Key;

/// Keeps one small document for each key. A program replaces the document only if it is unchanged.
///
/// The document is sealed: a store can neither read nor change it. It has at most
/// [`MAX_DOCUMENT`] bytes. A store needs no encryption, no lease and no merge. It needs an atomic
/// comparison and write, and one clock for all programs.
///
/// - If two programs replace the same document, one of them must get `false`.
/// - A store may lose a document. This costs one login.
/// - A store answers within 100 ms on a network, or returns an error. The client waits for the
///   store only before a login and after a renewal.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads the document, and the clock of the store.
    ///
    /// # Errors
    /// The store cannot be used. The client goes on without a store, and asks again later.
    fn read(&self, key: &Key) -> Result<Stored, StoreError>;

    /// Replaces the document, if it is still `seen`, byte for byte. `None` expects that there is no
    /// document. Returns whether the document was replaced.
    ///
    /// The store may forget the new document after `keep`.
    ///
    /// # Errors
    /// The store cannot be used. The write may still have succeeded.
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

/// The document under a key, and the time on the store's clock at the read.
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
