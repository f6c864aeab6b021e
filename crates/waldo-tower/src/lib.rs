// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`WaldoLayer::max_wait`]: WaldoLayer::max_wait
//! [`WaldoLayer::session`]: WaldoLayer::session
//! [`OneShot`]: OneShot
//! [`OneShotLayer`]: OneShotLayer
//! [`MaxWait`]: MaxWait
//! [`Timeout`]: Timeout
//! [`WaldoLayer::timeout`]: WaldoLayer::timeout
//! [`error_for_status`]: error_for_status
//! [`Error::NotReady`]: Error::NotReady
//! [`Error::Timeout`]: Error::Timeout
//! [`name`]: ConfigBuilder::name
//! [`Body`]: Body
//! [`Error::ForeignOrigin`]: Error::ForeignOrigin
//! [`Error::BrokeOff`]: Error::BrokeOff
//! [`Error::Inner`]: Error::Inner
//! [`Error::Refused`]: Error::Refused
//! [`Error::TooManyHeaders`]: Error::TooManyHeaders
//! [`SharedSession::invalidate`]: SharedSession::invalidate
//! [`ConfigBuilder::challenge_statuses`]: ConfigBuilder::challenge_statuses
//! [`SharedSession`]: SharedSession
#![doc = include_str!("../README.md")]

mod body;
mod call;
mod error;
mod layer;
mod login;
mod max_wait;
mod one_shot;
mod response;
mod sending;
mod service;
mod sleep;
mod spawn;
mod status;
mod timeout;

pub use body::Body;
pub use error::Error;
pub use layer::WaldoLayer;
pub use max_wait::MaxWait;
pub use one_shot::{OneShot, OneShotLayer};
pub use response::ResponseFuture;
pub use service::Waldo;
pub use spawn::LoginFuture;
pub use status::error_for_status;
pub use timeout::Timeout;

/// The stores through which several programs share one token.
#[cfg(feature = "store")]
#[doc(no_inline)]
pub use waldo_store as store;

/// The types of requests and responses.
pub use http;
pub use waldo_auth_client::{
    CredentialSource, DEFAULT_ORIGIN, EnvError, Refused, SharedSession, SourceError, config,
    config_from_env,
};
pub use waldo_auth_core::{
    ApiError, Config, ConfigBuilder, ConfigError, Counters, Credentials, CredentialsError,
    DataPoint, Explanation, ForeignOrigin, Generation, NoToken, NotResumed, Origin, OriginError,
    Reason, Refusal, Rejection, RejectionCode, Snapshot, SnapshotError, Unavailable,
};
