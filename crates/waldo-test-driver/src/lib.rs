#![doc = include_str!("../README.md")]

#[doc(hidden)]
pub mod clocks;
#[doc(hidden)]
pub mod program;
pub mod scenario;
pub mod server;
#[doc(hidden)]
pub mod setting;
