#![doc = include_str!("../README.md")]

mod choices;
mod clocks;
mod explore;
pub mod invariants;
pub mod machine;
pub mod scenario;
pub mod server;
#[doc(hidden)]
pub mod setting;
mod setup;
mod simulation;
mod transcript;
mod watch;

pub use choices::{BadTrail, Choices, Trail};
pub use explore::{Failure, Plan, Report, bytes, exhaustive, exhaustive_with, replay, seeded};
pub use setup::{InjectedFault, Kind, Setup};
pub use transcript::Transcript;
