//! The counts of a server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The counts of a server since its start, without secrets.
///
/// ```
/// use waldo_test_driver::server::{Policy, Server};
///
/// let server = Server::new(Policy::default());
/// assert_eq!(server.stats().logins_granted, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// Granted logins, even if the answer did not arrive.
    pub logins_granted: u64,
    /// Logins that were refused as documented, by code such as `INVALID_API_KEY`.
    pub logins_refused: BTreeMap<String, u64>,
    /// Logins that a fault answered before the server checked the key pair.
    pub logins_failed: u64,
    /// All answered requests including logins, by status.
    pub requests: BTreeMap<u16, u64>,
    /// Requests without a complete answer: hung, cut, or cut short.
    pub unanswered: u64,
    /// Checks of tokens.
    pub token_checks: u64,
    /// Tokens issued on the responses to calls.
    pub renewals_issued: u64,
    /// Responses to calls that carried an echo instead of a new token.
    pub renewals_echoed: u64,
    /// Calls that were answered 401. Logins do not count.
    pub calls_unauthorized: u64,
}

impl Stats {
    /// All requests, including unanswered requests.
    pub fn total(&self) -> u64 {
        self.requests.values().sum::<u64>() + self.unanswered
    }

    /// All logins, with any result.
    pub fn logins(&self) -> u64 {
        self.logins_granted + self.logins_failed + self.logins_refused.values().sum::<u64>()
    }
}
