//! The duty to log in for all calls.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Request, StatusCode};
use waldo_auth_core::{
    Call, Credentials, Head, Instant, Login, Now, Outcome, Reason, Session, Unavailable,
};

use crate::session::SharedSession;
use crate::source::SourceError;
use crate::trace::{self, Subscriber};

/// The permission and duty to run one login for all calls.
///
/// Send [`request`](Self::request) with [`timeout`](Self::timeout) as its timeout. Then call one of
/// [`answer`](Self::answer), [`time_out`](Self::time_out) and [`fail`](Self::fail). Each of them
/// wakes the calls that wait.
///
/// A lead does not depend on the call that received it. If you move the lead to its own task or
/// thread, the login outlives the call and the call's deadline (rule 13).
///
/// Dropping a lead abandons the login, and one waiting call takes over, in most cases at once (rule
/// 14). If a panic drops the lead, the login counts as failed.
#[must_use = "others wait for this login: end it"]
pub struct Lead {
    pub(crate) session: SharedSession,
    /// The login, until it is settled. Boxed, because a large value would slow down each return of
    /// `admit`.
    ///
    /// Behind a lock, because [`request`](Self::request) may replace it.
    pub(crate) login: Mutex<Option<Box<Login>>>,
    pub(crate) ends: Instant,
    /// Whether the login tests if a rejected key pair works again.
    is_probe: bool,
    /// Whether the source of key pairs is to be asked before the request.
    pub(crate) asks_source: bool,
    /// The subscriber of the caller. It gets the events of the login's end, in any thread.
    pub(crate) subscriber: Subscriber,
    /// Called under the lock when the login has ended. The end then wakes nobody, because a store is
    /// told first.
    pub(crate) on_settled: Option<OnSettled>,
}

/// What follows the end of a login, under the lock of the session.
pub(crate) type OnSettled = Box<dyn FnOnce(&mut Session, Now) + Send + Sync>;

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead")
            .field("login", &self.login)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl Lead {
    pub(crate) fn new(session: SharedSession, login: Login, now: Instant, is_probe: bool) -> Self {
        let ends = end_of(&login, now);
        let login = Mutex::new(Some(Box::new(login)));
        let subscriber = Subscriber::current();
        Self { session, login, ends, is_probe, asks_source: is_probe, subscriber, on_settled: None }
    }

    /// The request to send to its absolute URI. Do not add an `Authorization` header, and do not
    /// follow redirects.
    ///
    /// The request's body holds the key pair in clear, so wipe the body after you have sent it, for
    /// example with `zeroize::Zeroizing`. The body of the answer may hold the key pair too.
    ///
    /// If the login is a probe, and the session has a
    /// [source](crate::CredentialSource) of key pairs, the source is asked first. If it gives
    /// another key pair, the login uses that pair.
    pub fn request(&self) -> Request<Vec<u8>> {
        if self.asks_source {
            self.ask_source();
        }
        let login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        login.as_ref().map(|login| login.request()).unwrap_or_default()
    }

    /// Asks the source of key pairs. If it gives another pair, the login uses this pair.
    pub(crate) fn ask_source(&self) {
        if let Some(supply) = self.session.supply()
            && let Some(other) = self.given(supply.ask())
            && let Some(next) = self.subscriber.with(|| self.session.lead_with(other))
        {
            *self.login.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(next));
        }
    }

    /// How long to wait for the whole answer from now on. The time ends a little before the lease.
    pub fn timeout(&self) -> Duration {
        self.ends.saturating_duration_since(self.session.now())
    }

    /// Whether the login may end after the call's deadline. If so, do not run the login in the
    /// call's own thread or task. Move the lead to another thread or task, and let the call wait.
    pub fn may_outlast(&self, call: &Call) -> bool {
        call.deadline().is_some_and(|deadline| deadline < self.ends)
    }

    /// How long to read the body of an answer with `status` from now on: [`Login::body_timeout`],
    /// with [`timeout`](Self::timeout) as the time that is left.
    ///
    /// - `None`: do not read the body. Call [`answer`](Self::answer) with an empty body.
    /// - The time ends, and the status is 400, 401 or 403: call [`answer`](Self::answer) with the
    ///   part that has come.
    /// - The time ends, and the status is a success: call [`time_out`](Self::time_out).
    pub fn body_timeout(&self, status: StatusCode) -> Option<Duration> {
        Login::body_timeout(status, self.timeout())
    }

    /// Ends the login with the server's answer of any status. Pass at least the first
    /// [`Login::MAX_BODY`] bytes of the body and one more byte, if it has them.
    pub fn answer(self, head: Head<'_>, body: &[u8]) {
        self.settle(|login| login.read(head, body));
    }

    /// Ends the login without an answer, because the transport failed. [`Unavailable::transport`]
    /// finds the reason in the error. The waiting calls get this reason with the error as its
    /// source.
    pub fn fail(self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.settle(|_| Outcome::Unavailable(Unavailable::transport(error)));
    }

    /// Ends the login without an answer, because [`timeout`](Self::timeout) or a shorter limit of
    /// the HTTP stack has passed.
    pub fn time_out(self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.settle(|_| Outcome::Unavailable(Unavailable::new(Reason::Timeout).with_source(error)));
    }

    pub(crate) fn settle(mut self, outcome: impl FnOnce(&Login) -> Outcome) {
        // Do not take the login yet: if `outcome` or the source panics, `drop` must still settle
        // the login.
        let outcome = self.login().as_deref().map(outcome);
        let other = outcome.as_ref().and_then(|outcome| self.other_after(outcome));
        if let Some((login, outcome)) = self.login().take().zip(outcome) {
            let on_settled = self.on_settled.take();
            self.subscriber.with(|| self.session.settle(*login, outcome, other, on_settled));
        }
    }

    pub(crate) fn login(&mut self) -> &mut Option<Box<Login>> {
        self.login.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key pair that the source gives after a rejection. A probe has asked the source before.
    fn other_after(&self, outcome: &Outcome) -> Option<Credentials> {
        let is_rejected = match outcome {
            Outcome::Rejected(_) => true,
            Outcome::FailedElsewhere(failure) => failure.is_rejection(),
            Outcome::Granted(_) | Outcome::Unavailable(_) | Outcome::Abandoned => false,
        };
        if self.is_probe || !is_rejected {
            return None;
        }
        self.given(self.session.supply()?.ask_after_rejection()?)
    }

    /// The key pair of the source. An error of the source is emitted.
    fn given(&self, answer: Result<Credentials, SourceError>) -> Option<Credentials> {
        let emit = |error| {
            self.subscriber.with(|| trace::emit_source_error(&error, self.session.name()));
        };
        answer.map_err(emit).ok()
    }
}

