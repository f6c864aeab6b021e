//! Simple versions of the endpoints that need a token.

use std::fmt;

use http::{Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::policy::UnknownPaths;
use super::reply::{self, Refusal};

/// The largest document that the API accepts, in bytes.
const LARGEST_DOCUMENT: usize = 10 << 20;

/// The id that no customer has.
const NOBODY: &str = "unknown";

/// An endpoint of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with capital letters for the variable parts: `/history/kyc/ID`.
    pub path: &'static str,
    /// The input of the endpoint, in a few words.
    pub takes: &'static str,
}

impl Endpoint {
    const fn new(method: &'static str, path: &'static str, takes: &'static str) -> Self {
        Self { method, path, takes }
    }
}

/// One line of a list, with the method, the path and the input in columns.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4} {:<21}  {}", self.method, self.path, self.takes)
    }
}

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new("POST", "/onboard", "a JSON object"),
    Endpoint::new("POST", "/check-fraud", "a JSON object"),
    Endpoint::new("POST", "/flag", "a JSON object with a customerId"),
    Endpoint::new("POST", "/document", "any body up to 10 MiB"),
    Endpoint::new("GET", "/customer?FIELD=VALUE", "the value unknown is a 404"),
    Endpoint::new("GET", "/history/kyc/ID", "the id unknown is a 404"),
    Endpoint::new("GET", "/history/fraud/ID", "the id unknown is a 404"),
];

/// Answers an authenticated request. `serial` makes the ids in the answer unique.
pub(super) fn answer(
    method: &Method,
    uri: &Uri,
    body: &[u8],
    serial: u64,
    unknown: UnknownPaths,
) -> Response<Vec<u8>> {
    let answered = known(method, uri, body, serial).unwrap_or_else(|| match unknown {
        UnknownPaths::Echo => {
            Ok(json!({ "method": method.as_str(), "path": uri.path(), "bytes": body.len() }))
        }
        UnknownPaths::NotFound => Err(Refusal::NotFound),
    });
    match answered {
        Ok(body) => reply::json(StatusCode::OK, &body),
        Err(refusal) => refusal.response(),
    }
}

/// The answer of one of the [`ENDPOINTS`]; `None` if the request goes to another path.
fn known(method: &Method, uri: &Uri, body: &[u8], serial: u64) -> Option<Result<Value, Refusal>> {
    let path = uri.path();
    Some(match (method, path) {
        (&Method::POST, "/onboard") => evaluation("onboard", body, serial),
        (&Method::POST, "/check-fraud") => evaluation("check-fraud", body, serial),
        (&Method::POST, "/flag") => flag(body),
        (&Method::POST, "/document") => document(body, serial),
        (&Method::GET, "/customer") => customer(uri.query()),
        (&Method::GET, _) => {
            let (kind, id) =
                path.strip_prefix("/history/").and_then(|rest| rest.split_once('/'))?;
            match kind {
                "kyc" | "fraud" if !id.contains('/') => history(kind, id),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn evaluation(event: &str, body: &[u8], serial: u64) -> Result<Value, Refusal> {
    object(body)?;
    Ok(json!({
        "requestId": format!("request-{serial}"),
        "event": event,
        "evaluation": { "type": "automatic", "status": "pending" },
        "customerId": format!("customer-{serial}"),
        "uri": format!("/history/{}/customer-{serial}", if event == "onboard" { "kyc" } else { "fraud" }),
    }))
}

fn flag(body: &[u8]) -> Result<Value, Refusal> {
    match object(body)?.get("customerId") {
        Some(id) => Ok(json!({ "customerId": id, "flagged": true })),
        None => Err(Refusal::MissingData),
    }
}

fn document(body: &[u8], serial: u64) -> Result<Value, Refusal> {
    match body.len() {
        0 => Err(Refusal::MissingData),
        1..=LARGEST_DOCUMENT => Ok(
            json!({ "requestId": format!("request-{serial}"), "event": "document", "bytes": body.len() }),
        ),
        _ => Err(Refusal::InvalidData),
    }
}

fn customer(query: Option<&str>) -> Result<Value, Refusal> {
    let (field, value) =
        query.and_then(|query| query.split_once('=')).ok_or(Refusal::InvalidQuery)?;
    match (field, value) {
        ("", _) | (_, "") => Err(Refusal::InvalidQuery),
        (_, NOBODY) => Err(Refusal::NotFound),
        _ => Ok(json!({ "customerId": "customer-1", field: value })),
    }
}

fn history(kind: &str, id: &str) -> Result<Value, Refusal> {
    match id {
        "" | NOBODY => Err(Refusal::NotFound),
        _ => Ok(json!({ "customerId": id, "type": kind, "history": [] })),
    }
}

fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::InvalidData)
}
