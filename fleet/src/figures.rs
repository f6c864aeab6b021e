//! The table of logins with and without a store.
/// Prints.
pub fn print(_: &std::path::Path, _: u32) {}
