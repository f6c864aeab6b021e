//! Fleets of real processes that share one token through a store.
//!
//! A [`Fleet`] starts its members, which are processes of the program `waldo-fleet member`. It gives
//! them commands and reads their lines, so a test needs no pause. All members end with the fleet.
//!
//! | module | content |
//! |---|---|
//! | [`line`](mod@line) | the lines between a fleet and its members |
//! | [`member`] | the program of a member |
//! | [`watched`] | a store that counts what it is asked, and that can stop its process |
//! | [`fleet`] | starts, commands and ends the members |
//! | [`scenarios`] | what happens to a fleet, and what it costs |
//! | [`invariants`] | what must hold in the journals of a fleet |
//! | [`figures`] | the table of logins with and without a store |
//! | [`table`] | a table in Markdown |
//! | [`costs`] | the time and the number of the questions to a store |

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic, in its helpers too"
)]

pub mod costs;
pub mod figures;
pub mod fleet;
pub mod invariants;
pub mod line;
pub mod member;
pub mod scenarios;
pub mod table;
pub mod watched;

pub use fleet::{Fleet, Member};
pub use line::{Adapter, Answers, Command, Entry, Line, Setup, Stage, StoreSetup};
