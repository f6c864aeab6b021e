//! Who may log in.

use std::time::Duration;

use crate::time::Instant;

/// The claim of one leader to log in for everyone. It ends by itself, so that a leader that is gone
/// blocks no call for longer (rule 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    /// The number of the login.
    pub(crate) login: u64,
    pub(crate) expires_at: Instant,
}

impl Lease {
    pub(crate) fn new(login: u64, length: Duration, now: Instant) -> Self {
        Self { login, expires_at: now.saturating_add(length) }
    }

    pub(crate) fn has_expired(self, now: Instant) -> bool {
        now >= self.expires_at
    }
}
