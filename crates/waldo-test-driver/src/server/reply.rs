//! The replies of the server, and their bodies.

use std::fmt;

use http::header::{
    AGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER,
};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::clock::Moment;
use super::fault::{Answer, RetryAfter, Target};
use super::policy::DateHeader;

/// The largest body of [`Answer::Oversize`] and [`Answer::Padded`], in bytes.
const MOST_BYTES: usize = 64 << 20;

/// The server's reply to one request.
// Exhaustive on purpose: a program that carries replies must carry out each variant.
#[derive(Clone)]
#[must_use]
pub enum Reply {
    /// Send this response.
    Respond(Response<Vec<u8>>),
    /// Send the head and half of the body of this response, with the full `Content-Length`. Then
    /// cut the connection.
    CutShort(Response<Vec<u8>>),
    /// Send the head of this response, its body a byte at a time, and then endless spaces.
    Trickle(Response<Vec<u8>>),
    /// Send the head of this response, its body, and then endless spaces as fast as the client
    /// reads.
    Flood(Response<Vec<u8>>),
    /// Never answer, and keep the connection open.
    Hang,
    /// Cut the connection without an answer.
    Cut,
}

/// Does not show the headers and the body, because they may hold a token.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Respond(response) => {
                f.debug_tuple("Respond").field(&response.status()).finish_non_exhaustive()
            }
            Self::CutShort(response) => {
                f.debug_tuple("CutShort").field(&response.status()).finish_non_exhaustive()
            }
            Self::Trickle(response) => {
                f.debug_tuple("Trickle").field(&response.status()).finish_non_exhaustive()
            }
            Self::Flood(response) => {
                f.debug_tuple("Flood").field(&response.status()).finish_non_exhaustive()
            }
            Self::Hang => f.write_str("Hang"),
            Self::Cut => f.write_str("Cut"),
        }
    }
}

impl Reply {
    /// The response; `None` if the reply is no complete response.
    pub fn response(self) -> Option<Response<Vec<u8>>> {
        match self {
            Self::Respond(response) => Some(response),
            Self::CutShort(_) | Self::Trickle(_) | Self::Flood(_) | Self::Hang | Self::Cut => None,
        }
    }
}

/// An error that the API documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    MissingParameters,
    InvalidApiKey,
    ApiKeyRevoked,
    InvalidToken,
    NotAuthorized,
    InvalidData,
    InvalidQuery,
    MissingData,
    NotFound,
    /// No error of the API: the provider of this process cannot sign with HMAC.
    Unsignable,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::MissingParameters
            | Self::InvalidData
            | Self::InvalidQuery
            | Self::MissingData => StatusCode::BAD_REQUEST,
            Self::InvalidApiKey | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::ApiKeyRevoked | Self::NotAuthorized => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unsignable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::MissingParameters => "MISSING_PARAMETERS",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::ApiKeyRevoked => "API_KEY_REVOKED",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::NotAuthorized => "NOT_AUTHORIZED",
            Self::InvalidData => "INVALID_DATA",
            Self::InvalidQuery => "INVALID_QUERY",
            Self::MissingData => "MISSING_DATA",
            Self::NotFound => "NOT_FOUND",
            Self::Unsignable => "INTERNAL_ERROR",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::MissingParameters => "Missing parameters",
            Self::InvalidApiKey => "Invalid API key",
            Self::ApiKeyRevoked => {
                "This API key has been revoked. Please visit the Waldo AI dashboard to review your API key."
            }
            Self::InvalidToken => "Invalid token.",
            Self::NotAuthorized => "Not authorized.",
            Self::InvalidData => "Invalid data.",
            Self::InvalidQuery => {
                "Invalid query: expected one field with a value, such as /customer?email=a%40b.example."
            }
            Self::MissingData => "Missing data.",
            Self::NotFound => "Not found.",
            Self::Unsignable => {
                "This process cannot sign tokens: its jsonwebtoken provider knows no HMAC."
            }
        }
    }

    pub(super) fn response(self) -> Response<Vec<u8>> {
        error(self.status(), self.code(), self.message())
    }
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    typed(status, "application/json", body.to_string())
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Vec<u8>> {
    json(status, &json!({ "code": code, "message": message }))
}

fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Vec<u8>>,
) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The response of a fault, with the server's clock at `now`; `None` if the fault gives no
/// response.
pub(super) fn faulty(answer: &Answer, target: Target, now: Moment) -> Option<Response<Vec<u8>>> {
    Some(match answer {
        Answer::Unauthorized => match target {
            Target::Login => Refusal::InvalidApiKey.response(),
            Target::Calls => Refusal::InvalidToken.response(),
        },
        Answer::Refusal { status, code } => error(valid(*status), code, "Refused by a fault."),
        Answer::SingleQuotes => typed(
            StatusCode::BAD_REQUEST,
            "application/json",
            "{'code':'MISSING_PARAMETERS','message':'Missing parameters'}",
        ),
        Answer::Firewall => typed(
            StatusCode::FORBIDDEN,
            "text/html",
            "<!doctype html><html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>",
        ),
        Answer::Status { status, retry_after } => {
            let status = valid(*status);
            let content = match status {
                status if is_bodiless(status) => "",
                status => status.canonical_reason().unwrap_or("Unknown"),
            };
            let mut response = typed(status, "text/plain", content);
            let after = retry_after.as_ref().map(|after| match after {
                RetryAfter::Seconds(seconds) => seconds.to_string(),
                RetryAfter::Date(ahead) => now.plus(*ahead).http_date(),
                RetryAfter::Text(text) => text.clone(),
            });
            if let Some(value) = after.and_then(|text| HeaderValue::try_from(text).ok()) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
            response
        }
        Answer::NoToken => json(StatusCode::OK, &json!({})),
        Answer::NotJson => typed(
            StatusCode::OK,
            "text/html",
            "<!doctype html><html><body>Please sign in to the network.</body></html>",
        ),
        Answer::Oversize { bytes } => {
            json(StatusCode::OK, &json!({ "token": "x".repeat((*bytes).min(MOST_BYTES)) }))
        }
        Answer::Redirect { status, location } => {
            let mut response = typed(valid(*status), "text/plain", "");
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
        Answer::Endless { status, .. } => typed(valid(*status), "text/plain", ""),
        Answer::Hang
        | Answer::Cut
        | Answer::CutShort
        | Answer::Trickle
        | Answer::Flood
        | Answer::Compressed
        | Answer::StaleRenewal
        | Answer::Padded { .. } => return None,
    })
}

/// Adds a line break before the body, and spaces after it until it has this many bytes. The JSON
/// value does not change.
pub(super) fn pad(response: &mut Response<Vec<u8>>, bytes: usize) {
    response.body_mut().insert(0, b'\n');
    let length = response.body().len().max(bytes.min(MOST_BYTES));
    response.body_mut().resize(length, b' ');
}

/// Encodes the body of a response in a content coding that no client knows. The encoding inverts
/// each byte, so no JSON is left. It is not gzip, because many stacks decode gzip even if the
/// request has not asked for it.
pub(super) fn encode(response: &mut Response<Vec<u8>>) {
    response.body_mut().iter_mut().for_each(|byte| *byte = !*byte);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("x-unknown"));
}

/// Whether a response with this status has no body in HTTP.
pub(super) fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The status with this number; 500 if the number is no status.
pub(super) fn valid(status: u16) -> StatusCode {
    // Statuses below 200 are interim, and cannot be a final answer.
    let last = (status >= 200).then_some(status);
    last.and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Adds the policy's headers about the clock to a response.
pub(super) fn stamp_date(response: &mut Response<Vec<u8>>, date: DateHeader, now: Moment) {
    let (at, age) = match date {
        DateHeader::Absent => return,
        DateHeader::Present => (now, None),
        DateHeader::Aged(age) => (now.minus(age), Some(age.as_secs())),
    };
    if let Ok(value) = HeaderValue::try_from(at.http_date()) {
        response.headers_mut().insert(DATE, value);
    }
    if let Some(age) = age {
        response.headers_mut().insert(AGE, age.into());
    }
}

/// Adds a token, or a text in its place, to a response. A text that cannot stand in a header is
/// left out.
pub(super) fn stamp_token(response: &mut Response<Vec<u8>>, text: String) {
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        response.headers_mut().append(AUTHORIZATION, value);
    }
}
