// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`SharedSession`]: SharedSession
//! [`Admission`]: Admission
//! [`CredentialSource`]: CredentialSource
//! [`Lead`]: Lead
//! [`Wait`]: Wait
//! [`ApiError`]: ApiError
//! [`Target`]: Target
//! [`SharedSession::admit`]: SharedSession::admit
#![cfg_attr(feature = "http-body", doc = "[`AnswerBody`]: AnswerBody")]
#![cfg_attr(feature = "http-body", doc = "[`HeldBody`]: HeldBody")]
#![cfg_attr(feature = "http-body", doc = "[`Gate`]: Gate")]
#![doc = include_str!("../README.md")]

#[cfg(feature = "http-body")]
mod answer;
mod config;
#[cfg(all(test, feature = "http-body"))]
mod drop_waker;
mod env;
#[cfg(feature = "http-body")]
mod held_body;
mod lead;
#[cfg(feature = "metrics")]
mod meter;
#[cfg(not(feature = "metrics"))]
#[path = "no_meter.rs"]
mod meter;
mod refused;
mod secret_file;
mod session;
#[cfg(feature = "store")]
mod sharing;
mod source;
mod sync;
mod target;
mod trace;
mod wait;

#[cfg(feature = "http-body")]
pub use answer::AnswerBody;
pub use config::{DEFAULT_ORIGIN, config, config_from_env};
pub use env::EnvError;
#[cfg(feature = "http-body")]
pub use held_body::{Gate, HeldBody, close_connection, expect_continue, is_break_off, is_upload};
pub use lead::Lead;
pub use refused::Refused;
pub use session::{Admission, SharedSession};
#[cfg(feature = "store")]
pub use sharing::{ReportFuture, Reporter, Sharing};
pub use source::{CredentialSource, SourceError};
pub use target::{InvalidSegment, Target};
pub use wait::Wait;

/// The core, because its types are part of this crate's API.
#[doc(no_inline)]
pub use waldo_auth_core::*;
