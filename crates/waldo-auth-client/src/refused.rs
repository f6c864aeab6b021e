//! Why a call was not sent, as an error for the caller.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use waldo_auth_core::{Origin, Refusal};

/// A call is refused, because there is no token and a login cannot bring one in time.
///
/// The server has not acted on the call: it has not seen the call, or has answered it with a 401.
/// So it is safe to make the call again after [`retry_in`](Self::retry_in). If the key pair was
/// [rejected](Refusal::Rejected), act on the code of the rejection first.
///
/// The message names the client and the origin, and gives the reason. It has no number that changes
/// from call to call, so equal failures have equal messages. `Debug` shows the message too, because
/// a `main` that returns the error prints its `Debug`.
///
/// If a key is revoked while its token is held, calls get a 403 with the code `API_KEY_REVOKED` in
/// its body, and not this error. [Invalidate](crate::SharedSession::invalidate) the token. Then the
/// next login is rejected, and calls get this error.
#[derive(Clone)]
pub struct Refused {
    /// The [name](waldo_auth_core::ConfigBuilder::name) of the client, if it has one.
    pub client: Option<Box<str>>,
    /// The origin that the login goes to.
    pub origin: Origin,
    /// The reason: the key pair was rejected, logins fail, or the call's deadline comes first.
    pub refusal: Refusal,
    /// How long to wait before another try.
    pub retry_in: Duration,
}

impl Refused {
    /// Whether the server rejected the key pair. Then only another key pair helps, or the key's
    /// restoration on the dashboard.
    pub fn is_rejected(&self) -> bool {
        matches!(self.refusal, Refusal::Rejected { .. })
    }

    /// Whether the call's time ended before a login could bring a token.
    pub fn is_timeout(&self) -> bool {
        matches!(self.refusal, Refusal::Deadline { .. })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, origin, refusal, retry_in: _ } = self;
        if let Some(client) = client {
            write!(f, "{client} at ")?;
        }
        write!(f, "{origin}: {refusal}")
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Refused {
    /// The source of the refusal, because the message already has the words of the refusal.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.refusal.source()
    }
}
