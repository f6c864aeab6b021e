//! A fleet: processes that share one store, with the shipping `Session` and `waldo_store` in each.
//!
//! A process has no thread. Each of its steps is one operation of the store, one message, or one
//! decision, so a search can put the steps of all processes, and faults, into any order. The store,
//! the server and each process have their own clocks.
//!
//! ```
//! use waldo_simulation::fleet::{self, Fault, Setup};
//!
//! // Two processes, one call each, and one fault of the store at any step.
//! let setup = Setup::cold(2).with(1, Fault::STORE);
//! let report = fleet::exhaustive(&setup).unwrap_or_else(|failure| panic!("{failure}"));
//! assert!(report.states > 1000);
//! ```
#![expect(clippy::wildcard_enum_match_arm, reason = "most steps are about one of many states")]

mod crowd;
mod defect;
mod driver;
mod figures;

mod laws;
mod search;
mod setup;
mod site;
mod store;
mod watch;
mod world;

pub use crowd::{Crowd, Outcome, Strike, Traffic};
pub use defect::Defect;

pub use figures::{Figure, SIZES, figures, plot, table};
pub use laws::{LAWS, Law};
pub use search::{exhaustive, replay};
pub use setup::{Fault, Serving, Setup};
