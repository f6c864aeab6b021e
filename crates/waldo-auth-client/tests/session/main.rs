//! The session as its adapters have it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

mod moves;
mod site;
mod telling;
mod wakers;
