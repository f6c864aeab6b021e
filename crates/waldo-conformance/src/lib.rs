#![doc = include_str!("../README.md")]

mod adapter;
mod ask;
mod certify;
mod report;
mod stage;
pub mod store;
mod tally;

pub use adapter::{Adapter, Client, Lacking, Setup};
pub use ask::Ask;
pub use certify::{NoSuchScenario, certify, certify_all, certify_one};
pub use report::{Certified, Report, Status};
pub use waldo_test_driver::scenario::{
    BodyKind, Demand, Ending, KeyPair, Need, Scenario, Settings, Unmet,
};
