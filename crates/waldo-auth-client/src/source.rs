//! Where the key pair comes from, if it may be replaced while the program runs.

use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use waldo_auth_core::Credentials;

type Ask = dyn Fn() -> Result<Credentials, SourceError> + Send + Sync;

/// A source of the key pair, which a client asks again while it runs: the environment, two files or
/// a function. So a client goes on by itself after its key pair was replaced.
///
/// | a client asks its source | and another key pair |
/// |---|---|
/// | when the server has rejected the key pair | is used at once, also by the calls that wait |
/// | before each probe of a rejected key pair | is used by the probe |
///
/// If the source gives the same key pair or an error, the rejection stands until the next probe. A
/// key pair of the source that is rejected too is not replaced before the next probe. So a source
/// that gives wrong key pairs in turn causes one login for each probe. An error of the source is an
/// event at the level warn.
///
/// The client asks in the thread or the task of its login, and never under a lock. The source must
/// be quick, because the login and all calls that wait for it wait for the source. In a task, a
/// source that blocks for long blocks the executor. So let a slow source prepare its key pair
/// elsewhere, and return the prepared key pair.
///
/// ```
/// use waldo_auth_client::{CredentialSource, Credentials};
///
/// let source = CredentialSource::new(|| Credentials::new("wk.4f…", "ws.9a…"));
/// assert!(source.ask().is_ok());
/// ```
#[derive(Clone)]
pub struct CredentialSource(Arc<AssertUnwindSafe<Box<Ask>>>);

impl CredentialSource {
    /// A source that calls this function each time. Its error must hold no secret, because events
    /// show the error.
    pub fn new<E: Into<Box<dyn Error + Send + Sync>>>(
        ask: impl Fn() -> Result<Credentials, E> + Send + Sync + 'static,
    ) -> Self {
        let ask = move || ask().map_err(|error| SourceError(error.into()));
        Self(Arc::new(AssertUnwindSafe(Box::new(ask))))
    }

    /// Asks for the present key pair, for example to make the first client.
    ///
    /// # Errors
    /// The source gives no key pair.
    pub fn ask(&self) -> Result<Credentials, SourceError> {
        (self.0.0)()
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialSource(…)")
    }
}

/// Why a source gives no key pair: the error of its function, or the problem of a variable or file.
///
/// The message of this crate's own sources names the variable or the file, and never shows its
/// content. `Debug` shows the message too, because a `main` that returns the error prints its
/// `Debug`.
pub struct SourceError(Box<dyn Error + Send + Sync>);

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The message has the words of the inner error already.
        self.0.source()
    }
}

/// The source of a session, and whether a key pair of the source is on trial.
#[derive(Debug)]
pub(crate) struct Supply {
    source: CredentialSource,
    /// The present key pair came from the source in mid-run, and no login with it was granted yet.
    /// Then a rejection does not ask the source: otherwise two wrong key pairs in turn would cause
    /// a storm of logins. The next probe asks.
    on_trial: AtomicBool,
}

impl Supply {
    pub(crate) fn new(source: CredentialSource) -> Self {
        Self { source, on_trial: AtomicBool::new(false) }
    }

    /// Asks before a probe.
    pub(crate) fn ask(&self) -> Result<Credentials, SourceError> {
        self.source.ask()
    }

    /// Asks after a rejection, unless the rejected key pair is on trial.
    pub(crate) fn ask_after_rejection(&self) -> Option<Result<Credentials, SourceError>> {
        (!self.on_trial.load(Ordering::SeqCst)).then(|| self.source.ask())
    }

    /// Notes that a key pair of the source is used from now on, or that the trial has ended: by a
    /// granted login, or by a key pair of the user.
    pub(crate) fn set_on_trial(&self, on_trial: bool) {
        self.on_trial.store(on_trial, Ordering::SeqCst);
    }
}
