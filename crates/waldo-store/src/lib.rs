// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`AsyncStore`]: AsyncStore
//! [`ShortStore`]: ShortStore
//! [`Claim`]: Claim
//! [`MemoryStore`]: MemoryStore
//! [`Report`]: Report
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod claim;
mod document;
mod health;
mod key;
mod member;
mod memory;
mod report;
mod seal;
mod store;

pub use claim::{Ask, Claim, Replacement};
pub use key::Key;
pub use member::Member;
pub use memory::MemoryStore;
pub use report::{Report, Tell};
pub use store::{AsyncStore, MAX_DOCUMENT, ShortStore, Store, StoreError, StoreFuture, Stored};
pub use waldo_auth_core::StoreProblem;
