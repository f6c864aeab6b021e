//! Why a call was not sent, for whoever made it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use waldo_auth_core::{Origin, Refusal};

/// There is no token to send a call with, and none in time.
///
/// The server did not see the call, or answered it with a 401 and no login followed; so it is safe
/// to make it again, though not before [`retry_in`](Self::retry_in).
///
/// This is about logins. A key that is revoked while its token is held shows as a 403 on calls,
/// with the code `API_KEY_REVOKED` in its body; [invalidate](crate::SharedSession::invalidate) the
/// token, and the next login says so here.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Where the login goes.
    pub origin: Arc<Origin>,
    /// Why: the key pair was rejected, logins fail, or the call's deadline comes first.
    pub refusal: Refusal,
    /// How long from now until it makes sense to try again.
    pub retry_in: Duration,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, refusal, retry_in } = self;
        write!(f, "{origin}: {refusal}")?;
        if retry_in.is_zero() { Ok(()) } else { write!(f, "; try again in {retry_in:.1?}") }
    }
}

impl Error for Refused {
    /// What lies behind the message: it repeats the refusal's own words, so the chain goes on
    /// behind that.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.refusal.source()
    }
}
