//! The call that logs in while the others wait.

use std::error::Error;
use std::time::Duration;

use http::{Request, StatusCode};
use waldo_auth_core::{Call, Head, Instant, Login, Outcome, Reason, Unavailable};

use crate::session::SharedSession;

/// The duty to log in for everyone.
///
/// Send its [`request`](Self::request), give it no longer than its [`patience`](Self::patience), and end it with the one of
/// [`answer`](Self::answer), [`time_out`](Self::time_out) and [`fail`](Self::fail) that fits. However it ends, those who wait are
/// woken: a lead that is dropped, because a thread unwinds or a future is cancelled, has given up, and another call takes over: at
/// once, unless more than five in a row have given up, who come 250 ms apart, or the login was a probe (rule 14).
#[derive(Debug)]
#[must_use = "others wait for this login: end it"]
pub struct Lead<'a> {
    duty: Duty<'a>,
    /// The leader's own.
    call: Call,
    patience: Patience,
}

impl<'a> Lead<'a> {
    pub(crate) fn new(session: &'a SharedSession, login: Login, call: Call, now: Instant) -> Self {
        let lease = login.lapses().saturating_duration_since(now);
        let patience = Patience::within(lease, call.deadline(), now);
        Self { duty: Duty { session, login: Some(Box::new(login)) }, call, patience }
    }

    /// The request to send, to its own absolute URI: without an `Authorization` header, and without following redirects.
    ///
    /// The request's body holds the key pair in clear: wipe the body after it was sent, for example
    /// with `zeroize::Zeroizing`. The body of the answer may hold the key pair, too.
    pub fn request(&self) -> Request<Vec<u8>> {
        self.duty.login.as_ref().map(|login| login.request()).unwrap_or_default()
    }

    /// How long to wait for the whole answer: a little less than the lease, and no longer than the leader's own call has.
    pub fn patience(&self) -> Duration {
        self.patience.span
    }

    /// How long to read the body of an answer with `status`, from now on. This is
    /// [`Login::body_patience`], within the rest of the [`patience`](Self::patience).
    ///
    /// - `None`: do not read the body. Call [`answer`](Self::answer) with an empty body.
    /// - The time ends, and the status is 400, 401 or 403: call [`answer`](Self::answer) with the
    ///   part that has come.
    /// - The time ends, and the status is a success: call [`time_out`](Self::time_out).
    pub fn body_patience(&self, status: StatusCode) -> Option<Duration> {
        let left = self.patience.ends.saturating_duration_since(self.duty.session.now());
        Login::body_patience(status, left)
    }

    /// Ends it with the server's answer, whatever its status. Of the body, [`Login::MAX_BODY`] bytes and one more are enough.
    ///
    /// What comes back is the leader's own call, to be admitted again; so it is with the other ends.
    pub fn answer(self, head: Head<'_>, body: &[u8]) -> Call {
        self.settle(|login| login.read(head, body))
    }

    /// Ends the login without an answer, because the transport failed. [`Unavailable::transport`]
    /// finds the reason in the error, and the calls that waited get this reason, with the error as
    /// its source.
    pub fn fail(self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Call {
        self.settle(|_| Outcome::Unavailable(Unavailable::transport(error)))
    }

    /// Ends it without an answer: the [`patience`](Self::patience) is over, or a shorter limit of the HTTP stack's own.
    ///
    /// That is a failure of the server's, unless the leader's own call had so little time that silence proves nothing.
    pub fn time_out(self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Call {
        let proves_nothing = self.patience.proves_nothing(self.duty.session.now());
        self.settle(|_| {
            if proves_nothing {
                return Outcome::Abandoned;
            }
            Outcome::Unavailable(Unavailable::new(Reason::Timeout).with_source(error))
        })
    }

    fn settle(self, outcome: impl FnOnce(&Login) -> Outcome) -> Call {
        let Self { duty, call, .. } = self;
        duty.settle(outcome);
        call
    }
}

/// A login that is settled in any case.
#[derive(Debug)]
struct Duty<'a> {
    session: &'a SharedSession,
    /// There until it is settled. In a box, as it is the largest part of what `admit` hands back to every call.
    login: Option<Box<Login>>,
}

impl Duty<'_> {
    fn settle(mut self, outcome: impl FnOnce(&Login) -> Outcome) {
        // While it is made, the login is still there to be given up, if making it panics.
        let outcome = self.login.as_deref().map(outcome);
        if let Some((login, outcome)) = self.login.take().zip(outcome) {
            self.session.settle(*login, outcome);
        }
    }
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        if let Some(login) = self.login.take() {
            self.session.settle(*login, Outcome::Abandoned);
        }
    }
}

