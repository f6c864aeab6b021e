//! The emulator over real sockets.

mod control;
mod faults;
mod gates;
mod lifecycle;
#[cfg(test)]
#[cfg(feature = "cli")]
mod program;
mod traffic;
#[cfg(test)]
mod visitor;
