//! What the token lifecycle costs, beside the least that it could cost.
//!
//! A [`Group`] is about one operation. Its [`Contender`]s are the ways of doing it, the first of
//! them the reference: as a rule the least that has to be done anyway. [`Rounds`] times them side
//! by side, and [`Count`] counts their instructions and allocations, which a [`Limit`] can stand
//! beside.
#![doc = include_str!("../README.md")]
// Its own tests are in `tests/`.
#![cfg(not(test))]
// A bench that cannot go on has found a mistake, in itself or in what it measures, and fails by a
// panic.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "it fails by a panic"
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

pub mod adopt;
pub mod attach;
pub mod callgrind;
pub mod crowd;
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
