//! What a session says as long as it stays as it is.

use http::{Request, StatusCode};

use crate::attempt::Attempt;
use crate::call::{Body, Call, Entry};
use crate::origin::Origin;
use crate::time::Now;
use crate::token::Token;
use crate::wire::Head;

/// A copy of what a [`Session`](crate::Session) says to most calls and to most responses, for threads that would rather not meet at
/// its lock.
///
/// While a token is held, nearly every call is sent with it; and a response that brings no other token changes nothing. These two a
/// pass answers, as the session would; all else it leaves to the session. It has the token in bytes of its own, so threads that have
/// a pass each share nothing.
///
/// It is good while the session's journal is as long as it was, because what changes a session is written there:
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use http::{HeaderMap, Request, StatusCode};
/// # use waldo_auth_core::{Call, Config, Credentials, Head, Now, Session, Step};
/// # let mut session = Session::new(Config::builder("https://api.waldo.ai", Credentials::new("k", "s")?).build()?);
/// # let now = Now::new(Duration::from_secs(1), SystemTime::now());
/// # let mut request = Request::get("https://api.waldo.ai/customer").body(())?;
/// # assert!(session.pass().is_none());
/// # let Step::Authenticate(login, _) = session.admit(Call::replayable(), &mut request, now)? else { panic!() };
/// # let granted = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), br#"{"token":"e30.e30.e30"}"#);
/// # session.settle(login, granted, now);
/// let pass = session.pass().ok_or("there is a token, and nobody logs in")?;
/// if pass.written() == session.journal().written() {
///     match pass.admit(Call::replayable(), &mut request, now) {
///         Ok(attempt) => println!("to be sent with edition {}", attempt.edition()),
///         Err(call) => println!("the session is to be asked: {:?}", session.admit(call, &mut request, now)?),
///     }
/// }
/// # assert!(request.headers()["authorization"].is_sensitive());
/// # assert!(pass.admit(Call::one_shot(), &mut request, now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pass {
    pub(crate) session: usize,
    pub(crate) origin: Origin,
    /// What a call notes as it comes in.
    pub(crate) entry: Entry,
    pub(crate) token: Token,
    pub(crate) written: u64,
}

impl Pass {
    /// The number of the newest entry of the session's [journal](crate::Journal::written) when the pass was issued.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Puts the token on the request of a call that the session would send.
    ///
    /// # Errors
    /// Any other call comes back, for the session to be asked. The request is as it was.
    #[inline]
    pub fn admit<B>(&self, mut call: Call, request: &mut Request<B>, now: Now) -> Result<Attempt, Call> {
        // A one-shot call asks for more than that the token can be used.
        let is_plain = call.body == Body::Replayable && self.token.usable.holds(now);
        if !is_plain || !self.origin.contains(request.uri()) {
            return Err(call);
        }
        call.entry.get_or_insert(self.entry);
        Ok(self.token.attach(call, self.session, request, now))
    }

    /// Whether the session would deliver the response to an attempt, and take nothing from it.
    #[inline]
    pub fn concludes(&self, attempt: &Attempt, response: Head<'_>) -> bool {
        attempt.session == self.session
            && response.uri.is_none_or(|uri| self.origin.contains(uri))
            && response.status != StatusCode::UNAUTHORIZED
            && (!response.status.is_success()
                || response
                    .rolls()
                    .all(|value| attempt.epoch == self.token.epoch && *value == self.token.header))
    }
}
