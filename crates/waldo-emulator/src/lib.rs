//! [waldo-test-driver]: waldo_test_driver
#![doc = include_str!("../README.md")]

mod body;
pub mod conformance;
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

/// What is behind the socket: the server of [`waldo_test_driver`], the same module under
/// another name.
///
/// A program that uses the emulator alone writes `waldo_emulator::model` where the examples in
/// here say `waldo_test_driver::server`.
#[doc(inline)]
pub use waldo_test_driver::server as model;
