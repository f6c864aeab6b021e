//! The costs of a store.
/// Prints.
pub fn print(_: usize) {}
