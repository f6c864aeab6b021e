//! The endpoints behind the authentication, in small.

use http::{Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::reply::{self, Refusal};

/// The largest document the API takes, in bytes.
const LARGEST_DOCUMENT: usize = 10 << 20;

/// The id that no customer has.
const NOBODY: &str = "unknown";

/// Answers an authenticated request; `serial` makes ids of their own.
pub(super) fn answer(method: &Method, uri: &Uri, body: &[u8], serial: u64) -> Response<Vec<u8>> {
    let path = uri.path();
    let answered = match (method, path) {
        (&Method::POST, "/onboard") => evaluation("onboard", body, serial),
        (&Method::POST, "/check-fraud") => evaluation("check-fraud", body, serial),
        (&Method::POST, "/flag") => flag(body),
        (&Method::POST, "/document") => document(body, serial),
        (&Method::GET, "/customer") => customer(uri.query()),
        (&Method::GET, _) if path.starts_with("/history/kyc/") => history("kyc", path),
        (&Method::GET, _) if path.starts_with("/history/fraud/") => history("fraud", path),
        _ => Ok(json!({ "method": method.as_str(), "path": path, "bytes": body.len() })),
    };
    match answered {
        Ok(body) => reply::json(StatusCode::OK, &body),
        Err(refusal) => refusal.response(),
    }
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
        1..=LARGEST_DOCUMENT => {
            Ok(json!({ "requestId": format!("request-{serial}"), "event": "document", "bytes": body.len() }))
        }
        _ => Err(Refusal::InvalidData),
    }
}

fn customer(query: Option<&str>) -> Result<Value, Refusal> {
    let (field, value) = query.and_then(|query| query.split_once('=')).ok_or(Refusal::InvalidQuery)?;
    match (field, value) {
        ("", _) | (_, "") => Err(Refusal::InvalidQuery),
        (_, NOBODY) => Err(Refusal::NotFound),
        _ => Ok(json!({ "customerId": "customer-1", field: value })),
    }
}

fn history(kind: &str, path: &str) -> Result<Value, Refusal> {
    match path.rsplit('/').next() {
        None | Some("" | NOBODY) => Err(Refusal::NotFound),
        Some(id) => Ok(json!({ "customerId": id, "type": kind, "history": [] })),
    }
}

fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::InvalidData)
}
