//! [waldo-test-driver]: waldo_test_driver
#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod control;
mod early;
mod emulator;
mod gate;
#[cfg(feature = "cli")]
mod options;
#[cfg(feature = "cli")]
mod program;
mod site;
mod stats;
mod visit;

pub use emulator::Emulator;
#[cfg(feature = "cli")]
pub use options::Options;
pub use stats::Stats;
pub use waldo_test_driver::server::Hold;

/// The server behind the socket: the module `server` of [`waldo_test_driver`] under another name.
///
/// A program that depends only on the emulator writes `waldo_emulator::model` where the examples
/// write `waldo_test_driver::server`.
#[doc(inline)]
pub use waldo_test_driver::server as model;
