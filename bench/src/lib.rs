//! Measures the cost of the token lifecycle beside the least possible cost.
//!
//! A [`Group`] compares [`Contender`]s, which do one operation in different ways. The first
//! contender is the reference, which is usually the least possible work. [`Rounds`] times them side
//! by side. [`Count`] counts their instructions and allocations, which a [`Limit`] can bound.
#![doc = include_str!("../README.md")]
// The tests of this crate are in `tests/`.
#![cfg(not(test))]
// A bench that finds a mistake in itself or in its subject fails by a panic.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a bench fails by a panic"
)]

mod allocations;
mod contender;
mod count;
mod cpu;
mod distribution;
mod group;
mod jwt;
mod limit;
mod server;
mod subject;
mod table;

pub mod attach;
pub mod callgrind;
pub mod crowd;
pub mod renew;
pub mod request;
pub mod rounds;
pub mod stampede;
pub mod wakeups;

pub use allocations::Allocations;
pub use contender::{Batch, Contender};
pub use count::{Count, breaches};
pub use cpu::Pinned;
pub use distribution::Distribution;
pub use group::Group;
pub use limit::{Limit, Limits};
pub use rounds::{Rounds, Timing};
pub use server::{Server, serve};
pub use table::Table;
