//! The lock-and-wait shell of `waldo-ureq`, in the file that ships, under schedules that are chosen.
//!
//! [`monitor.rs`](../../crates/waldo-ureq/src/monitor.rs) and [`leader.rs`](../../crates/waldo-ureq/src/leader.rs) take their locks,
//! their bell and their clocks from a module `sync`. There it is the standard library's. Here it is [`sync`]: shuttle's lock, a
//! bell, and a clock that stands still while any thread can go on. When all of them wait, it jumps to the next deadline.
//! So a lost wake-up never hides behind the end of a wait: it shows as time that has passed.
//!
//! What this does not show: anything about weak memory orders. The shell has no atomics of its own, and its one lock orders all it
//! shares; the standard library's lock and bell are taken at their word, a bell that wakes without reason included.

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
