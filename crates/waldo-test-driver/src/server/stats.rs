//! What a server has done so far, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts of what a server has done since it began; no secret is in them.
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
    /// Logins that were granted a token, whether or not the answer arrived.
    pub logins_granted: u64,
    /// Logins that were refused as documented, by code (`INVALID_API_KEY` and so on).
    pub logins_refused: BTreeMap<String, u64>,
    /// Logins that a fault answered in the server's place, before anyone looked at the keys.
    pub logins_failed: u64,
    /// All requests that were answered, logins too, by status.
    pub requests: BTreeMap<u16, u64>,
    /// Requests that were left without an answer: hung, cut, or cut short.
    pub unanswered: u64,
    /// Tokens that were looked at.
    pub token_checks: u64,
    /// Tokens issued on the responses to calls.
    pub renewals_issued: u64,
    /// Responses to calls that carried an echo instead of a new token.
    pub renewals_echoed: u64,
    /// Calls, not logins, that were answered with 401.
    pub calls_unauthorized: u64,
}

impl Stats {
    /// All requests, answered or not.
    pub fn total(&self) -> u64 {
        self.requests.values().sum::<u64>() + self.unanswered
    }

    /// All logins, with any result.
    pub fn logins(&self) -> u64 {
        self.logins_granted + self.logins_failed + self.logins_refused.values().sum::<u64>()
    }
}
