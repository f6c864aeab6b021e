//! The logins, in place of the services that grant tokens.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::sleep;

/// All logins of one client. The lifetimes and the delays are the only settings.
#[derive(Debug)]
pub(crate) struct Logins {
    takes: Duration,
    lifetime: Duration,
    made: AtomicUsize,
}

impl Logins {
    /// Logins that each take `takes` and grant a token of this lifetime.
    pub(crate) fn new(takes: Duration, lifetime: Duration) -> Self {
        Self { takes, lifetime, made: AtomicUsize::new(0) }
    }

    /// Logins for a client that logs in once before it is measured.
    pub(crate) fn once() -> Self {
        Self::new(Duration::ZERO, Duration::from_hours(1))
    }

    /// Logs in, and returns the token.
    pub(crate) async fn make(&self) -> String {
        let number = self.made.fetch_add(1, SeqCst) + 1;
        sleep(self.takes).await;
        token(number)
    }

    /// The number of logins that have begun.
    pub(crate) fn made(&self) -> usize {
        self.made.load(SeqCst)
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

/// The token of a login, counted from 1. With its scheme it has 250 bytes, as in the bench's own
/// groups.
pub(crate) fn token(number: usize) -> String {
    format!("{number:0243}")
}
