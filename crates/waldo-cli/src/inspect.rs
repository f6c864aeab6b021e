//! `waldo inspect`: what is in a token, and what this client would make of it.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use waldo_auth_core::{Call, Config, Credentials, Head, Now, Outcome, Session, Step};
use waldo_ureq::ClientBuilder;
use waldo_ureq::http::{HeaderMap, Request, StatusCode, Uri};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

/// The largest input, in bytes.
const MAX_INPUT: u64 = 64 * 1024;

pub(crate) fn run(as_json: bool) -> Result<Exit, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("there is no token on stdin")
            .because("a terminal would show what is typed")
            .next("waldo token | waldo inspect"));
    }
    let mut input = Zeroizing::new(String::new());
    let read = stdin.lock().take(MAX_INPUT).read_to_string(&mut input);
    read.map_err(|error| Failure::usage("stdin cannot be read").because(error))?;
    let token = input.trim();
    let token = token.strip_prefix("Authorization:").unwrap_or(token).trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();

    let mut parts = token.split('.').map(decode);
    let (Some(Some(header)), Some(Some(claims)), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::new(Exit::Other, "stdin holds no token")
            .because("a token is three parts with dots between them, and two of them are JSON"));
    };
    let now = SystemTime::now();
    let date = |name| claims.get(name).and_then(Value::as_f64).and_then(to_date);
    let (issued, expires) = (date("iat"), date("exp"));
    let left = expires.map(|expires| expires.duration_since(now).unwrap_or_default());
    let verdict = judge(token, left, now);
    let shown = |date: Option<SystemTime>| date.map(terminal::date);
    if as_json {
        let json = json!({
            "schema": 1,
            "header": header,
            "claims": claims,
            "issued_at": shown(issued),
            "expires_at": shown(expires),
            "expires_in": left.map(|left| left.as_secs()),
            "client": verdict,
        });
        terminal::print_json(&format!("{json}\n"))?;
        return Ok(Exit::Success);
    }
    let none = || "not said".to_owned();
    let left = match left {
        Some(Duration::ZERO) => ", so it has ended".to_owned(),
        Some(left) => format!(", in {}", terminal::whole_seconds(left)),
        None => String::new(),
    };
    terminal::print_json(&format!(
        "header    {header}\n\
         claims    {claims}\n\
         issued    {}\n\
         expires   {}{left}\n\
         client    {verdict}\n",
        shown(issued).unwrap_or_else(none),
        shown(expires).unwrap_or_else(none),
    ))?;
    Ok(Exit::Success)
}

/// The JSON object in a part of a token.
fn decode(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

/// The date of a claim, in seconds since 1970.
fn to_date(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// What a client would do with this token, of which so much is `left`.
fn judge(token: &str, left: Option<Duration>, now: SystemTime) -> String {
    let verdict = judged(token, left, Now::new(Duration::ZERO, now));
    verdict.unwrap_or_else(|why| format!("the client would not use it: {why}"))
}

fn judged(token: &str, left: Option<Duration>, now: Now) -> Result<String, String> {
    let session = || -> Result<Session, String> {
        let pair = Credentials::new("none", "none").map_err(|error| error.to_string())?;
        let config = Config::builder(ClientBuilder::DEFAULT_ORIGIN, pair).build();
        config.map(Session::new).map_err(|error| error.to_string())
    };
    let mut first = session()?;
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static(ClientBuilder::DEFAULT_ORIGIN);
    let step = first.admit(Call::replayable(), &mut request, now);
    let Step::Authenticate(login, _) = step.map_err(|error| error.to_string())? else {
        return Err("there is no login".to_owned());
    };
    // A login brings the token.
    let body = Zeroizing::new(json!({ "token": token }).to_string());
    let outcome = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), body.as_bytes());
    if let Outcome::Unavailable(failure) = &outcome {
        return Err(failure.reason().to_string());
    }
    first.settle(login, outcome, now);
    let Some(snapshot) = first.snapshot(now) else { return Err("it has ended".to_owned()) };
    let Some(left) = left else { return Ok(first.explain(now).to_string()) };
    // Another run takes the token from a store.
    let mut later = session()?;
    later.resume(&snapshot.with_left(left, now), now).map_err(|error| error.to_string())?;
    Ok(later.explain(now).to_string())
}
