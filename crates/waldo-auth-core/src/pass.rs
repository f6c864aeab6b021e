//! What a session says as long as it stays as it is.

use http::Request;

use crate::attempt::Attempt;
use crate::call::{Body, Call, Entry};
use crate::challenges::Challenges;
use crate::origin::Origin;
use crate::step::Verdict;
use crate::time::Now;
use crate::token::Token;
use crate::upload::Upload;
use crate::wire::Head;

/// A copy of what a [`Session`](crate::Session) says to calls that are simply sent and to responses that bring nothing new, for
/// threads that would rather not meet at its lock.
///
/// While a token is held, nearly every call is sent with it; and a response that repeats it, or carries none, changes nothing. A pass
/// answers these as the session would, and leaves all else to the session. It has the token in bytes of its own, so threads that have
/// different passes share nothing.
///
/// Whatever changes what a session says is written in its journal. So a pass is good while the number of the newest entry,
/// [`Journal::written`](crate::Journal::written), stands, and it asks for that number each time. With several threads, publish the number
/// before the session's lock is free. A pass that is void keeps its token in memory until it is dropped.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use http::{HeaderMap, Request, Response, StatusCode};
/// # use waldo_auth_core::{Call, Config, Credentials, Head, Now, Session, Step};
/// # let mut session = Session::new(Config::builder("https://api.waldo.ai", Credentials::new("k", "s")?).build()?);
/// # let now = Now::new(Duration::from_secs(1), SystemTime::now());
/// # let mut request = Request::get("https://api.waldo.ai/customer").body(())?;
/// # assert!(session.pass().is_none());
/// # let Step::Authenticate(login, _) = session.admit(Call::replayable(), &mut request, now)? else { panic!() };
/// # let granted = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), br#"{"token":"e30.e30.e30"}"#);
/// # session.settle(login, granted, now);
/// # let Step::Send(first) = session.admit(Call::replayable(), &mut request, now)? else { panic!() };
/// # drop(session.conclude(first, Head::new(StatusCode::OK, &HeaderMap::new()), now));
/// let pass = session.pass().ok_or("a token is held, and nobody logs in")?;
///
/// let newest = session.journal().written();
/// let attempt = match pass.admit(Call::replayable(), &mut request, newest, now) {
///     Ok(attempt) => attempt,
///     Err(call) => return ask(session, call, request),
/// };
/// // … send the request …
/// # let response = Response::new(());
/// let newest = session.journal().written();
/// let verdict = pass.conclude(attempt, Head::from(&response), newest).unwrap_or_else(|attempt| {
///     session.conclude(attempt, Head::from(&response), now)
/// });
/// # drop(verdict);
/// # assert!(request.headers()["authorization"].is_sensitive());
/// # assert!(pass.admit(Call::one_shot(), &mut request, newest, now).is_err());
/// # fn ask(_: Session, _: Call, _: Request<()>) -> Result<(), Box<dyn std::error::Error>> { panic!() }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pass {
    pub(crate) session: usize,
    pub(crate) origin: Origin,
    /// What a call notes as it comes in.
    pub(crate) entry: Entry,
    pub(crate) token: Token,
    pub(crate) challenges: Challenges,
    pub(crate) written: u64,
}

impl Pass {
    /// The number of the newest entry of the session's [journal](crate::Journal::written) when the pass was issued.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Puts the token on the request of a call that the session, whose newest entry this is, would send.
    ///
    /// # Errors
    /// Any other call comes back, for the session to be asked. The request is as it was.
    #[inline]
    pub fn admit<B>(
        &self,
        mut call: Call,
        request: &mut Request<B>,
        newest: u64,
        now: Now,
    ) -> Result<Attempt, Call> {
        // The session must decide for two kinds of calls: a one-shot call needs a larger margin,
        // and a call whose upload broke off may have to probe.
        let is_plain = call.body == Body::Replayable && call.broke_off == 0 && self.token.usable.holds(now);
        let is_ours = newest == self.written && self.origin.is_spelled_in(request.uri());
        if !is_ours || !is_plain || self.token.attach(request).is_err() {
            return Err(call);
        }
        call.entry.get_or_insert(self.entry);
        let (edition, epoch, upload) = (self.token.edition, self.token.epoch, Upload::Send);
        Ok(Attempt { call, session: self.session, edition, epoch, sent: now, untouched: false, upload })
    }

    /// Delivers the response to an attempt if the session, whose newest entry this is, would do so and take nothing from it.
    ///
    /// # Errors
    /// Any other attempt comes back, for the session to conclude.
    #[expect(clippy::result_large_err, reason = "what comes back is the attempt itself, which is moved on")]
    #[inline]
    pub fn conclude(&self, attempt: Attempt, response: Head<'_>, newest: u64) -> Result<Verdict, Attempt> {
        let is_ours = attempt.session == self.session
            && response.uri.is_none_or(|uri| self.origin.contains(uri))
            && newest == self.written;
        let is_repeated = |value| attempt.epoch == self.token.epoch && self.token.header == value;
        let is_plain = !self.challenges.contain(response.status)
            && (!response.status.is_success() || response.rolls().all(is_repeated));
        if is_ours && is_plain { Ok(Verdict::Deliver) } else { Err(attempt) }
    }
}
