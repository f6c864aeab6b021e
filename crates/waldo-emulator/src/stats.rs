//! The counts of the emulator.

use serde::Serialize;
use waldo_test_driver::server;

/// The counts of the model and of the sockets, without control requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// The model's counts. In JSON they stand beside the other counts.
    #[serde(flatten)]
    pub server: server::Stats,
    /// The largest number of logins that were under way at once. A login is under way from the
    /// arrival of its head until its answer is passed to the socket.
    pub most_logins_at_once: usize,
    /// Logins under way.
    pub logins_under_way: usize,
    /// Requests that wait at a gate (see [`Hold`](crate::Hold)).
    pub held: usize,
    /// Accepted connections, including the connections of control requests.
    pub connections: u64,
}
