// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`waldo-auth-core`]: https://github.com/waldo-auth/waldo-auth/tree/main/crates/waldo-auth-core
//! [the protocol]: https://github.com/waldo-auth/waldo-auth/blob/main/docs/protocol.md
//! [`Payload`]: Payload
//! [`Factory`]: Factory
//! [`OneShot`]: OneShot
//! [`Error`]: enum@Error
//! [`Error::Body`]: Error::Body
//! [`Error::BrokeOff`]: Error::BrokeOff
//! [`Error::Refused`]: Error::Refused
//! [`Error::Status`]: Error::Status
//! [`BuildError`]: BuildError
#![doc = include_str!("../README.md")]

mod agent;
mod answer;
mod body;
mod builder;
mod client;
mod connector;
mod error;
mod login;
mod payload;
mod reader;
mod request;
mod sending;
mod socket;
mod target;
mod tls;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{BuildError, Error};
pub use payload::{Factory, OneShot, Payload};
pub use request::RequestBuilder;

/// The stores through which several programs share one token.
#[cfg(feature = "store")]
#[doc(no_inline)]
pub use waldo_store as store;

/// The types of requests and responses, which are also ureq's types.
pub use http;
/// The crate of the agent and its configuration.
pub use ureq;
pub use waldo_auth_client::{CredentialSource, EnvError, InvalidSegment, Refused, SourceError};
pub use waldo_auth_core::{
    ApiError, ConfigBuilder, ConfigError, Counters, Credentials, CredentialsError, DataPoint,
    Explanation, ForeignOrigin, Generation, NoToken, NotResumed, Origin, OriginError, Reason,
    Refusal, Rejection, RejectionCode, Snapshot, SnapshotError, Unavailable,
};
