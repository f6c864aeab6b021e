#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

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
