#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod control;
mod emulator;
mod gate;
mod site;
mod stats;

pub use emulator::Emulator;
pub use gate::Hold;
pub use stats::Stats;

#[doc(inline)]
pub use waldo_test_driver::server as model;
