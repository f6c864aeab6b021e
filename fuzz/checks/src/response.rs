//! A response in the form of the corpus files.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use waldo_auth_core::Head;

use crate::token::jwt;

/// A response read from bytes of any kind:
///
/// ```text
/// 200
/// authorization: Bearer <{"exp":1800003600}>
/// date: Fri, 15 Jan 2027 08:00:00 GMT
///
/// and after an empty line the body
/// ```
///
/// The text between `<` and `>` is the payload of a JWT, because a fuzzer hardly finds valid
/// base64.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Reads a response, and leaves out the parts that HTTP stacks would refuse.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (status, mut rest) = line(bytes);
        let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
        let mut headers = HeaderMap::new();
        while !rest.is_empty() {
            let (header, after) = line(rest);
            rest = after;
            if header.is_empty() {
                break;
            }
            let Some((name, value)) = split(header, b':') else { continue };
            let (name, value) =
                (HeaderName::from_bytes(name), HeaderValue::from_bytes(&with_tokens(value)));
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Self { status: status.unwrap_or(StatusCode::OK), headers, body: with_tokens(rest) }
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head::new(self.status, &self.headers)
    }

    /// The text of the first header with this name.
    pub(crate) fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    split(bytes, b'\n').unwrap_or((bytes, &[]))
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Replaces each `<payload>` by a JWT.
pub(crate) fn with_tokens(mut bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    while let Some((before, rest)) = split(bytes, b'<') {
        let Some((payload, after)) = split(rest, b'>') else { break };
        written.extend_from_slice(before);
        written.extend_from_slice(jwt(payload).as_bytes());
        bytes = after;
    }
    written.extend_from_slice(bytes);
    written
}
