//! The examples are the files beside this folder. What is here is what they share, and compiles the README's code, so that it stays true.

pub mod check;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
