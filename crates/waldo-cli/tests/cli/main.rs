//! The real program against the emulator: in pipes, in a pseudo-terminal and in strange surroundings.

#![cfg(unix)]

mod calls;
mod commands;
mod credentials;
mod fleet;
mod generated;
mod home;
mod pages;
mod pipes;
mod places;
mod screen;
mod secrets;
mod terminal;
