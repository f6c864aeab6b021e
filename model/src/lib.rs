//! The shell around the session that threads and tasks share, in the files that ship, under schedules that are chosen.
//!
//! `waldo-auth-shared`'s `session.rs`, `passes.rs`, `lead.rs` and `wait.rs` take their lock, their number, their bell and their clocks
//! from a module `sync`. There these are the standard library's and `event_listener`'s. Here they are shuttle's lock, and a number, a
//! bell and a clock of this crate's own, as waits never end by time in shuttle. The clock stands still while any caller can go on; when
//! all of them wait, it jumps to the next deadline. So a lost wake-up does not hide behind the end of a wait: it shows as time that has
//! passed.
//!
//! A caller is a thread, which blocks while it waits, or a task, which is polled when it is woken, and whose future may be dropped.
//!
//! What this does not show: anything about weak memory orders, or about the standard library's lock and `event_listener`'s bell, which
//! are taken at their word. The shell has one atomic of its own, the number that makes passes void: it is written by whoever holds the
//! lock, and read by those who do not wait for it. A pass stands behind a lock of its own, which nobody waits for, and which is the
//! standard library's here too. All else that the shell shares is ordered by its lock, and it forbids `unsafe`.

// The shell's own tests are of real threads and clocks, and have no place here.
#![cfg(not(test))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "all of this is a test, which fails by a panic"
)]

#[path = "../../crates/waldo-auth-shared/src/lead.rs"]
mod lead;
#[path = "../../crates/waldo-auth-shared/src/passes.rs"]
mod passes;
#[path = "../../crates/waldo-auth-shared/src/refused.rs"]
mod refused;
#[path = "../../crates/waldo-auth-shared/src/session.rs"]
mod session;
#[path = "../../crates/waldo-auth-shared/src/wait.rs"]
mod wait;

mod clock;
mod executor;
pub mod explore;
pub mod scene;
mod stage;
mod sync;
mod trace;

pub use stage::{Cast, Kind};
pub use sync::Bell;

// As they are there.
pub use lead::Lead;
pub use refused::Refused;
pub use session::{Admission, SharedSession, conceal};
pub use wait::Wait;
