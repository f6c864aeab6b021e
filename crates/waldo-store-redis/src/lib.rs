// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`waldo-store`]: waldo_store
//! [`RedisStore`]: RedisStore
//! [`RedisStore::time_limit`]: RedisStore::time_limit
//! [`Unreachable`]: waldo_store::StoreProblem::Unreachable
//! [`TimedOut`]: waldo_store::StoreProblem::TimedOut
//! [`Denied`]: waldo_store::StoreProblem::Denied
//! [`Full`]: waldo_store::StoreProblem::Full
//! [`Other`]: waldo_store::StoreProblem::Other
#![cfg_attr(feature = "tokio", doc = "[`AsyncRedisStore`]: AsyncRedisStore")]
#![cfg_attr(feature = "tls", doc = "[`RedisStore::with_tls`]: RedisStore::with_tls")]
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "tls"),
    expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "only TLS needs them")
)]

mod blocking;
mod client;
mod connection;
mod deadline;
mod document;
mod fault;
mod network;
mod server;
#[cfg(feature = "tokio")]
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod wire;

pub use blocking::RedisStore;
pub use server::UrlError;
#[cfg(feature = "tokio")]
pub use tasks::AsyncRedisStore;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
