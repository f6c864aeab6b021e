// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`waldo-auth-core`]: https://github.com/waldo-auth/waldo-auth/tree/main/crates/waldo-auth-core
//! [the protocol]: https://github.com/waldo-auth/waldo-auth/blob/main/docs/protocol.md
//! [`Client::execute`]: Client::execute
//! [`RequestBuilder::map`]: RequestBuilder::map
//! [`ClientBuilder::timeout`]: ClientBuilder::timeout
//! [`ClientBuilder::max_wait`]: ClientBuilder::max_wait
//! [`Error::Refused`]: Error::Refused
//! [`Error::Status`]: Error::Status
//! [`error_for_status`]: error_for_status
//! [`body_factory`]: RequestBuilder::body_factory
#![cfg_attr(
    feature = "multipart",
    doc = "[`multipart_factory`]: RequestBuilder::multipart_factory"
)]
#![cfg_attr(feature = "middleware", doc = "[`Client::middleware_stack`]: Client::middleware_stack")]
#![doc = include_str!("../README.md")]

mod builder;
mod call;
mod client;
mod error;
mod login;
#[cfg(feature = "middleware")]
mod middleware;
mod payload;
mod request;
mod sending;
mod status;
mod tls;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{BuildError, Error};
pub use request::RequestBuilder;
pub use status::error_for_status;

/// The stores through which several programs share one token.
#[cfg(feature = "store")]
#[doc(no_inline)]
pub use waldo_store as store;

/// The crate that sends, for its settings, requests and responses.
pub use reqwest;
/// The crate of the middlewares around and below a call.
#[cfg(feature = "middleware")]
pub use reqwest_middleware;
pub use waldo_auth_client::{CredentialSource, EnvError, InvalidSegment, Refused, SourceError};
pub use waldo_auth_core::{
    ApiError, ConfigBuilder, ConfigError, Counters, Credentials, CredentialsError, DataPoint,
    Explanation, ForeignOrigin, Generation, NoToken, NotResumed, Origin, OriginError, Reason,
    Refusal, Rejection, RejectionCode, Snapshot, SnapshotError, Unavailable,
};
