//! The conformance suite: what is asked, what the server does, and what must be seen, as data.

mod answer;
mod bench;
mod check;
mod document;
mod ending;
mod judge;
mod key_pair;
mod need;
mod order;
mod seen;
mod settings;
mod sighting;
mod simulation;
mod span;
mod step;
mod suite;
mod window;
mod witness;

pub use answer::ExpectedAnswer;
pub use bench::{Bench, Change, Observed, Obstacle, Parting, Shift, Unmet};
pub use document::{Scenario, ScenarioError};
pub use ending::Ending;
pub use key_pair::KeyPair;
pub use need::Need;
pub use order::{BodyKind, CallId, Order};
pub use settings::{Backoff, DropBudget, Probe, Reserve, Settings};
pub use sighting::{Given, Sighting, TokenName};
pub use span::Span;
pub use step::Resumption;
pub use suite::{all, find, read_all};
pub use window::{Precision, Window};
pub use witness::Witness;
