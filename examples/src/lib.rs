//! The examples are the files beside this folder. This crate has the code that they share. It also
//! compiles the README's code, so that the README stays true.

pub mod check;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
