//! Reads the answers of the model server for the reference.

use std::time::UNIX_EPOCH;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use waldo_auth_core::{Head, Ignored, Reason};

use super::reference::{Ending, Minted, Nanos, Renewal, SECOND};

/// The dates of a token, in seconds.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Body {
    token: Option<String>,
    code: Option<String>,
}

fn minted(text: &str) -> Option<Minted> {
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(text).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the model's dates are small")]
    let millis = |date: Option<f64>| date.map(|date| (date * 1000.0) as i64);
    Some(Minted { text: text.to_owned(), exp: millis(claims.exp), iat: millis(claims.iat) })
}

/// The token in a header.
pub(super) fn renewal(value: &HeaderValue) -> Renewal {
    let text = value.to_str().unwrap_or_default().trim().trim_start_matches("Bearer ");
    minted(text).map_or(Renewal::Malformed(Ignored::NotJwt), Renewal::Token)
}

/// The response's own `Date`, in milliseconds.
pub(super) fn date(headers: &HeaderMap) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// How a login has ended, by its answer (rule 2).
pub(super) fn answer(head: Head<'_>, body: &[u8]) -> Ending {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let status = head.status.as_u16();
    let token = body.token.filter(|_| head.status.is_success()).and_then(|text| minted(&text));
    match (token, status) {
        (Some(token), _) => Ending::Granted(token, date(head.headers)),
        (None, 400 | 401 | 403) if body.code.is_some() => Ending::Rejected(status, "OTHER"),
        (None, _) => {
            let asked = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let asked = asked.and_then(|seconds| seconds.parse::<Nanos>().ok());
            let asked = asked.map(|seconds| seconds * SECOND);
            Ending::Unavailable(Reason::Status(head.status), asked)
        }
    }
}
