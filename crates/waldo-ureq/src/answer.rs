//! An answer that came before its request was sent whole.
//!
//! ureq reads nothing after a write that failed. So the connection reads the answer, and hands it
//! over inside the error.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Cursor, ErrorKind, Read};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, Version};
use httparse::{EMPTY_HEADER, Status};
use ureq::Body;
use zeroize::Zeroizing;

/// The most that is read of an answer, in bytes.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// The most headers of an answer.
const MAX_HEADERS: usize = 128;

/// The answer, whose head is whole.
pub(crate) struct EarlyAnswer {
    head: Response<()>,
    /// It may hold a token.
    body: Zeroizing<Vec<u8>>,
    is_whole: bool,
}

/// Where an early answer came from; one of its extensions.
#[derive(Clone, Debug)]
pub(crate) struct AnsweredBy(pub(crate) Uri);

/// The bytes are no HTTP.
#[derive(Debug)]
pub(crate) struct Malformed;

/// What was parsed, unless more bytes are needed.
type Parsed<T> = Result<Option<T>, Malformed>;

impl EarlyAnswer {
    /// Parses what has come so far, if the head of the final response is whole. If `ended`, no more
    /// will come.
    pub(crate) fn parse(mut bytes: &[u8], ended: bool) -> Parsed<Self> {
        let (head, rest) = loop {
            let Some((head, rest)) = parse_head(bytes)? else { return Ok(None) };
            // Interim responses come before the final one.
            if !head.status().is_informational() {
                break (head, rest);
            }
            bytes = rest;
        };
        let (body, is_whole) = match framing(&head) {
            Framing::Length(length) => {
                (rest.get(..length).unwrap_or(rest).to_vec(), rest.len() >= length)
            }
            Framing::Chunked => unchunk(rest)?,
            Framing::ToTheEnd => (rest.to_vec(), ended),
        };
        Ok(Some(Self { head, body: Zeroizing::new(body), is_whole }))
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether the server does not want the rest of the request. After the head of a success, it
    /// may still read on.
    pub(crate) fn refuses(&self) -> bool {
        !self.head.status().is_success()
    }

    /// Hides the answer in an error that its request fails with.
    pub(crate) fn into_error(mut self, by: Uri, kind: ErrorKind) -> ureq::Error {
        self.head.extensions_mut().insert(AnsweredBy(by));
        io::Error::new(kind, self).into()
    }

    /// Takes the answer out of the error that a request failed with.
    ///
    /// # Errors
    /// The error, if there is none in it.
    pub(crate) fn from_error(error: ureq::Error) -> Result<Response<Body>, ureq::Error> {
        let ureq::Error::Io(error) = error else { return Err(error) };
        let Self { head, body, is_whole } = error.downcast::<Self>()?;
        let end = if is_whole { End::Whole } else { End::CutOff };
        Ok(head.map(|()| Body::builder().reader(Cursor::new(body).chain(end))))
    }
}

impl fmt::Display for EarlyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {} before the request was sent", self.head.status().as_u16())
    }
}

impl fmt::Debug for EarlyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyAnswer").field("status", &self.head.status()).finish_non_exhaustive()
    }
}

impl StdError for EarlyAnswer {}

/// What comes behind the bytes that were read of a body.
enum End {
    Whole,
    CutOff,
}

impl Read for End {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole => Ok(0),
            Self::CutOff => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the connection broke off during the answer",
            )),
        }
    }
}

/// A head, and what comes behind it, if the head is whole.
fn parse_head(bytes: &[u8]) -> Parsed<(Response<()>, &[u8])> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let Status::Complete(length) = parsed.parse(bytes).map_err(|_| Malformed)? else {
        return Ok(None);
    };
    let mut head = Response::new(());
    *head.status_mut() =
        StatusCode::from_u16(parsed.code.ok_or(Malformed)?).map_err(|_| Malformed)?;
    *head.version_mut() =
        if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Malformed)?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| Malformed)?;
        head.headers_mut().try_append(name, value).map_err(|_| Malformed)?;
    }
    Ok(Some((head, bytes.get(length..).unwrap_or_default())))
}

/// What says where a body ends.
enum Framing {
    Length(usize),
    Chunked,
    /// The connection's end.
    ToTheEnd,
}

