//! The control endpoints: what a test or a person changes while the emulator runs.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use waldo_test_driver::server::{Fault, Policy, Target};

use crate::gate::Hold;
use crate::site::Site;

/// Under this path nothing is the API's.
const ROOT: &str = "/_emulator";

/// What `GET /_emulator/` answers.
const HELP: &str = "\
The control endpoints of this emulator. They are not part of the API and are not counted.

GET    /_emulator/             this text
GET    /_emulator/stats        what was seen so far
DELETE /_emulator/stats        sets every count to zero
POST   /_emulator/expire       makes every token issued so far invalid
POST   /_emulator/revoke       deactivates a key: ?key=ID or {\"key\": \"ID\"}
POST   /_emulator/restore      activates it again: ?key=ID or {\"key\": \"ID\"}
POST   /_emulator/signing-key  no body: signs with another key; {\"key\": \"...\"}: with this one; {\"key\": null}: with the client secret
GET    /_emulator/policy       the policy
POST   /_emulator/policy       changes any part of it: {\"lifetime\": \"10s\", \"rotation\": \"strict\", \"roll\": \"bare\"}
GET    /_emulator/faults       the failures still to come
POST   /_emulator/faults       adds one, or a list: {\"on\": \"login\", \"answer\": {\"status\": {\"status\": 503}}, \"times\": 2}
DELETE /_emulator/faults       removes them all
POST   /_emulator/latency      {\"login\": \"200ms\", \"calls\": \"0s\"}
POST   /_emulator/hold         closes a gate: {\"on\": \"login\"} or {\"on\": \"calls\", \"stage\": \"after\", \"path\": \"/customer\"}
POST   /_emulator/release      no body: opens every gate; {\"on\": \"login\"}: those for logins
";

/// Whether a path is a control endpoint's.
pub(crate) fn is_meant(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Carries out one control request.
pub(crate) fn answer(request: &Request<Vec<u8>>, site: &Site) -> Response<Vec<u8>> {
    let control = request.uri().path().strip_prefix(ROOT).unwrap_or_default().trim_matches('/');
    let body = request.body();
    let done = match (request.method(), control) {
        (&Method::GET, "") => return text(HELP),
        (&Method::GET, "stats") => written(&site.stats()),
        (&Method::DELETE, "stats") => {
            site.reset_stats();
            ok()
        }
        (&Method::POST, "expire") => {
            site.server().expire_all();
            ok()
        }
        (&Method::POST, "revoke") => activate(request, site, false),
        (&Method::POST, "restore") => activate(request, site, true),
        (&Method::POST, "signing-key") => sign_with(body, site),
        (&Method::GET, "policy") => written(site.server().policy()),
        (&Method::POST, "policy") => change_policy(body, site),
        (&Method::GET, "faults") => written(&site.server().faults()),
        (&Method::POST, "faults") => add_faults(body, site),
        (&Method::DELETE, "faults") => {
            site.server().clear_faults();
            ok()
        }
        (&Method::POST, "latency") => set_latency(body, site),
        (&Method::POST, "hold") => read::<Hold>(body).and_then(|hold| {
            site.gates.hold(hold);
            ok()
        }),
        (&Method::POST, "release") => release(body, site),
        _ => Err(Mistake {
            status: StatusCode::NOT_FOUND,
            message: "There is no such control endpoint. GET /_emulator/ lists them.".to_owned(),
        }),
    };
    match done {
        Ok(body) => typed(StatusCode::OK, &body),
        Err(Mistake { status, message }) => {
            typed(status, &json!({ "code": "BAD_CONTROL", "message": message }))
        }
    }
}

/// A control request that could not be carried out; the message says what to do.
struct Mistake {
    status: StatusCode,
    message: String,
}

impl Mistake {
    fn new(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

type Done = Result<Value, Mistake>;

#[expect(clippy::unnecessary_wraps, reason = "it is the last step of controls that can fail")]
fn ok() -> Done {
    Ok(json!({ "ok": true }))
}

fn written(value: &(impl serde::Serialize + ?Sized)) -> Done {
    serde_json::to_value(value).map_err(|error| Mistake::new(error.to_string()))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Mistake> {
    serde_json::from_slice(body)
        .map_err(|error| Mistake::new(format!("{error}. GET /_emulator/ shows what each control takes.")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    // Absent is a mistake, null is not: serde takes an Option as absent unless it is told otherwise.
    #[serde(deserialize_with = "Option::deserialize")]
    key: Option<String>,
}

/// Unlike `read`, it repeats nothing of the body: a misplaced key is still a key.
fn read_key(body: &[u8], expected: &str) -> Result<Option<String>, Mistake> {
    let body: KeyBody = serde_json::from_slice(body).map_err(|_| Mistake::new(expected))?;
    Ok(body.key)
}

fn activate(request: &Request<Vec<u8>>, site: &Site, active: bool) -> Done {
    const EXPECTED: &str = "Say which key: ?key=ID in the query, or the JSON body {\"key\": \"ID\"}.";
    let in_query = request.uri().query().and_then(|query| query.strip_prefix("key="));
    let id = match in_query {
        Some(id) => id.to_owned(),
        None => read_key(request.body(), EXPECTED)?.ok_or_else(|| Mistake::new(EXPECTED))?,
    };
    let mut server = site.server();
    let known = if active { server.restore_key(&id) } else { server.revoke_key(&id) };
    if known {
        ok()
    } else {
        Err(Mistake::new("No such key: it was not given when the emulator was started."))
    }
}

fn sign_with(body: &[u8], site: &Site) -> Done {
    if body.trim_ascii().is_empty() {
        site.server().rotate_signing_key();
    } else {
        let key = read_key(body, "Send no body, {\"key\": \"...\"} or {\"key\": null}.")?;
        site.server().set_signing_key(key.as_deref());
    }
    ok()
}

fn change_policy(body: &[u8], site: &Site) -> Done {
    let change: serde_json::Map<String, Value> = read(body)?;
    let mut server = site.server();
    let mut policy = written(server.policy())?;
    merge(&mut policy, Value::Object(change));
    let policy: Policy = serde_json::from_value(policy)
        .map_err(|error| Mistake::new(format!("{error}. GET /_emulator/policy shows every part of it.")))?;
    let answer = written(&policy);
    server.set_policy(policy);
    answer
}

/// Replaces what the change names, and keeps the rest.
fn merge(whole: &mut Value, change: Value) {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, part) in change {
                merge(whole.entry(name).or_insert(Value::Null), part);
            }
        }
        (whole, change) => *whole = change,
    }
}

fn add_faults(body: &[u8], site: &Site) -> Done {
    let body: Value = read(body)?;
    let faults: Vec<Fault> = if body.is_array() {
        serde_json::from_value(body)
    } else {
        serde_json::from_value(body).map(|fault| vec![fault])
    }
    .map_err(|error| Mistake::new(format!("{error}. GET /_emulator/ shows a fault.")))?;
    let mut server = site.server();
    for fault in faults {
        server.push_fault(fault);
    }
    written(&server.faults())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyBody {
    login: Option<String>,
    calls: Option<String>,
}

fn set_latency(body: &[u8], site: &Site) -> Done {
    let LatencyBody { login, calls } = read(body)?;
    let span = |text: Option<String>| text.as_deref().map(duration).transpose().map_err(Mistake::new);
    let (login, calls) = (span(login)?, span(calls)?);
    for (of, span) in [(Target::Login, login), (Target::Calls, calls)] {
        if let Some(span) = span {
            site.set_latency(of, span);
        }
    }
    ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    on: Target,
}

fn release(body: &[u8], site: &Site) -> Done {
    let only = if body.trim_ascii().is_empty() { None } else { Some(read::<ReleaseBody>(body)?.on) };
    site.gates.release(only);
    ok()
}

/// Reads `10s`, `1500ms`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a duration such as 10s, 1500ms or 1h: {error}"))
}

fn typed(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(format!("{body}\n").into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(body: &'static str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_bytes().to_vec());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
