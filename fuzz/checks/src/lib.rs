//! What must hold for any bytes that come in at a border of the client, as one function for each
//! border.
//!
//! The same functions are run by cargo-fuzz, which looks for bytes that break one (see the README
//! of the folder above), and by `cargo test`, which replays the bytes that it has found worth
//! keeping.

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
mod simulation;
mod snapshot;
mod token;

pub use header::header;
pub use login::login;
pub use retry_after::retry_after;
pub use simulation::{simulation, simulation_of};
pub use snapshot::snapshot;

/// A check of some bytes; it panics where they break it.
pub type Check = fn(&[u8]);

/// Every check with its name, which is that of its cargo-fuzz target and of the folder of its
/// corpus.
pub const CHECKS: [(&str, Check); 5] = [
    ("header", header),
    ("login", login),
    ("retry_after", retry_after),
    ("snapshot", snapshot),
    ("simulation", simulation),
];
