use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{AGE, DATE, RETRY_AFTER};
use waldo_auth_core::{Call, Explanation, Head, Outcome, Step};

use crate::client::{UNIX, grant, lead, now, request, session, wall};
use crate::response::Response;
use crate::token::jwt;

const HOUR: Duration = Duration::from_secs(3600);

/// The bytes are a response with `Retry-After`, `Date` and `Age`, and a body that may be a token's
/// `exp` in seconds. The wait and the lifetime follow from these values, within their bounds. The
/// client waits for this time.
pub fn retry_after(bytes: &[u8]) {
    retry_after_of(bytes, bytes);
}

/// The same check for a client that reads other bytes than the server has sent.
pub fn retry_after_of(sent: &[u8], read: &[u8]) {
    let (response, read) = (Response::read(sent), Response::read(read));
    asked_wait(&response, &read);
    lifetime(&response, &read);
}

fn asked_wait(response: &Response, read: &Response) {
    let mut session = session();
    let (login, _) = lead(&mut session);
    let outcome = login.read(Head::new(StatusCode::SERVICE_UNAVAILABLE, &read.headers), b"");
    let Outcome::Unavailable(failure) = &outcome else {
        panic!("expected an unavailable login, got {outcome:?}")
    };
    let wait = failure.retry_after();
    assert_eq!(wait, expected_wait(response), "the wait of {response:?}");
    session.settle(login, outcome, now());
    let Ok(Step::Wait(_, until)) = session.admit(Call::replayable(), &mut request(), now()) else {
        panic!("expected a wait after a 503")
    };
    let ahead = until.saturating_duration_since(now().monotonic);
    assert!(
        ahead >= wait.unwrap_or_default() && ahead <= HOUR && !ahead.is_zero(),
        "{ahead:?} of {wait:?}"
    );
}

fn expected_wait(response: &Response) -> Option<Duration> {
    let text = response.text(RETRY_AFTER)?.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        // A number with more digits is more than an hour.
        let digits = text.trim_start_matches('0');
        let seconds = if digits.len() > 4 { 3600 } else { digits.parse().unwrap_or(0) };
        return Some(HOUR.min(Duration::from_secs(seconds)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let from = date(response.text(DATE)).unwrap_or_else(wall);
    Some(until.duration_since(from).unwrap_or_default().min(HOUR))
}

fn date(text: Option<&str>) -> Option<SystemTime> {
    httpdate::parse_http_date(text?).ok()
}

fn exp(response: &Response) -> Option<i64> {
    std::str::from_utf8(&response.body).ok()?.trim().parse().ok()
}

fn lifetime(response: &Response, read: &Response) {
    let mut session = session();
    let (login, _) = lead(&mut session);
    let payload = exp(read).map_or("{}".to_owned(), |exp| format!(r#"{{"exp":{exp}}}"#));
    let outcome = grant(&login, &read.headers, &jwt(payload.as_bytes()));
    session.settle(login, outcome, now());
    let Explanation::Send { left, .. } = session.explain(now()) else {
        panic!("expected to send the granted token")
    };

    let (headers, exp) = (&response.headers, exp(response));
    let from = headers.get(DATE).and_then(|date| date.to_str().ok());
    let by_date =
        date(from).filter(|_| !headers.contains_key(AGE)).and_then(|date| until(exp?, unix(date)));
    let by_local = || until(exp?, i128::from(UNIX)).filter(|left| *left <= 24 * 3600);
    let expected = by_date.or_else(by_local).unwrap_or(3600);
    // JSON numbers are exact to the millisecond for some hundred thousand years. Later dates are
    // rounded, and saturate.
    if exp.is_none_or(|exp| exp.unsigned_abs() < (1 << 53) / 1000) {
        let left = i128::try_from(left.as_millis()).unwrap();
        assert_eq!(left, expected * 1000, "the lifetime of {response:?}");
    }
}

/// The seconds from `from` to `exp`, if `exp` is later.
fn until(exp: i64, from: i128) -> Option<i128> {
    Some(i128::from(exp) - from).filter(|left| *left > 0)
}

fn unix(time: SystemTime) -> i128 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i128::from(after.as_secs()),
        Err(before) => -i128::from(before.duration().as_secs()),
    }
}
