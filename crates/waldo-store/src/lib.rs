//! Shares one Waldo token among the programs of a fleet: what they keep in a store, and who logs in.

#![forbid(unsafe_code)]

mod key;
mod memory;
mod store;

pub use key::Key;
pub use memory::MemoryStore;
pub use store::{AsyncStore, MAX_DOCUMENT, Store, StoreError, StoreFuture, StoreProblem, Stored};
