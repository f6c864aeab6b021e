//! A 4xx or 5xx that answers a call, as an error for the caller.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::{Extensions, StatusCode};

use crate::generation::Generation;
use crate::wire::{self, Head};

/// The longest wait that [`ApiError::retry_after`] returns: one year, so that it can be added to
/// any present time.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The longest code that a message shows, in characters.
const MAX_SHOWN: usize = 64;

/// A delivered 4xx or 5xx: its status, and the `code` and `message` of its body.
///
/// The API answers each error with `{"code": "...", "message": "..."}`. A proxy may answer
/// otherwise; then there is no code and no message.
///
/// `Display` and `Debug` show the status and the code, with advice for 401 and `API_KEY_REVOKED`.
/// They do not show the message, because a server may repeat data of the request in it. They do not
/// show a code of more than 64 characters, or with characters besides ASCII letters, digits, `_`
/// and `-`.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use waldo_auth_core::{ApiError, Head};
///
/// let response = http::Response::builder()
///     .status(404)
///     .body(r#"{"code":"NOT_FOUND","message":"No such customer"}"#)?;
/// let error = ApiError::new(Head::from(&response), response.extensions(), SystemTime::now())
///     .with_body(response.body().as_bytes());
/// assert_eq!(error.code(), Some("NOT_FOUND"));
/// assert_eq!(error.message(), Some("No such customer"));
/// assert_eq!(error.to_string(), "the server answered 404 NOT_FOUND");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    retry_after: Option<Duration>,
    generation: Option<Generation>,
    code: Option<Box<str>>,
    message: Option<Box<str>>,
}

impl ApiError {
    /// The largest part of a body that is read: 64 KiB. An adapter should read no more.
    pub const MAX_BODY: usize = wire::MAX_BODY_BYTES;

    /// The longest time for which an adapter should read a body: 5 s, or less if the call has less
    /// time left. Then the error has the fields that have come.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(5);

    /// The error for a response with this head and these extensions, without its body. `now` stands
    /// in for the `Date` of a response that has none.
    pub fn new(head: Head<'_>, extensions: &Extensions, now: SystemTime) -> Self {
        Self {
            status: head.status,
            retry_after: wire::retry_after(head.headers, now, LONGEST_WAIT),
            generation: Generation::of(extensions),
            code: None,
            message: None,
        }
    }

    /// Reads the code and the message in a body, or in its beginning. If the body is no JSON
    /// object, there is no code and no message.
    #[must_use]
    pub fn with_body(self, body: &[u8]) -> Self {
        let body = body.get(..Self::MAX_BODY).unwrap_or(body);
        let text = |name| wire::leading_text(body, name).map(|text| text.as_str().into());
        Self { code: text("code"), message: text("message"), ..self }
    }

    /// The status: a 4xx or 5xx.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `code` of the body as the server wrote it, such as `NOT_FOUND`. Your program can decide
    /// by it.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The `message` of the body as the server wrote it, for people. It may repeat data of the
    /// request, and it may have line ends. So do not write it to a log unseen.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// How long the server asks the client to wait (`Retry-After`), from the response on, at most
    /// one year.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The generation of the sent token. If the code is `API_KEY_REVOKED`, pass it to `invalidate`.
    ///
    /// `None` if no adapter has delivered the response.
    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status.as_u16())?;
        if let Some(code) = self.code().filter(|code| is_name(code)) {
            write!(f, " {code}")?;
        }
        if self.status == StatusCode::UNAUTHORIZED {
            return f.write_str(
                "; if the body can be sent only once, make the call again with a new body; \
                 otherwise see the tracing events of waldo_auth",
            );
        }
        if self.code() == Some("API_KEY_REVOKED") {
            return f.write_str(
                "; invalidate the token of this generation, and the next login shows the state of \
                 the key",
            );
        }
        Ok(())
    }
}

/// Whether a code can be shown. No token and no line end has this form.
fn is_name(code: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !code.is_empty() && code.len() <= MAX_SHOWN && code.bytes().all(is_of_name)
}

/// Shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ApiError {}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn error(status: u16, body: &[u8]) -> ApiError {
        let response = Response::builder().status(status).body(()).unwrap();
        ApiError::new(Head::from(&response), response.extensions(), SystemTime::UNIX_EPOCH)
            .with_body(body)
    }

    #[test]
    fn the_code_and_the_message_come_from_the_body() {
        let body = r#"{"code":"INVALID_DATA","message":"customerId is \"missing\"","more":[1]}"#;
        let error = error(400, body.as_bytes());
        assert_eq!(error.status(), 400);
        assert_eq!(error.code(), Some("INVALID_DATA"));
        assert_eq!(error.message(), Some("customerId is \"missing\""));
    }

    #[test]
    fn another_body_has_no_code_and_no_message() {
        for body in
            ["", "<html>", "[]", "null", "{}", r#"{"code":5,"message":null}"#, "{'code':'X'}"]
        {
            let error = error(502, body.as_bytes());
            assert_eq!((error.code(), error.message()), (None, None), "{body}");
            assert_eq!(error.to_string(), "the server answered 502");
        }
    }

    #[test]
    fn truncated_body_keeps_complete_fields() {
        let cut = error(400, br#"{"code":"INVALID_DATA","message":"custom"#);
        assert_eq!((cut.code(), cut.message()), (Some("INVALID_DATA"), None));
        let long = format!(r#"{{"code":"X","message":"{}"}}"#, "x".repeat(ApiError::MAX_BODY));
        let long = error(400, long.as_bytes());
        assert_eq!((long.code(), long.message()), (Some("X"), None));
    }

    #[test]
    fn display_shows_only_codes_of_name_characters() {
        let shown = |code: &str| {
            let body = serde_json::json!({ "code": code, "message": "eyJ.ca.nary" }).to_string();
            let error = error(400, body.as_bytes());
            assert_eq!(error.code(), Some(code));
            assert_eq!(format!("{error:?} {error:#?}"), format!("{error} {error}"));
            error.to_string()
        };
        for code in ["NOT_FOUND", "not-found", "E42", &"x".repeat(64)] {
            assert_eq!(shown(code), format!("the server answered 400 {code}"));
        }
        for code in ["", "eyJ.ca.nary", "A\nB", "A B", "\u{1b}[31mX", "ß", &"x".repeat(65)] {
            assert_eq!(shown(code), "the server answered 400", "{code}");
        }
    }

    #[test]
    fn two_errors_come_with_advice() {
        let revoked = br#"{"code":"API_KEY_REVOKED"}"#;
        assert!(error(401, b"{}").to_string().contains("make the call again with a new body"));
        assert!(error(403, revoked).to_string().contains("403 API_KEY_REVOKED; invalidate"));
        assert_eq!(error(403, b"").to_string(), "the server answered 403");
    }

    #[test]
    fn the_head_gives_the_wait_and_the_generation() {
        let generation = Generation { session: 1, number: 2 };
        let of = |headers: &[(&str, &str)]| {
            let mut response = Response::builder().status(503);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            let response = response.extension(generation).body(()).unwrap();
            ApiError::new(Head::from(&response), response.extensions(), SystemTime::UNIX_EPOCH)
        };
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (headers, seconds) in [
            (&[][..], None),
            (&[("retry-after", "7")], Some(7)),
            (&[("retry-after", "7200")], Some(7200)),
            (&[("retry-after", "99999999999999999999")], Some(31_536_000)),
            (&[("retry-after", "soon")], None),
            (&[date, ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], Some(30)),
            (&[("retry-after", "Thu, 01 Jan 1970 00:00:12 GMT")], Some(12)),
        ] {
            let error = of(headers);
            assert_eq!(error.retry_after().map(|wait| wait.as_secs()), seconds, "{headers:?}");
            assert_eq!(error.generation(), Some(generation));
        }
        assert_eq!(error(503, b"").generation(), None);
    }
}
