//! `waldo inspect`: what is in a token, and what this client would make of it.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use httpdate::fmt_http_date;
use serde_json::{Value, json};
use waldo_auth_core::{Call, Config, Credentials, Head, Now, Outcome, Session, Step};
use waldo_ureq::ClientBuilder;
use waldo_ureq::http::header::DATE;
use waldo_ureq::http::{HeaderMap, Request, StatusCode};
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
    let verdict = judge(token, now);
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
        terminal::print(&format!("{json}\n"))?;
        return Ok(Exit::Success);
    }
    let none = || "not said".to_owned();
    let left = match left {
        Some(Duration::ZERO) => ", so it has ended".to_owned(),
        Some(left) => format!(", in {}", terminal::whole_seconds(left)),
        None => String::new(),
    };
    terminal::print(&format!(
        "header    {header}\nclaims    {claims}\nissued    {}\nexpires   {}{left}\nclient    {verdict}\n",
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

/// What a client would do if a login brought this token now.
fn judge(token: &str, now: SystemTime) -> String {
    judged(token, now).unwrap_or_else(|| "the client would not use it".to_owned())
}

fn judged(token: &str, now: SystemTime) -> Option<String> {
    let pair = Credentials::new("none", "none").ok()?;
    let config = Config::builder(ClientBuilder::DEFAULT_ORIGIN, pair).build().ok()?;
    let mut session = Session::new(config);
    let at = Now::new(Duration::ZERO, now);
    let mut request = Request::get(ClientBuilder::DEFAULT_ORIGIN).body(()).ok()?;
    let Step::Authenticate(login, _) = session.admit(Call::replayable(), &mut request, at).ok()?
    else {
        return None;
    };
    let mut headers = HeaderMap::new();
    // The server's clock counts, and here it is that of this machine.
    headers.insert(DATE, fmt_http_date(now).parse().ok()?);
    let body = Zeroizing::new(json!({ "token": token }).to_string());
    let outcome = login.read(Head::new(StatusCode::OK, &headers), body.as_bytes());
    if let Outcome::Unavailable(failure) = &outcome {
        return Some(format!("the client would not use it: {}", failure.reason()));
    }
    session.settle(login, outcome, at);
    Some(session.explain(at).to_string())
}
