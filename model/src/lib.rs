//! Plays the shared session, in the files that ship, under chosen schedules of threads and tasks.
//!
//! `waldo-auth-client`'s `session.rs`, `lead.rs` and `wait.rs` take their lock, their event and
//! their clocks from a module `sync`. There these are the standard library's and
//! `event_listener`'s. Here the lock is shuttle's, and the event and the clock are this crate's
//! own, because waits never end by time in shuttle. The clock stands still while any caller can go
//! on. When all of them wait, it jumps to the next deadline. So a lost wake-up does not hide behind
//! the end of a wait: it shows as time that has passed.
//!
//! A caller is a thread, which blocks while it waits, or a task, which is polled when it is woken,
//! and whose future may be dropped.
//!
//! This model shows nothing about weak memory orders. It takes the standard library's lock and
//! `event_listener`'s event as right. The lock of the shared session orders everything else, and
//! the crate forbids `unsafe`.

// The shell's own tests are of real threads and clocks, and have no place here.
#![cfg(not(test))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "all of this is a test, which fails by a panic"
)]

#[path = "../../crates/waldo-auth-client/src/lead.rs"]
mod lead;
#[path = "../../crates/waldo-auth-client/src/refused.rs"]
mod refused;
#[path = "../../crates/waldo-auth-client/src/session.rs"]
mod session;
#[path = "../../crates/waldo-auth-client/src/wait.rs"]
mod wait;

mod clock;
mod executor;
pub mod explore;
pub mod scene;
mod stage;
mod sync;
mod trace;

pub use stage::{Cast, Kind};
pub use sync::Notify;

// As they are there.
pub use lead::Lead;
pub use refused::Refused;
pub use session::{Admission, SharedSession, mark_sensitive};
pub use wait::Wait;