fn framing(head: &Response<()>) -> Framing {
    if matches!(head.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Framing::Length(0);
    }
    let text = |name| HeaderMap::get(head.headers(), name).and_then(|value| value.to_str().ok());
    if text(TRANSFER_ENCODING)
        .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("chunked"))
    {
        return Framing::Chunked;
    }
    let length = text(CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
    length.map_or(Framing::ToTheEnd, Framing::Length)
}

/// The content of the chunks that have come, and whether the last one is among them.
fn unchunk(mut bytes: &[u8]) -> Result<(Vec<u8>, bool), Malformed> {
    let mut body = Vec::with_capacity(bytes.len());
    loop {
        let Status::Complete((start, length)) =
            httparse::parse_chunk_size(bytes).map_err(|_| Malformed)?
        else {
            return Ok((body, false));
        };
        if length == 0 {
            return Ok((body, true));
        }
        let chunk = bytes.get(start..).unwrap_or_default();
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        body.extend_from_slice(chunk.get(..length).unwrap_or(chunk));
        // A line's end follows each chunk.
        let Some(rest) = length.checked_add(2).and_then(|end| chunk.get(end..)) else {
            return Ok((body, false));
        };
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, ended: bool) -> Option<(u16, String, bool)> {
        let answer = EarlyAnswer::parse(text.as_bytes(), ended).unwrap()?;
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        Some((answer.head.status().as_u16(), body, answer.is_whole))
    }

    #[test]
    fn interim_responses_are_skipped() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";
        assert_eq!(parse(interim, true), None);
        let answer = format!("{interim}HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!(parse(&answer, false), Some((401, "no".into(), true)));
        assert_eq!(parse(answer.get(..answer.len() - 5).unwrap(), false), None);
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        let parse = |headers: &str, body: &str, ended| {
            let (_, body, is_whole) =
                parse(&format!("HTTP/1.1 413 No\r\n{headers}\r\n{body}"), ended).unwrap();
            (body, is_whole)
        };
        assert_eq!(parse("Content-Length: 3\r\n", "no", true), ("no".into(), false));
        assert_eq!(parse("Content-Length: 1\r\n", "no", false), ("n".into(), true));
        assert_eq!(parse("", "no", false), ("no".into(), false));
        assert_eq!(parse("", "no", true), ("no".into(), true));
        let chunked = "Transfer-Encoding: Chunked\r\n";
        assert_eq!(parse(chunked, "2\r\nno\r\n1\r\n!\r\n0\r\n\r\n", false), ("no!".into(), true));
        for cut in ["2\r\nno\r\n1\r\n", "2\r\nno\r\n", "2\r\nno\r", "2\r\nno"] {
            assert_eq!(parse(chunked, cut, true), ("no".into(), false), "{cut:?}");
        }
        let huge = "ffffffffffffffff\r\nno";
        assert_eq!(parse(chunked, huge, true), ("no".into(), false));
    }

    #[test]
    fn other_bytes_are_no_answer() {
        for bytes in [b"\x17\x03\x03\0\x10 TLS".as_slice(), b"SSH-2.0-x\r\n"] {
            assert!(EarlyAnswer::parse(bytes, true).is_err());
        }
    }

    #[test]
    fn an_answer_goes_through_an_error_unseen() {
        let text =
            b"HTTP/1.1 413 No\r\nContent-Length: 9\r\nAuthorization: Bearer s3cret\r\n\r\ns3cret";
        let answer = EarlyAnswer::parse(text, true).unwrap().unwrap();
        let error = answer.into_error(Uri::from_static("http://127.0.0.1/"), ErrorKind::BrokenPipe);
        assert!(!format!("{error} {error:?} {error:#?}").contains("s3cret"));
        let mut response = EarlyAnswer::from_error(error).unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.extensions().get::<AnsweredBy>().unwrap().0, "http://127.0.0.1/");
        let read = response.body_mut().read_to_string();
        assert!(
            matches!(read, Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof)
        );
    }

    #[test]
    fn another_error_stays_as_it_is() {
        let error = io::Error::new(ErrorKind::ConnectionReset, "gone").into();
        assert_eq!(EarlyAnswer::from_error(error).unwrap_err().to_string(), "io: gone");
    }
}
