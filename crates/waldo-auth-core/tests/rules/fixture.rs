//! A session whose clocks and network the test controls, so that a test reads like a transcript.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use waldo_auth_core::{
    AdmitError, Attempt, Call, Config, ConfigBuilder, Credentials, Event, Head, Instant, Login,
    NotResumed, Now, Outcome, Reason, Refusal, Session, Snapshot, Step, Unavailable, Verdict,
};

/// The time at which every fixture begins, by both the server's clock and the wall clock.
pub(crate) const EPOCH: u64 = 1_800_000_000;
pub(crate) const ORIGIN: &str = "https://api.waldo.ai";
pub(crate) const KEY: &str = "wk.key-canary";
pub(crate) const SECRET: &str = "ws.secret-canary";

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// One millisecond less than `time`.
pub(crate) fn just_under(time: Duration) -> Duration {
    time.saturating_sub(millis(1))
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY, SECRET).unwrap()
}

/// A request that may carry the token.
pub(crate) fn request() -> Request<()> {
    Request::get("https://api.waldo.ai/customer").body(()).unwrap()
}

/// A session, its two clocks, and its count of logins.
pub(crate) struct Fixture {
    pub(crate) session: Session,
    monotonic: Duration,
    wall: SystemTime,
    minted: u64,
    /// The number of logins that were led.
    pub(crate) logins: u64,
    /// The number of logins since the clock moved last.
    logins_now: u64,
    /// Tries the next call under the read lock first, as threads do.
    tries: bool,
}

/// While a test stands still in time, a session that asks for login after login must fail the test.
const MOST_LOGINS_AT_ONE_INSTANT: u64 = 1000;

/// The most waits of one call in any test.
const MOST_WAITS: usize = 1000;

/// An attempt in flight, with the token that the attempt carries.
pub(crate) struct Sent {
    pub(crate) attempt: Attempt,
    pub(crate) token: String,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// A fixture with settings other than the defaults.
    pub(crate) fn with(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        Self::of(change(Config::builder(ORIGIN, credentials())).build().unwrap())
    }

    pub(crate) fn of(config: Config) -> Self {
        Self {
            session: Session::new(config),
            // The clock does not start at zero, so an early instant differs from an instant that
            // was never set.
            monotonic: secs(1000),
            wall: UNIX_EPOCH + secs(EPOCH),
            minted: 0,
            logins: 0,
            logins_now: 0,
            tries: false,
        }
    }

    /// A fixture whose first login brought a token of one hour. The server has accepted the token.
    pub(crate) fn warm() -> (Self, String) {
        let mut fixture = Self::new();
        let token = fixture.warm_up();
        (fixture, token)
    }
}

/// Methods that move the clocks.
impl Fixture {
    pub(crate) fn now(&self) -> Now {
        Now::new(self.monotonic, self.wall)
    }

    /// The instant that is `ahead` of now.
    pub(crate) fn after(&self, ahead: Duration) -> Instant {
        self.now().monotonic.saturating_add(ahead)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.logins_now = 0;
        self.monotonic += time;
        self.wall += time;
    }

    /// Moves the clocks to `instant`, which must be in the future.
    #[track_caller]
    pub(crate) fn pass_until(&mut self, instant: Instant) {
        let ahead = instant.saturating_duration_since(self.now().monotonic);
        assert!(!ahead.is_zero(), "a wait must name an instant in the future");
        self.pass(ahead);
    }

    /// Suspends the machine: the monotonic clock stands still.
    pub(crate) fn suspend(&mut self, time: Duration) {
        self.wall += time;
    }

    pub(crate) fn set_wall_back(&mut self, by: Duration) {
        self.wall -= by;
    }

    pub(crate) fn set_wall_forward(&mut self, by: Duration) {
        self.wall += by;
    }

    /// The wall clock in seconds of Unix time.
    pub(crate) fn unix(&self) -> i64 {
        i64::try_from(self.wall.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
    }
}

/// Methods for calls and their responses.
impl Fixture {
    /// Takes a step of the session. If the step changes the session's later decisions, the journal
    /// must have a new entry.
    pub(crate) fn step<R>(&mut self, step: impl FnOnce(&mut Session, Now) -> R) -> R {
        let now = self.now();
        let (before, written) = (self.session.digest(), self.session.journal().written());
        let result = step(&mut self.session, now);
        let has_changed = self.session.digest() != before;
        assert!(
            !has_changed || self.session.journal().written() > written,
            "the session has changed without a journal entry"
        );
        result
    }

    /// Admits a call with a new request.
    #[track_caller]
    pub(crate) fn admit(&mut self, call: Call) -> Step {
        self.admit_with(call, &mut request()).unwrap()
    }

    #[track_caller]
    pub(crate) fn admit_with(
        &mut self,
        call: Call,
        request: &mut Request<()>,
    ) -> Result<Step, AdmitError> {
        self.tries = !self.tries;
        let tried =
            if self.tries { self.session.try_admit(call, request, self.now())? } else { Err(call) };
        let step = match tried {
            Ok(attempt) => Step::Send(attempt),
            Err(call) => self.step(|session, now| session.admit(call, request, now))?,
        };
        if matches!(step, Step::Authenticate(..)) {
            self.logins += 1;
            self.logins_now += 1;
            assert!(
                self.logins_now <= MOST_LOGINS_AT_ONE_INSTANT,
                "the session asks for login after login at one instant"
            );
        }
        Ok(step)
    }

