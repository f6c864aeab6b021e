//! The two stores, with real servers and with impostors.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod documents;
mod faults;
mod impostors;
mod logins;
mod stores;
mod tasks;
mod tls;
