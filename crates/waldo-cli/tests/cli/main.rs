//! The real program against the emulator: in pipes, in a pseudo-terminal, in odd surroundings.

#![cfg(unix)]

#[cfg(test)]
mod calls;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod credentials;
#[cfg(test)]
#[cfg(all(feature = "keyring", not(target_vendor = "apple")))]
mod desktop;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod home;
#[cfg(test)]
#[cfg(all(feature = "keyring", not(target_vendor = "apple")))]
mod keyring;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod pipes;
#[cfg(test)]
mod places;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod terminal;
