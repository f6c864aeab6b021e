//! The examples are the files beside this folder. What is here compiles the README's code, so that it stays true.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
