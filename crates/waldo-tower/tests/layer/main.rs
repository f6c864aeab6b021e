//! The layer as a neighbour: of the service below it, of the tasks beside it, of the runtime around
//! it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says where"
)]

mod adapter;
mod bodies;
mod cancellation;
mod capacity;
mod errors;
mod load;
mod logins;
mod mock;
mod runtimes;
mod site;
mod timeouts;
mod uploads;
