#![doc = include_str!("../README.md")]

mod choices;
mod explore;
pub mod fleet;
pub mod invariants;
pub mod machine;
mod setup;
mod simulation;
mod transcript;
mod watch;

pub use choices::{BadTrail, Choices, Trail};
pub use explore::{Failure, Plan, Report, bytes, exhaustive, exhaustive_with, replay, seeded};
pub use setup::{InjectedFault, Kind, Setup};
pub use transcript::Transcript;
