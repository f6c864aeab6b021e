//! One sending of a request over ureq.

use std::io::{self, Read};
use std::time::Duration;

use http::header::EXPECT;
use http::{Method, Request, Response};
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
/// When the payload cannot be produced or read. What ureq has to say is in the answer.
pub(crate) fn send<P: Payload>(
    agent: &Agent,
    request: Request<()>,
    payload: &mut P,
    left: Option<Duration>,
) -> Result<Sent, Error> {
    let untouched = |result| Ok(Sent { result, touched: false });
    let (head, ()) = request.into_parts();
    match payload.content().map_err(Error::Body)? {
        // ureq takes "no body" on these methods for one of unknown length and sends it in chunks.
        Content::Empty if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            untouched(run(agent, Request::from_parts(head, ""), left))
        }
        Content::Empty => untouched(run(agent, Request::from_parts(head, SendBody::none()), left)),
        Content::Bytes(bytes) => untouched(run(agent, Request::from_parts(head, bytes), left)),
        Content::Reader(reader) => {
            let mut watched = Watched { reader, touched: false, failed: false };
            let body = SendBody::from_reader(&mut watched);
            match run(agent, Request::from_parts(head, body), left) {
                Err(ureq::Error::Io(error)) if watched.failed => Err(Error::Body(error)),
                result => Ok(Sent { result, touched: watched.touched }),
            }
        }
    }
}

/// The three settings that are this crate's: a status is looked at before it is anybody's error, redirects are delivered (rule 21), and
/// time is the whole call's.
fn run<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
    left: Option<Duration>,
) -> Result<Response<Body>, ureq::Error> {
    let expects = request.headers().contains_key(EXPECT);
    let mut settings = agent.configure_request(request).http_status_as_error(false).max_redirects(0);
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

/// A reader that remembers whether it was asked, and whether it failed.
struct Watched<'a> {
    reader: &'a mut dyn Read,
    touched: bool,
    failed: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.touched = true;
        let read = self.reader.read(buffer);
        self.failed = read.is_err();
        read
    }
}
