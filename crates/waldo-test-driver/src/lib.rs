#![doc = include_str!("../README.md")]

#[doc(hidden)]
pub mod clocks;
pub mod scenario;
pub mod server;
#[doc(hidden)]
pub mod setting;
