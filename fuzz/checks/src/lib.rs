//! The properties that must hold for any input bytes, as one function for each border of the
//! client.
//!
//! cargo-fuzz runs these functions and searches for bytes that break one (see the README of the
//! folder above). `cargo test` runs the same functions with the saved bytes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a check fails by a panic"
)]

mod client;
mod header;
mod login;
mod response;
mod retry_after;
mod sealed;
mod simulation;
mod snapshot;
mod token;

pub use header::{header, header_of};
pub use login::{login, login_of};
pub use retry_after::{retry_after, retry_after_of};
pub use sealed::{sealed, sealed_with_known_secret};
pub use simulation::{simulation, simulation_of};
pub use snapshot::{snapshot, snapshot_of};

/// A check of some bytes. It panics if the bytes break the property.
pub type Check = fn(&[u8]);

/// All checks with their names. The cargo-fuzz target and the folder of the corpus have the same
/// name.
pub const CHECKS: [(&str, Check); 6] = [
    ("header", header),
    ("login", login),
    ("retry_after", retry_after),
    ("sealed", sealed),
    ("snapshot", snapshot),
    ("simulation", simulation),
];
