//! The examples are the files beside this folder. This crate has the code that they share. It also
//! runs the code of the README and of the page on fleets, so that both stay true.

pub mod check;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/fleet.md")]
struct Fleets;
