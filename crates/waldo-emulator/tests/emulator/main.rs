//! The emulator over real sockets.

mod control;
mod faults;
mod gates;
mod lifecycle;
#[cfg(test)]
mod program;
mod traffic;
#[cfg(test)]
mod visitor;
