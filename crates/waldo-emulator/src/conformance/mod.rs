//! The conformance suite over real sockets, for the author of an adapter.
//!
//! To certify an adapter, implement [`Adapter`] and [`Client`] for it, and pass it to [`certify`].
//! The scenarios come from [`waldo_test_driver::scenario`]. Each scenario gets its own emulator and
//! client.
//!
//! ```
//! use waldo_emulator::conformance::{self, Adapter, Ask, Client, Ending, Need, Setup};
//!
//! /// A client that cannot even send a request.
//! struct Nothing;
//!
//! impl Adapter for Nothing {
//!     type Client = Nothing;
//!
//!     fn lacks(&self) -> &[Need] {
//!         &[Need::Cancellation, Need::OutlivingLogins]
//!     }
//!
//!     fn client(&self, _: &Setup) -> Result<Nothing, Box<dyn std::error::Error>> {
//!         Ok(Nothing)
//!     }
//! }
//!
//! impl Client for Nothing {
//!     fn send(&self, _: &Ask) -> Ending {
//!         Ending::Failed
//!     }
//! }
//!
//! let result = conformance::certify_one(&Nothing, "cold-start")?;
//! assert!(result.is_failed());
//! assert!(result.to_string().contains("expected 200; seen failed in transport"), "{result}");
//! # Ok::<(), conformance::NoSuchScenario>(())
//! ```

mod adapter;
mod ask;
mod certify;
mod report;
mod stage;
mod tally;

pub use adapter::{Adapter, Client, Lacking, Setup};
pub use ask::Ask;
pub use certify::{NoSuchScenario, certify, certify_all, certify_one};
pub use report::{Certified, Report, Verdict};
pub use waldo_test_driver::scenario::{
    BodyKind, Demand, Ending, KeyPair, Need, Scenario, Settings, Unmet,
};
