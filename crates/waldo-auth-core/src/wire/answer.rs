//! The answer to a login.

use std::time::{Duration, SystemTime};

use http::header::CONTENT_ENCODING;
use http::{HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::authorization::{credentials, joined};
use super::dates::retry_after;
use super::fields::{leading_members, members};
use super::head::Head;
use super::jwt::Jwt;
use crate::credentials::Credentials;
use crate::failure::{Reason, Rejection, RejectionCode, Unavailable};

/// The largest body of a login's answer that is read, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The content of a login's answer. The token's signature and lifetime are not checked yet.
pub(crate) enum Answer {
    /// A text with the shape of a JWT, without its scheme.
    Token(Vec<u8>),
    Rejected(Rejection),
    Unavailable(Unavailable),
}

/// Reads the answer to a login with `credentials`. `local` is the wall clock, for a `Retry-After`
/// without a `Date`.
pub(crate) fn read(
    head: Head<'_>,
    body: &[u8],
    credentials: &Credentials,
    local: SystemTime,
    retry_after_cap: Duration,
) -> Answer {
    let unavailable = |reason| {
        let wait = retry_after(head.headers, local, retry_after_cap);
        Answer::Unavailable(Unavailable::new(reason).with_retry_after(wait))
    };
    let oversized = body.len() > MAX_BODY_BYTES;
    if head.status.is_success() {
        // Do not search a body that is too large for a token.
        let token = if oversized { None } else { token(text(body, "token"), head) };
        return token.map_or_else(
            || {
                unavailable(match oversized {
                    _ if is_compressed(head, body) => Reason::Compressed(head.status),
                    true => Reason::BodyTooLarge,
                    false => Reason::NoToken,
                })
            },
            Answer::Token,
        );
    }
    if !may_reject(head.status) {
        return unavailable(Reason::Status(head.status));
    }
    // A large body may still have its code in the first 64 KiB, so search that part.
    let code = match body.get(..MAX_BODY_BYTES) {
        Some(beginning) if oversized => leading_text(beginning, "code"),
        _ => text(body, "code"),
    };
    match code {
        Some(code) => Answer::Rejected(Rejection {
            status: head.status,
            code: rejection_code(&code, credentials),
        }),
        None if is_compressed(head, body) => unavailable(Reason::Compressed(head.status)),
        None => unavailable(Reason::Status(head.status)),
    }
}

/// The string with this name in the body, if the body is a JSON object.
fn text(body: &[u8], name: &str) -> Option<Zeroizing<String>> {
    members(body, [name], |[value]| value?.text())?
}

/// The string with this name in a body of which perhaps only the beginning was read.
pub(crate) fn leading_text(beginning: &[u8], name: &str) -> Option<Zeroizing<String>> {
    leading_members(beginning, [name], |[value]| value?.text())?
}

/// Whether the server has compressed the body. The header says so, or the first bytes of gzip, zlib
/// or Zstandard.
fn is_compressed(head: Head<'_>, body: &[u8]) -> bool {
    let is_coding = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    };
    head.headers.get_all(CONTENT_ENCODING).iter().any(is_coding)
        || matches!(
            body,
            [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]
        )
}

