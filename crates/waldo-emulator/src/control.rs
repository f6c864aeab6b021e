//! The control endpoints, by which a test or a person changes the running emulator.

use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use waldo_test_driver::server::{BadWord, Fault, Hold, Policy, Server, Stub, Target};

use crate::site::Site;

/// The path of the control endpoints. No path of the API begins with it.
const ROOT: &str = "/_emulator";

const OWN_PATH: &str = "What is under /_emulator controls the emulator and never reaches the API: expected another path, such as /customer.";

/// The answer to `GET /_emulator/`. The endpoints of the API follow it.
const HELP: &str = "\
The control endpoints of this emulator. They are not part of the API and are not counted.
With curl, a JSON body is sent with -d, and one without a body with -X POST.

GET    /_emulator/             this text
GET    /_emulator/stats        what was seen so far
DELETE /_emulator/stats        sets every count to zero
POST   /_emulator/expire       makes every token issued so far invalid
POST   /_emulator/revoke       deactivates a key: {\"key\": \"ID\"}, or ?key=ID as it stands
POST   /_emulator/restore      activates it again: {\"key\": \"ID\"}, or ?key=ID as it stands
POST   /_emulator/signing-key  no body: signs with another key; {\"key\": \"...\"}: with this one; {\"key\": null}: with the client secret
GET    /_emulator/policy       the policy
POST   /_emulator/policy       changes any part of it: {\"lifetime\": \"10s\", \"rotation\": \"strict\", \"renewal\": \"bare\"}
GET    /_emulator/faults       the failures still to come
POST   /_emulator/faults       adds one, or a list: {\"on\": \"login\", \"answer\": 503, \"times\": 2}
DELETE /_emulator/faults       removes them all
GET    /_emulator/stubs        the answers of your own that still stand
POST   /_emulator/stubs        adds one, or a list: {\"method\": \"GET\", \"path\": \"/customer\", \"json\": {\"customerId\": \"c-1\"}}
DELETE /_emulator/stubs        removes them all
POST   /_emulator/latency      {\"login\": \"200ms\", \"calls\": \"0s\"}
POST   /_emulator/hold         closes a gate: {\"on\": \"login\"} or {\"on\": \"calls\", \"stage\": \"after\", \"path\": \"/customer\"}
POST   /_emulator/release      no body: opens every gate; {\"on\": \"login\"}: those for logins
";

/// The endpoints of the API as a list, with the login at this path.
fn endpoints(login_path: &str) -> String {
    let endpoints: Vec<String> = Server::ENDPOINTS.iter().map(ToString::to_string).collect();
    format!("The API's endpoints that it knows:\n\nPOST {login_path}\n{}\n", endpoints.join("\n"))
}

/// Whether a path belongs to a control endpoint.
pub(crate) fn is_meant(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Carries out one control request.
pub(crate) fn answer(request: &Request<Vec<u8>>, site: &Site) -> Response<Vec<u8>> {
    let control = request.uri().path().strip_prefix(ROOT).unwrap_or_default().trim_matches('/');
    let body = request.body();
    let done = match (request.method(), control) {
        (&Method::GET, "") => {
            return text(format!("{HELP}\n{}", endpoints(&site.server().policy().login_path)));
        }
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
        (&Method::GET, "stubs") => written(&site.server().stubs()),
        (&Method::POST, "stubs") => add_stubs(body, site),
        (&Method::DELETE, "stubs") => {
            site.server().clear_stubs();
            ok()
        }
        (&Method::POST, "latency") => set_latency(body, site),
        (&Method::POST, "hold") => hold(body, site),
        (&Method::POST, "release") => release(body, site),
        (method, _) => return misdirected(method, control),
    };
    match done {
        Ok(body) => typed(StatusCode::OK, &body),
        Err(Mistake(message)) => refused(StatusCode::BAD_REQUEST, &message),
    }
}

/// The methods of a control endpoint; empty if the endpoint does not exist.
fn methods(control: &str) -> &'static [&'static str] {
    match control {
        "" => &["GET"],
        "stats" => &["GET", "DELETE"],
        "policy" => &["GET", "POST"],
        "faults" | "stubs" => &["GET", "POST", "DELETE"],
        "expire" | "revoke" | "restore" | "signing-key" | "latency" | "hold" | "release" => {
            &["POST"]
        }
        _ => &[],
    }
}

/// Answers a request to an unknown control endpoint, or with an unknown method.
fn misdirected(method: &Method, control: &str) -> Response<Vec<u8>> {
    let methods = methods(control);
    if methods.is_empty() {
        let message = "There is no such control endpoint. GET /_emulator/ lists them.";
        return refused(StatusCode::NOT_FOUND, message);
    }
    let message = format!(
        "{ROOT}/{control} does not take {method}: send it as {}. GET /_emulator/ says what each control takes.",
        methods.join(" or ")
    );
    let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, &message);
    if let Ok(allow) = HeaderValue::try_from(methods.join(", ")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// Why a control request fails, and what to do.
struct Mistake(String);

impl Mistake {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
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

/// Reads a JSON body. The error message ends with the sample.
fn read<T: DeserializeOwned>(body: &[u8], sample: &str) -> Result<T, Mistake> {
    const HELP: &str = "GET /_emulator/ says what each control takes.";
    let mistake = |what: String| Mistake(format!("{what}: expected JSON such as {sample}. {HELP}"));
    if body.trim_ascii().is_empty() {
        return Err(mistake("There is no body".to_owned()));
    }
    // Parse in two steps, so that only errors of JSON syntax name a line and a column.
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| mistake(format!("This is not JSON ({error})")))?;
    serde_json::from_value(body).map_err(|error| mistake(error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    // A null key is valid, and an absent key is an error. By default, serde reads an absent key as
    // null.
    #[serde(deserialize_with = "Option::deserialize")]
    key: Option<String>,
}

/// Reads a key. Its errors repeat no part of the body, because a misplaced key is still secret.
fn read_key(body: &[u8], expected: &str) -> Result<Option<String>, Mistake> {
    let body: KeyBody = serde_json::from_slice(body).map_err(|_| Mistake::new(expected))?;
    Ok(body.key)
}

fn activate(request: &Request<Vec<u8>>, site: &Site, active: bool) -> Done {
    const EXPECTED: &str =
        "Say which key: the JSON body {\"key\": \"ID\"}, or ?key=ID in the query.";
    let in_query = request.uri().query().and_then(|query| query.strip_prefix("key="));
    let id = match in_query {
        Some(id) => id.to_owned(),
        None => read_key(request.body(), EXPECTED)?.ok_or_else(|| Mistake::new(EXPECTED))?,
    };
    let mut server = site.server();
    let known = if active { server.restore_key(&id) } else { server.revoke_key(&id) };
    if known {
        ok()
    } else if in_query.is_some_and(|id| id.contains(['%', '+', '&'])) {
        Err(Mistake::new(
            "No such key: ?key=ID is taken as it stands, without decoding; send it as the JSON body {\"key\": \"ID\"}.",
        ))
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
    let change: Map<String, Value> =
        read(body, "{\"lifetime\": \"10s\", \"rotation\": \"grace:5s\"}")?;
    let mut server = site.server();
    let mut policy = server.policy().clone();
    // Apply one part after the other, so that the message can name the wrong part.
    for (name, part) in change {
        policy = changed(&policy, &name, part)?;
    }
    if is_meant(&policy.login_path) {
        return Err(Mistake::new(OWN_PATH));
    }
    let answer = written(&policy);
    server.set_policy(policy);
    answer
}

fn changed(policy: &Policy, name: &str, part: Value) -> Result<Policy, Mistake> {
    let mut whole = written(policy)?;
    let now = whole.get(name).cloned();
    merge(&mut whole, Value::Object(Map::from_iter([(name.to_owned(), part)])));
    serde_json::from_value(whole).map_err(|error| {
        let example = now.map(|now| format!(" Now it is {now}.")).unwrap_or_default();
        Mistake(format!(
            "{name}: {error}.{example} GET /_emulator/policy shows every part of the policy."
        ))
    })
}

/// Replaces the parts that the change names, and keeps the others.
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

/// Reads the JSON of one fault or stub, or of a list, with its own reader.
fn read_all<T>(
    body: &[u8],
    reader: impl FnOnce(&str) -> Result<Vec<T>, BadWord>,
) -> Result<Vec<T>, Mistake> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Mistake::new("The body is not JSON: it is not UTF-8."))?;
    reader(text)
        .map_err(|error| Mistake(format!("{error}. GET /_emulator/ says what each control takes.")))
}

fn add_faults(body: &[u8], site: &Site) -> Done {
    let faults = read_all(body, Fault::read_all)?;
    if faults.iter().filter_map(Fault::path).any(is_meant) {
        return Err(Mistake::new(OWN_PATH));
    }
    let mut server = site.server();
    for fault in faults {
        server.push_fault(fault);
    }
    written(&server.faults())
}

fn add_stubs(body: &[u8], site: &Site) -> Done {
    let stubs = read_all(body, Stub::read_all)?;
    if stubs.iter().map(Stub::path_or_prefix).any(is_meant) {
        return Err(Mistake::new(OWN_PATH));
    }
    let mut server = site.server();
    for stub in stubs {
        server.push_stub(stub);
    }
    written(&server.stubs())
}

fn hold(body: &[u8], site: &Site) -> Done {
    let hold: Hold =
        read(body, "{\"on\": \"calls\", \"stage\": \"after\", \"path\": \"/customer\"}")?;
    if hold.path().is_some_and(is_meant) {
        return Err(Mistake::new(OWN_PATH));
    }
    site.gates.hold(hold);
    ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyBody {
    login: Option<String>,
    calls: Option<String>,
}

const LATENCY: &str = "{\"login\": \"200ms\", \"calls\": \"0s\"}";

fn set_latency(body: &[u8], site: &Site) -> Done {
    let LatencyBody { login, calls } = read(body, LATENCY)?;
    let span =
        |text: Option<String>| text.as_deref().map(duration).transpose().map_err(Mistake::new);
    let (login, calls) = (span(login)?, span(calls)?);
    if login.is_none() && calls.is_none() {
        return Err(Mistake(format!("Say whose latency: expected JSON such as {LATENCY}.")));
    }
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
    let only = if body.trim_ascii().is_empty() {
        None
    } else {
        Some(read::<ReleaseBody>(body, "{\"on\": \"login\"}")?.on)
    };
    site.gates.release(only);
    ok()
}

/// Reads `10s`, `1500ms`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a duration such as 10s, 1500ms or 1h: {error}"))
}

/// The answer to a refused control request.
pub(crate) fn refused(status: StatusCode, message: &str) -> Response<Vec<u8>> {
    typed(status, &json!({ "code": "BAD_CONTROL", "message": message }))
}

fn typed(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(format!("{body}\n").into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
