//! The lock-and-wait shell of `waldo-ureq`, in the file that ships, under schedules that are chosen.
//!
//! Its `monitor.rs` and `leader.rs` take their lock, their bell and their clocks from a module `sync`. There it is the standard
//! library's. Here it is shuttle's lock, and a bell and a clock of this crate's own, as waits never end by time in shuttle. The clock
//! stands still while any thread can go on; when all of them wait, it jumps to the next deadline. So a lost wake-up does not
//! hide behind the end of a wait: it shows as time that has passed.
//!
//! What this does not show: anything about weak memory orders, or about the standard library's lock and bell, which are taken at
//! their word. The shell has no atomics of its own, its one lock orders all that it shares, and it forbids `unsafe`.

// The shell's own tests are of real threads and clocks, and have no place here.
#![cfg(not(test))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "all of this is a test, which fails by a panic"
)]

#[path = "../../crates/waldo-ureq/src/leader.rs"]
mod leader;
#[path = "../../crates/waldo-ureq/src/monitor.rs"]
mod monitor;

mod clock;
pub mod explore;
pub mod scene;
mod stage;
mod sync;
mod trace;

pub use sync::Bell;
