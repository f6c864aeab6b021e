#![doc = include_str!("../README.md")]

mod choices;
mod clocks;
mod explore;
pub mod laws;
pub mod machine;
pub mod scenario;
pub mod server;
#[doc(hidden)]
pub mod setting;
mod setup;
mod transcript;
mod watch;
mod world;

pub use choices::{BadTrail, Choices, Trail};
pub use explore::{Failure, Plan, Report, bytes, exhaustive, replay, seeded};
pub use setup::{Kind, Setup, Trouble};
pub use transcript::Transcript;
