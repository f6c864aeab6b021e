//! What the emulator has seen.

use serde::Serialize;
use waldo_test_driver::server;

/// What the model has answered, and what the sockets have seen. Control requests are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// The model's counts; in JSON they stand beside the others.
    #[serde(flatten)]
    pub server: server::Stats,
    /// The most logins that were under way at once, from the arrival of the head to the handing
    /// over of the answer.
    pub most_logins_at_once: usize,
    /// Logins under way.
    pub logins_under_way: usize,
    /// Requests that stand at a gate (see [`Hold`](crate::Hold)).
    pub held: usize,
    /// Connections accepted, those for control requests too.
    pub connections: u64,
}
