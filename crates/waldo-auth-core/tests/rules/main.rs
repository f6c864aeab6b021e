//! The rules of the protocol, each proved through the public API alone.
//!
//! A test named `rule_NN_…` proves a sentence of rule NN.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails at a variant that it does not expect"
)]

mod bodies_and_secrets;
mod challenges;
mod config;
mod counters;
mod digest;
mod fixture;
mod logins;
mod memory;
mod properties;
mod read_lock;
mod reference;
mod renewals;
#[cfg(feature = "verify")]
mod sharing;
mod signature;
mod snapshot;
mod texts;
mod time;
mod uploads;
mod walk;
mod wire;
