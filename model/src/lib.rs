//! Runs the shipping files of the shared session under chosen schedules of threads and tasks.
//!
//! `waldo-auth-client`'s `session.rs`, `lead.rs` and `wait.rs` take their lock, their event and
//! their clocks from a module `sync`. In `waldo-auth-client`, this module uses the standard library
//! and `event_listener`. Here the lock comes from shuttle. The event and the clock are this crate's
//! own, because shuttle has no timed waits. The clock stands still while a caller can run. When all
//! callers wait, the clock jumps to the next deadline. So a lost wake-up cannot hide behind the end
//! of a wait: it shows as passed time.
//!
//! A caller is a thread or a task. A thread blocks while it waits. A task is polled when it is
//! woken, and its future may be dropped.
//!
//! The model does not cover weak memory orders. It assumes that the standard library's lock and
//! `event_listener`'s event are correct. The lock of the shared session orders everything else, and
//! the crate forbids `unsafe`.

// Leave out the session's own tests, because they use real threads and clocks.
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
#[path = "../../crates/waldo-auth-client/src/no_meter.rs"]
mod meter;
#[path = "../../crates/waldo-auth-client/src/refused.rs"]
mod refused;
#[path = "../../crates/waldo-auth-client/src/session.rs"]
mod session;
#[path = "../../crates/waldo-auth-client/src/source.rs"]
mod source;
#[path = "../../crates/waldo-auth-client/src/wait.rs"]
mod wait;

mod clock;
mod executor;
pub mod explore;
mod fixture;
pub mod scene;
mod sync;
mod trace;

pub use fixture::{Kind, Setup};
pub use sync::Fault;

// The same exports as in `waldo-auth-client`.
pub use lead::Lead;
pub use refused::Refused;
pub use session::{Admission, SharedSession};
pub use source::{CredentialSource, SourceError};
pub use wait::Wait;