/// A server that is silent for so long has failed, however little time the call had: a login takes a fraction of a second.
const BLAMEWORTHY: Duration = Duration::from_secs(5);

/// How long the leader waits for the answer, and whose fault it is when there is none by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patience {
    span: Duration,
    ends: Instant,
    /// The leader's own call has so little time that silence to its end proves nothing about the server.
    impatient: bool,
}

impl Patience {
    /// Up to a tenth, at most a second, before the lease lapses, so that silence is a failure that all share, and not a
    /// lapse after which the next caller waits as long again; and never beyond the call's own deadline.
    fn within(lease: Duration, deadline: Option<Instant>, now: Instant) -> Self {
        let most = lease.saturating_sub((lease / 10).min(Duration::from_secs(1)));
        let (span, impatient) = match deadline.map(|deadline| deadline.saturating_duration_since(now)) {
            Some(own) if own < most => (own, own < BLAMEWORTHY.min(lease / 2)),
            _ => (most, false),
        };
        Self { span, ends: now.saturating_add(span), impatient }
    }

    /// Whether a silence that ends now was too short by the call's own choice, and not by a limit of the stack's. What is left in its
    /// last tenth is a limit that is not exact.
    fn proves_nothing(self, now: Instant) -> bool {
        self.impatient && self.ends.saturating_duration_since(now) <= self.span / 10
    }
}

#[cfg(test)]
mod tests {
    use waldo_auth_core::{Config, Credentials};

    use super::*;
    use crate::Admission;

    #[test]
    fn rule_02_a_body_may_take_what_is_left_of_the_login() {
        let credentials = Credentials::new("k", "s").unwrap();
        let config = Config::builder("https://api.waldo.ai", credentials).build().unwrap();
        let session = SharedSession::new(config);
        let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
        let own = session.now().saturating_add(Duration::from_millis(1500));
        let call = Call::replayable().with_deadline(own);
        let admission = session.admit(call, &mut request).unwrap();
        let Admission::Authenticate(lead) = admission else { panic!("nothing is held: {admission:?}") };
        let patience = |status| lead.body_patience(StatusCode::from_u16(status).unwrap());
        assert_eq!(patience(503), None);
        let left = own.saturating_duration_since(session.now());
        for status in [200, 401] {
            assert!(patience(status) <= Some(left) && patience(status) > Some(Duration::ZERO), "{status}");
        }
    }

    #[test]
    fn a_login_ends_before_its_lease_and_never_after_its_call() {
        let now = Instant::from_start(Duration::from_secs(100));
        let within = |lease, own: Option<u64>| {
            let deadline = own.map(|own| now.saturating_add(Duration::from_millis(own)));
            let patience = Patience::within(Duration::from_millis(lease), deadline, now);
            (patience.span.as_millis(), patience.impatient)
        };
        assert_eq!(within(30_000, None), (29_000, false));
        assert_eq!(within(100, None), (90, false));
        assert_eq!(within(30_000, Some(60_000)), (29_000, false));
        assert_eq!(within(30_000, Some(20_000)), (20_000, false));
        assert_eq!(within(30_000, Some(5000)), (5000, false));
        assert_eq!(within(30_000, Some(4999)), (4999, true));
        assert_eq!(within(1000, Some(500)), (500, false));
        assert_eq!(within(1000, Some(499)), (499, true));
        assert_eq!(within(0, Some(5)), (0, false));
    }

    #[test]
    fn silence_proves_nothing_only_where_the_calls_own_time_is_over() {
        let at = |millis| Instant::from_start(Duration::from_millis(millis));
        let proves_nothing = |own, after| {
            let patience = Patience::within(Duration::from_secs(30), Some(at(own)), at(0));
            patience.proves_nothing(at(after))
        };
        assert!(proves_nothing(4000, 4000) && proves_nothing(4000, 3600));
        assert!(!proves_nothing(4000, 3599), "the stack was faster");
        assert!(!proves_nothing(5000, 5000), "it has had five seconds");
    }
}
