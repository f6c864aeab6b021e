//! [waldo-test-driver]: waldo_test_driver
#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod control;
mod early;
mod emulator;
mod gate;
mod site;
mod stats;
mod visit;

pub use emulator::Emulator;
pub use stats::Stats;
pub use waldo_test_driver::server::Hold;

/// The server behind the socket: the module `server` of [`waldo_test_driver`] under another name.
///
/// A program that depends only on the emulator writes `waldo_emulator::model` where the examples
/// write `waldo_test_driver::server`.
#[doc(inline)]
pub use waldo_test_driver::server as model;
