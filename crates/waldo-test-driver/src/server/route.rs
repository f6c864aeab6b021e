//! Simple versions of the endpoints that need a token.

use std::fmt;

use http::{Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::clock::Moment;
use super::evaluation::{EvaluationEnd, Evaluations, Event};
use super::policy::{Policy, UnknownPaths};
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
    Endpoint::new("GET", "/customer?FIELD=VALUE", r#"the value "unknown" gives a 404"#),
    Endpoint::new("GET", "/history/kyc/ID", r#"the ID "unknown" gives a 404"#),
    Endpoint::new("GET", "/history/fraud/ID", r#"the ID "unknown" gives a 404"#),
];

/// An authenticated request, as the endpoints see it.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) body: &'a [u8],
    /// Makes the ids in the answer unique.
    pub(super) serial: u64,
    pub(super) at: Moment,
}

/// Answers an authenticated request.
pub(super) fn answer(
    visit: Visit<'_>,
    policy: &Policy,
    evaluations: &mut Evaluations,
) -> Response<Vec<u8>> {
    let Visit { method, uri, body, .. } = visit;
    let known = known(visit, policy.evaluations, evaluations);
    let answered = known.unwrap_or_else(|| match policy.unknown_paths {
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
fn known(
    visit: Visit<'_>,
    end: EvaluationEnd,
    evaluations: &mut Evaluations,
) -> Option<Result<Value, Refusal>> {
    let Visit { method, uri, body, serial, at } = visit;
    let path = uri.path();
    let mut begin = |event| evaluations.begin(event, serial, end, at);
    Some(match (method, path) {
        (&Method::POST, "/onboard") => object(body).map(|_| begin(Event::Onboard)),
        (&Method::POST, "/check-fraud") => object(body).map(|_| begin(Event::CheckFraud)),
        (&Method::POST, "/document") => document(body, begin),
        (&Method::POST, "/flag") => flag(body),
        (&Method::GET, "/customer") => {
            customer(uri.query(), |id| evaluations.poll(id, None, end, at))
        }
        (&Method::GET, _) => {
            let (kind, id) =
                path.strip_prefix("/history/").and_then(|rest| rest.split_once('/'))?;
            match kind {
                "kyc" | "fraud" if !id.contains('/') => {
                    history(kind, id, evaluations.poll(id, Some(kind), end, at))
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn flag(body: &[u8]) -> Result<Value, Refusal> {
    match object(body)?.get("customerId") {
        Some(id) => Ok(json!({ "customerId": id, "flagged": true })),
        None => Err(Refusal::MissingData),
    }
}

fn document(body: &[u8], begin: impl FnOnce(Event) -> Value) -> Result<Value, Refusal> {
    match body.len() {
        0 => Err(Refusal::MissingData),
        1..=LARGEST_DOCUMENT => {
            let mut answer = begin(Event::Document);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("bytes".to_owned(), body.len().into());
            }
            Ok(answer)
        }
        _ => Err(Refusal::InvalidData),
    }
}

fn customer(
    query: Option<&str>,
    poll: impl FnOnce(&str) -> Option<Value>,
) -> Result<Value, Refusal> {
    let (field, value) =
        query.and_then(|query| query.split_once('=')).ok_or(Refusal::InvalidQuery)?;
    match (field, value) {
        ("", _) | (_, "") => Err(Refusal::InvalidQuery),
        (_, NOBODY) => Err(Refusal::NotFound),
        ("customerId", id) => {
            let evaluation = poll(id).and_then(|entry| entry.get("evaluation").cloned());
            Ok(match evaluation {
                Some(evaluation) => json!({ "customerId": id, "evaluation": evaluation }),
                None => json!({ "customerId": id }),
            })
        }
        _ => Ok(json!({ "customerId": "customer-1", field: value })),
    }
}

fn history(kind: &str, id: &str, entry: Option<Value>) -> Result<Value, Refusal> {
    match id {
        "" | NOBODY => Err(Refusal::NotFound),
        _ => {
            let history = Vec::from_iter(entry);
            Ok(json!({ "customerId": id, "type": kind, "history": history }))
        }
    }
}

fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::InvalidData)
}
