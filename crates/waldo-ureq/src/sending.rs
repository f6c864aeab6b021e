//! One sending of a request over ureq.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response};
use ureq::config::ConfigBuilder;
use ureq::typestate::HttpCrateScope;
use ureq::{Agent, AsSendBody, Body, SendBody};

use crate::error::Error;
use crate::payload::Payload;
use crate::payload::sealed::Content;

/// How long `100 Continue` is waited for where the agent sets no limit: with none, a server that ignores `Expect` would hang the
/// call for ever. It is ureq's own default.
const AWAIT_100: Duration = Duration::from_secs(1);

/// What came of a sending.
pub(crate) struct Sent {
    pub(crate) result: Result<Response<Body>, ureq::Error>,
    /// Some of the body was asked for, so a one-shot body is spent.
    pub(crate) touched: bool,
}

/// Sends the request, with the payload as its body, within `left` if there is a limit.
///
/// # Errors
/// When the payload cannot be produced or read, or is not as long as the request says. What ureq has to say is in the answer.
pub(crate) fn send<P: Payload>(
    agent: &Agent,
    request: Request<()>,
    payload: &mut P,
    left: Option<Duration>,
) -> Result<Sent, Error> {
    let untouched = |result| Ok(Sent { result, touched: false });
    let stated = stated_length(request.headers());
    let (head, ()) = request.into_parts();
    match payload.content().map_err(Error::Body)? {
        Content::Reader(reader) => {
            let mut watched = Watched { reader, left: stated, touched: false, failed: false };
            let body = SendBody::from_reader(&mut watched);
            match run(agent, Request::from_parts(head, body), left) {
                Err(ureq::Error::Io(error)) if watched.failed => Err(Error::Body(error)),
                result => Ok(Sent { result, touched: watched.touched }),
            }
        }
        Content::Bytes(bytes) => {
            agree(stated, bytes.len())?;
            // ureq takes "none" on these methods for a body of unknown length and sends it in chunks.
            if bytes.is_empty() && !matches!(head.method, Method::POST | Method::PUT | Method::PATCH) {
                untouched(run(agent, Request::from_parts(head, SendBody::none()), left))
            } else {
                untouched(run(agent, Request::from_parts(head, bytes), left))
            }
        }
    }
}

/// The length that frames the body, if its headers state one. ureq trusts it, and asks a body that falls short for ever.
fn stated_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn agree(stated: Option<u64>, length: usize) -> Result<(), Error> {
    match stated {
        Some(stated) if u64::try_from(length) != Ok(stated) => {
            let message = format!("the content-length header says {stated}, but the body has {length} bytes");
            Err(Error::Body(io::Error::new(ErrorKind::InvalidInput, message)))
        }
        Some(_) | None => Ok(()),
    }
}

/// What is this crate's to set, for calls and logins alike: a status is looked at before it is anybody's error, redirects are
/// delivered (rule 21), and what may go out in clear, because it stays on this machine (rule 3), goes through no proxy.
pub(crate) fn configure<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
) -> ConfigBuilder<HttpCrateScope<S>> {
    let in_clear = request.uri().scheme() == Some(&Scheme::HTTP);
    let settings = agent.configure_request(request).http_status_as_error(false).max_redirects(0);
    if in_clear { settings.proxy(None) } else { settings }
}

fn run<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
    left: Option<Duration>,
) -> Result<Response<Body>, ureq::Error> {
    let expects = request.headers().contains_key(EXPECT);
    let mut settings = configure(agent, request);
    // Time is the whole call's.
    if left.is_some() {
        settings = settings.timeout_global(left);
    }
    if expects {
        settings = settings.timeout_await_100(Some(await_100(agent)));
    }
    agent.run(settings.build())
}

/// The agent's limit, but below its limit for one read: silence is an answer here, and a read that times out would fail the call.
fn await_100(agent: &Agent) -> Duration {
    let config = agent.config();
    let own = config.timeouts().await_100.unwrap_or(AWAIT_100);
    config.timeout_per_read().map_or(own, |read| own.min(read / 2))
}

/// A reader that counts, and remembers whether it was asked and whether it failed.
struct Watched<'a> {
    reader: &'a mut dyn Read,
    /// What is still to come of the stated length.
    left: Option<u64>,
    touched: bool,
    failed: bool,
}

impl Watched<'_> {
    fn read_counted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else { return self.reader.read(buffer) };
        // ureq stops asking at the stated length, so the last read needs room for a byte that should not be there.
        let exact = buffer.len() > 1 && u64::try_from(buffer.len()) == Ok(left);
        let room = buffer.len() - usize::from(exact);
        let count = self.reader.read(buffer.get_mut(..room).unwrap_or_default())?;
        if count == 0 && left > 0 && room > 0 {
            let message = format!("the body ended {left} bytes before its stated length");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        let rest = u64::try_from(count).ok().and_then(|count| left.checked_sub(count));
        self.left = rest;
        match rest {
            Some(_) => Ok(count),
            None => Err(io::Error::new(ErrorKind::InvalidData, "the body is longer than its stated length")),
        }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.touched = true;
        let read = self.read_counted(buffer);
        self.failed = read.is_err();
        read
    }
}
