//! What stands for the services that grant tokens.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::sleep;

/// All logins of one client. It is told nothing else than that they take their time.
#[derive(Debug)]
pub(crate) struct Logins {
    takes: Duration,
    lifetime: Duration,
    made: AtomicUsize,
}

impl Logins {
    /// Each takes so long, and its token lives so long.
    pub(crate) fn new(takes: Duration, lifetime: Duration) -> Self {
        Self { takes, lifetime, made: AtomicUsize::new(0) }
    }

    /// For a client that logs in once, and is measured then.
    pub(crate) fn once() -> Self {
        Self::new(Duration::ZERO, Duration::from_hours(1))
    }

    /// Logs in: the token.
    pub(crate) async fn make(&self) -> String {
        let number = self.made.fetch_add(1, SeqCst) + 1;
        sleep(self.takes).await;
        token(number)
    }

    /// How many have been begun.
    pub(crate) fn made(&self) -> usize {
        self.made.load(SeqCst)
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

/// The token of one login, counted from 1. With its scheme it is 250 bytes, as in our own groups.
pub(crate) fn token(number: usize) -> String {
    format!("{number:0243}")
}