    /// Admits a call with this request. The call must be sent at once.
    #[track_caller]
    pub(crate) fn attach(&mut self, request: &mut Request<()>) -> Result<Attempt, AdmitError> {
        match self.admit_with(Call::replayable(), request)? {
            Step::Send(attempt) => Ok(attempt),
            other => panic!("expected to send, got {other:?}"),
        }
    }

    /// Admits a call that must be sent at once.
    #[track_caller]
    pub(crate) fn send(&mut self, call: Call) -> Sent {
        let mut request = request();
        match self.admit_with(call, &mut request).unwrap() {
            Step::Send(attempt) => {
                let header = request.headers()[AUTHORIZATION].to_str().unwrap();
                Sent { attempt, token: header.strip_prefix("Bearer ").unwrap().to_owned() }
            }
            other => panic!("expected to send, got {other:?}"),
        }
    }

    /// Admits a call that must log in.
    #[track_caller]
    pub(crate) fn lead(&mut self, call: Call) -> (Login, Call) {
        match self.admit(call) {
            Step::Authenticate(login, call) => (login, call),
            other => panic!("expected to log in, got {other:?}"),
        }
    }

    /// Waits as the session says, until the call must log in.
    #[track_caller]
    pub(crate) fn lead_in_time(&mut self, mut call: Call) -> (Login, Call) {
        for _ in 0..MOST_WAITS {
            match self.admit(call) {
                Step::Authenticate(login, call) => return (login, call),
                Step::Wait(then, until) => {
                    self.pass_until(until);
                    call = then;
                }
                other @ (Step::Send(_) | Step::Refuse(_)) => {
                    panic!("expected to log in, got {other:?}")
                }
            }
        }
        panic!("expected to log in, but waited {MOST_WAITS} times");
    }

    /// Admits a call that must log in, and drops the call and the login. The login's lease expires
    /// by itself.
    #[track_caller]
    pub(crate) fn leads(&mut self, call: Call) {
        drop(self.lead(call));
    }

    /// Admits a call that must wait.
    #[track_caller]
    pub(crate) fn wait(&mut self, call: Call) -> (Call, Instant) {
        match self.admit(call) {
            Step::Wait(call, until) => {
                assert!(until > self.now().monotonic, "a wait must name an instant in the future");
                (call, until)
            }
            other => panic!("expected to wait, got {other:?}"),
        }
    }

    /// Admits a call that must wait, and drops the call.
    #[track_caller]
    pub(crate) fn waits(&mut self, call: Call) {
        drop(self.wait(call));
    }