/// Whether an answer with this status may be a rejection. Its body decides.
pub(crate) fn may_reject(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn token(in_body: Option<Zeroizing<String>>, head: Head<'_>) -> Option<Vec<u8>> {
    let jwt =
        |value: &[u8]| Jwt::read(credentials(value)).ok().map(|jwt| jwt.as_bytes().to_owned());
    let of_header = |value: &HeaderValue| match joined(value) {
        Some(mut values) => values.find_map(|value| jwt(value.as_bytes())),
        None => jwt(value.as_bytes()),
    };
    in_body.and_then(|text| jwt(text.as_bytes())).or_else(|| head.renewals().find_map(of_header))
}

/// The code of a rejection. A server may echo the key or the secret, so such a code is not kept
/// (rule 20).
fn rejection_code(code: &str, credentials: &Credentials) -> RejectionCode {
    if let Some(documented) = RejectionCode::documented(code) {
        return documented;
    }
    let mut printable = Zeroizing::new(String::with_capacity(code.len()));
    code.chars().filter(char::is_ascii_graphic).for_each(|character| printable.push(character));
    // Search both forms, because characters that are filtered out may split the secret.
    if credentials.occur_in(code) || credentials.occur_in(&printable) {
        return RejectionCode::Other("…".into());
    }
    RejectionCode::other(&printable)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderMap;

    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln";

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> String {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers);
        let credentials = Credentials::new("key-canary", "secret-canary").unwrap();
        match read(head, body.as_bytes(), &credentials, UNIX_EPOCH, Duration::from_secs(3600)) {
            Answer::Token(token) => String::from_utf8(token).unwrap(),
            Answer::Rejected(rejection) => format!("rejected {}", rejection.code),
            Answer::Unavailable(failure) => {
                format!(
                    "unavailable {:?} {:?}",
                    failure.reason(),
                    failure.retry_after().map(|d| d.as_secs())
                )
            }
        }
    }

    #[test]
    fn rule_02_any_success_with_a_token_in_its_body() {
        for status in [200, 201, 203, 299] {
            assert_eq!(answer(status, &[], &format!(r#"{{"token":"{JWT}"}}"#)), JWT);
        }
        assert_eq!(answer(200, &[], &format!(r#"{{"token":"Bearer {JWT}","x":[1]}}"#)), JWT);
    }

    #[test]
    fn rule_02_a_success_with_a_token_in_its_header() {
        let header = format!("bearer {JWT}");
        let headers = [
            ("authorization", "from scheme response function"),
            ("authorization", header.as_str()),
        ];
        for body in [
            "",
            "{}",
            "nonsense",
            r#"{"token":null}"#,
            r#"{"token":""}"#,
            r#"{"token":"undefined"}"#,
        ] {
            assert_eq!(answer(200, &headers, body), JWT, "{body}");
            assert_eq!(answer(200, &[], body), "unavailable NoToken None", "{body}");
        }
    }

    #[test]
    fn rule_02_the_body_goes_before_the_header() {
        let headers = [("authorization", "e30.e30.e30")];
        assert_eq!(answer(200, &headers, &format!(r#"{{"token":"{JWT}"}}"#)), JWT);
    }

    #[test]
    fn rule_02_a_rejection_is_a_json_object_with_a_code() {
        for (status, code) in [
            (400, "MISSING_PARAMETERS"),
            (401, "INVALID_API_KEY"),
            (403, "API_KEY_REVOKED"),
            (403, "NEW"),
        ] {
            let body = format!(r#"{{"code":"{code}","message":"m"}}"#);
            assert_eq!(answer(status, &[], &body), format!("rejected {code}"));
        }
    }

    #[test]
    fn rule_02_everything_else_is_unavailable() {
        for (status, body) in [
            (403, "<html>Request blocked</html>"),
            (400, "{'code': 'MISSING_PARAMETERS'}"),
            (401, r#"{"code":5}"#),
            (401, r#"["code"]"#),
            (404, r#"{"code":"NOT_FOUND"}"#),
            (429, r#"{"code":"INVALID_API_KEY"}"#),
            (302, ""),
            (500, r#"{"code":"API_KEY_REVOKED"}"#),
            (503, ""),
        ] {
            assert_eq!(
                answer(status, &[], body),
                format!("unavailable Status({status}) None"),
                "{status} {body}"
            );
        }
        assert_eq!(answer(429, &[("retry-after", "9")], ""), "unavailable Status(429) Some(9)");
    }

    #[test]
    fn rule_02_bodies_over_64_kib_are_refused() {
        let body = |pad: usize| format!(r#"{{"token":"{JWT}","p":"{}"}}"#, "p".repeat(pad));
        let frame = body(0).len();
        assert_eq!(answer(200, &[], &body(MAX_BODY_BYTES - frame)), JWT);
        assert_eq!(
            answer(200, &[], &body(MAX_BODY_BYTES - frame + 1)),
            "unavailable BodyTooLarge None"
        );
    }

    /// The code of a large body counts. A slow body with the same beginning is cut too, and both
    /// must be a rejection.
    #[test]
    fn rule_02_a_large_rejection_is_read_up_to_the_limit() {
        let pad = "p".repeat(MAX_BODY_BYTES);
        for status in [400, 401, 403] {
            for body in [
                format!(r#"{{"code":"INVALID_API_KEY","p":"{pad}"}}"#),
                format!(r#"{{"code":"INVALID_API_KEY"}}{pad}"#),
                format!(
                    r#"{{"p":[["{}"]],"code":"INVALID_API_KEY","q":{{"{pad}"#,
                    "p".repeat(60_000)
                ),
            ] {
                assert_eq!(answer(status, &[], &body), "rejected INVALID_API_KEY");
            }
            for body in [
                format!(r#"{{"p":"{pad}","code":"INVALID_API_KEY"}}"#),
                format!(r#"{{"code":"{pad}"}}"#),
                format!(r#"{{"p":{{"code":"INVALID_API_KEY","q":"{pad}"}}}}"#),
                format!(r#"<html>{{"code":"INVALID_API_KEY"}}{pad}"#),
                format!(r#"{pad}{{"code":"INVALID_API_KEY"}}"#),
            ] {
                assert_eq!(
                    answer(status, &[], &body),
                    format!("unavailable Status({status}) None")
                );
            }
        }
        let body = format!(r#"{{"code":"INVALID_API_KEY","p":"{pad}"}}"#);
        assert_eq!(answer(500, &[], &body), "unavailable Status(500) None");
    }

    #[test]
    fn rule_20_code_echoing_key_pair_is_redacted() {
        for echo in ["bad key key-canary", "secret-canary", "k ey-can\\u0000ary"] {
            assert_eq!(answer(401, &[], &format!(r#"{{"code":"{echo}"}}"#)), "rejected …");
        }
        let long = "X".repeat(500);
        assert_eq!(
            answer(401, &[], &format!(r#"{{"code":"{long}\u0007"}}"#)),
            format!("rejected {}", "X".repeat(64))
        );
    }
}
