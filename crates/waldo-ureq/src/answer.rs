//! An answer that came before its request was completely sent.
//!
//! ureq reads nothing after a failed write. So the connection reads the answer, and returns it
//! inside the error.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Cursor, ErrorKind, Read};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, Version};
use httparse::{EMPTY_HEADER, Status};
use ureq::Body;
use zeroize::Zeroizing;

/// The largest part of an answer that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// The largest number of headers of an answer.
const MAX_HEADERS: usize = 128;

/// An answer with a complete head.
pub(crate) struct EarlyAnswer {
    head: Response<()>,
    /// The part of the body that has come. It may hold a token.
    body: Zeroizing<Vec<u8>>,
    is_whole: bool,
}

/// The URI that an early answer came from. It is an extension of the answer.
#[derive(Clone, Debug)]
pub(crate) struct AnsweredBy(pub(crate) Uri);

/// The bytes are no HTTP.
#[derive(Debug)]
pub(crate) struct Malformed;

/// The parsed value; `None` if more bytes are needed.
type Parsed<T> = Result<Option<T>, Malformed>;

impl EarlyAnswer {
    /// Parses the bytes that have come, if the head of the final response is complete. If `ended`,
    /// no more bytes will come.
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

    /// Whether the server refuses the rest of the request. After the head of a success, the server
    /// may still read on.
    pub(crate) fn refuses(&self) -> bool {
        !self.head.status().is_success()
    }

    /// Puts the answer into the error with which its request fails.
    pub(crate) fn into_error(mut self, by: Uri, kind: ErrorKind) -> ureq::Error {
        self.head.extensions_mut().insert(AnsweredBy(by));
        io::Error::new(kind, self).into()
    }

    /// Takes the answer out of the error with which a request failed.
    ///
    /// # Errors
    /// Returns the error, if it holds no answer.
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

/// What follows the bytes of the body that were read.
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

/// A head and the bytes after it, if the head is complete.
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

/// How the end of a body is found.
enum Framing {
    Length(usize),
    Chunked,
    /// The body ends with the connection.
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

/// The content of the chunks that have come, and whether the last chunk has come.
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
        // A line end follows each chunk.
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