/// When the whole answer must have come: a little before the end of the lease.
///
/// A silent server is then one failed login with a backoff for all calls. After an expired lease,
/// the next call would log in at once and wait as long again.
pub(crate) fn end_of(login: &Login, now: Instant) -> Instant {
    let lease = login.expires_at().saturating_duration_since(now);
    now.saturating_add(lease.saturating_sub((lease / 10).min(Duration::from_secs(1))))
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(login) = self.login().take() else { return };
        // The next login would most likely panic too. So a panic counts as a failure, and the next
        // login waits for the backoff.
        let outcome = if std::thread::panicking() {
            Outcome::Unavailable(Unavailable::new(Reason::Panicked))
        } else {
            Outcome::Abandoned
        };
        let on_settled = self.on_settled.take();
        self.subscriber.with(|| self.session.settle(*login, outcome, None, on_settled));
    }
}

#[cfg(test)]
mod tests {
    use waldo_auth_core::{Config, Credentials};

    use super::*;
    use crate::Admission;

    fn lead(limit: Option<Duration>) -> Lead {
        let credentials = Credentials::new("k", "s").unwrap();
        let mut config = Config::builder("https://api.waldo.ai", credentials);
        if let Some(limit) = limit {
            config = config.lease(limit);
        }
        let session = SharedSession::new(config.build().unwrap());
        let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
        let admission = session.admit(Call::replayable(), &mut request).unwrap();
        let Admission::Authenticate(lead, _) = admission else {
            panic!("nothing is held: {admission:?}")
        };
        lead
    }

    #[test]
    fn rule_02_a_body_may_take_the_rest_of_the_login() {
        let lead = lead(None);
        let timeout = |status| lead.body_timeout(StatusCode::from_u16(status).unwrap());
        assert_eq!(timeout(503), None);
        for status in [200, 401] {
            let least = Duration::from_secs(1);
            assert!(
                timeout(status).is_some_and(|span| span > least && span < 30 * least),
                "{status}"
            );
        }
    }

    #[test]
    fn rule_13_a_login_ends_before_its_lease() {
        for (lease, latest) in [(30_000, 29_000), (1000, 900)] {
            let lead = lead(Some(Duration::from_millis(lease)));
            let latest = Duration::from_millis(latest);
            let own = lead.ends.saturating_duration_since(Instant::from_start(Duration::ZERO));
            assert!(own >= latest && own < latest + Duration::from_secs(20), "{own:?}");
            assert!(
                lead.timeout() <= latest && lead.timeout() > latest / 2,
                "{:?}",
                lead.timeout()
            );
        }
    }

    #[test]
    fn rule_13_a_login_may_outlast_a_call_with_less_time() {
        let lead = lead(None);
        let with = |millis| {
            let deadline = lead.session.now().saturating_add(Duration::from_millis(millis));
            lead.may_outlast(&Call::replayable().with_deadline(deadline))
        };
        assert!(with(0) && with(20_000) && !with(60_000));
        assert!(!lead.may_outlast(&Call::replayable()));
    }
}