    /// Admits a call that must be refused.
    #[track_caller]
    pub(crate) fn refuse(&mut self, call: Call) -> Refusal {
        match self.admit(call) {
            Step::Refuse(refusal) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    pub(crate) fn conclude(
        &mut self,
        attempt: Attempt,
        status: u16,
        headers: &HeaderMap,
    ) -> Verdict {
        let head = Head::new(StatusCode::from_u16(status).unwrap(), headers);
        self.conclude_head(attempt, head)
    }

    pub(crate) fn conclude_head(&mut self, attempt: Attempt, head: Head<'_>) -> Verdict {
        let is_unchanged = self.session.is_unchanged_by(&attempt, head);
        let facts = |session: &Session| {
            (session.digest(), session.journal().written(), *session.counters())
        };
        let before = facts(&self.session);
        let verdict = self.step(|session, now| session.conclude(attempt, head, now));
        if is_unchanged {
            assert!(matches!(verdict, Verdict::Deliver), "{verdict:?}");
            assert_eq!(facts(&self.session), before);
        }
        verdict
    }

    /// Invalidates the held token.
    pub(crate) fn invalidate(&mut self) {
        if let Some(generation) = self.session.generation() {
            self.step(|session, now| session.invalidate(generation, now));
        }
    }

    pub(crate) fn reset(&mut self, credentials: Credentials) {
        self.step(|session, now| session.reset(credentials, now));
    }

    pub(crate) fn resume(&mut self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.step(|session, now| session.resume(snapshot, now))
    }

    /// Reports a broken upload. The session must return the call for a probe.
    #[track_caller]
    pub(crate) fn break_off(&mut self, attempt: Attempt) -> Call {
        match self.step(|session, now| session.break_off(attempt, now)) {
            Verdict::Retry(call) => call,
            Verdict::Deliver => panic!("expected a probe"),
        }
    }

    /// Reports a broken upload. The call must end with this error.
    #[track_caller]
    pub(crate) fn fail_upload(&mut self, attempt: Attempt) {
        let verdict = self.step(|session, now| session.break_off(attempt, now));
        assert!(matches!(verdict, Verdict::Deliver), "expected the end of the call");
    }

    /// Concludes with an answer that must be delivered.
    #[track_caller]
    pub(crate) fn deliver(&mut self, attempt: Attempt, status: u16) {
        self.deliver_with(attempt, status, &HeaderMap::new());
    }

    /// Concludes with an answer with headers. The answer must be delivered.
    #[track_caller]
    pub(crate) fn deliver_with(&mut self, attempt: Attempt, status: u16, headers: &HeaderMap) {
        match self.conclude(attempt, status, headers) {
            Verdict::Deliver => {}
            Verdict::Retry(call) => panic!("expected delivery, got a retry of {call:?}"),
        }
    }

    /// Concludes with a 401 that must lead to another attempt.
    #[track_caller]
    pub(crate) fn retry(&mut self, attempt: Attempt) -> Call {
        match self.conclude(attempt, 401, &HeaderMap::new()) {
            Verdict::Retry(call) => call,
            Verdict::Deliver => panic!("expected a retry"),
        }
    }

    /// Concludes with a 200 that has `token` in its `Authorization` header.
    #[track_caller]
    pub(crate) fn renew(&mut self, attempt: Attempt, token: &str) {
        self.deliver_with(attempt, 200, &bearer(token));
    }

    /// The token that the next call would carry.
    pub(crate) fn held(&mut self) -> String {
        self.send(Call::replayable()).token
    }
}

/// Methods for logins.
impl Fixture {
    /// Settles a login with `token`, in a response without a `Date`.
    pub(crate) fn grant(&mut self, login: Login, token: &str) {
        let answer = grant_of(&login, token);
        self.settle(login, answer);
    }

    pub(crate) fn settle(&mut self, login: Login, outcome: Outcome) {
        self.step(|session, now| session.settle(login, outcome, now));
    }

    /// A new call logs in, and the session then holds a fresh token of one hour.
    #[track_caller]
    pub(crate) fn log_in(&mut self) -> String {
        let (login, _) = self.lead(Call::replayable());
        let token = self.fresh();
        self.grant(login, &token);
        token
    }

    /// A new call logs in, and the server accepts its token.
    #[track_caller]
    pub(crate) fn warm_up(&mut self) -> String {
        let token = self.log_in();
        let sent = self.send(Call::replayable());
        self.deliver(sent.attempt, 200);
        token
    }

    /// The call's login fails, and the call waits until the backoff ends.
    #[track_caller]
    pub(crate) fn fail(&mut self, call: Call) -> Call {
        let (login, call) = self.lead(call);
        self.settle(login, down());
        call
    }

    /// Makes a token of one hour that differs from every other token.
    pub(crate) fn fresh(&mut self) -> String {
        self.lasting(3600)
    }

    /// Makes a token that ends `seconds` from now by the wall clock.
    pub(crate) fn lasting(&mut self, seconds: i64) -> String {
        self.minted += 1;
        let (iat, jti) = (self.unix(), self.minted);
        jwt(&format!(r#"{{"exp":{},"iat":{iat},"jti":"{jti}"}}"#, iat + seconds))
    }

    /// The names of the journal's entries.
    pub(crate) fn journal(&self) -> Vec<&'static str> {
        self.session.journal().since(0).map(|entry| entry.event.name()).collect()
    }

    /// The newest entry of the journal.
    #[track_caller]
    pub(crate) fn last_event(&self) -> Event {
        self.session.journal().since(0).last().unwrap().event
    }

    pub(crate) fn explain(&self) -> String {
        self.session.explain(self.now()).to_string()
    }

    #[track_caller]
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.session.snapshot(self.now()).unwrap()
    }
}

/// A JWT with this payload and an invalid signature.
pub(crate) fn jwt(payload: &str) -> String {
    jwt_of(payload.as_bytes())
}

pub(crate) fn jwt_of(payload: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.dG9rZW4tY2FuYXJ5", URL_SAFE_NO_PAD.encode(payload))
}

pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    map
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", &format!("Bearer {token}"))])
}

/// A `Date` from a server whose clock shows this Unix time.
pub(crate) fn http_date(unix: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + secs(u64::try_from(unix).unwrap()))
}

pub(crate) fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

/// Reads the response to a login.
pub(crate) fn read(login: &Login, status: u16, headers: &HeaderMap, body: &str) -> Outcome {
    login.read(Head::new(StatusCode::from_u16(status).unwrap(), headers), body.as_bytes())
}

/// The documented response to a successful login.
pub(crate) fn grant_of(login: &Login, token: &str) -> Outcome {
    read(login, 200, &HeaderMap::new(), &format!(r#"{{"token":"{token}"}}"#))
}

/// The documented response to a wrong key.
pub(crate) fn rejection_of(login: &Login) -> Outcome {
    read(login, 401, &HeaderMap::new(), r#"{"code":"INVALID_API_KEY","message":"Invalid API key"}"#)
}

/// A 503 with this `Retry-After`.
pub(crate) fn busy(login: &Login, retry_after: &str) -> Outcome {
    read(login, 503, &headers(&[("retry-after", retry_after)]), "")
}

/// The outcome of a login whose server cannot be reached.
pub(crate) fn down() -> Outcome {
    Outcome::Unavailable(Unavailable::new(Reason::Transport))
}
