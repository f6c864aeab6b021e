//! A session for the checks, which act as its network.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Head, Login, Now, Outcome, Session, Step,
};

use crate::token::jwt;

/// The wall clock of every check, in seconds of Unix time.
pub(crate) const UNIX: u64 = 1_800_000_000;

pub(crate) const KEY: &str = "wk.fuzz";
pub(crate) const SECRET: &str = "ws.fuzz";

/// A session of one origin and one key pair.
pub(crate) fn session() -> Session {
    let credentials = Credentials::new(KEY, SECRET).unwrap();
    Session::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap())
}

/// The start of each check, on both clocks.
pub(crate) fn now() -> Now {
    Now::new(Duration::from_secs(1000), wall())
}

pub(crate) fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(UNIX)
}

/// A request that may carry the token.
pub(crate) fn request() -> Request<()> {
    Request::get("https://api.waldo.ai/customer").body(()).unwrap()
}

/// A call that must log in.
pub(crate) fn lead(session: &mut Session) -> (Login, Call) {
    match session.admit(Call::replayable(), &mut request(), now()).unwrap() {
        Step::Authenticate(login, call) => (login, call),
        step @ (Step::Send(_) | Step::Wait(..) | Step::Refuse(_)) => {
            panic!("expected a login, got {step:?}")
        }
    }
}

/// A session that holds an accepted token with a lifetime of one hour, and the token.
pub(crate) fn warm() -> (Session, String) {
    let mut session = session();
    let token = jwt(format!(r#"{{"exp":{},"iat":{UNIX}}}"#, UNIX + 3600).as_bytes());
    let (login, _) = lead(&mut session);
    let granted = grant(&login, &HeaderMap::new(), &token);
    session.settle(login, granted, now());
    let (attempt, _) = send(&mut session, Call::replayable());
    drop(session.conclude(attempt, Head::new(StatusCode::OK, &HeaderMap::new()), now()));
    (session, token)
}

/// The documented answer to a granted login.
pub(crate) fn grant(login: &Login, headers: &HeaderMap, token: &str) -> Outcome {
    let outcome = login
        .read(Head::new(StatusCode::OK, headers), format!(r#"{{"token":"{token}"}}"#).as_bytes());
    assert!(matches!(outcome, Outcome::Granted(_)), "{outcome:?} of {token}");
    outcome
}

/// Sends a call, which must be possible. Returns the attempt and its token, after checking the
/// token's form.
pub(crate) fn send(session: &mut Session, call: Call) -> (Attempt, String) {
    let mut request = request();
    let step = session.admit(call, &mut request, now()).unwrap();
    let Step::Send(attempt) = step else { panic!("expected to send, got {step:?}") };
    let header = request.headers().get(AUTHORIZATION).unwrap();
    assert!(header.is_sensitive());
    let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    (attempt, token)
}

/// The held token, even if its lifetime has ended.
pub(crate) fn held(session: &Session) -> Option<String> {
    let stored: serde_json::Value =
        serde_json::from_str(&session.snapshot(now())?.to_json()).unwrap();
    stored.get("token").and_then(serde_json::Value::as_str).map(str::to_owned)
}
