//! The shared session as its adapters use it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod metrics;
mod moves;
mod site;
mod sources;
mod telling;
mod wakers;
