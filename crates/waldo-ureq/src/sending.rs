//! One sending of a request over ureq.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response};
use ureq::config::ConfigBuilder;
use ureq::typestate::HttpCrateScope;
use ureq::{Agent, AsSendBody, Body, SendBody};

use crate::error::Error;
use crate::payload::Payload;

/// How long `100 Continue` is waited for where the agent sets no limit: with none, a server that ignores `Expect` would hang the
/// call for ever. It is ureq's own default.
const AWAIT_100: Duration = Duration::from_secs(1);

/// What a request's headers say of its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description {
    /// There is one, though it may be empty.
    announced: bool,
    /// The length that frames it. ureq trusts it, and asks a body that falls short for ever.
    length: Option<u64>,
}

/// Adds the headers that only the body knows, where the user has not, and says what all of them say of it.
pub(crate) fn describe(head: &mut Parts, payload: &impl Payload) -> Description {
    // A body of nothing has a length on these methods only; on the others it is no body.
    let least = u64::from(!matches!(head.method, Method::POST | Method::PUT | Method::PATCH));
    if let Some(length) = payload.length()
        && length >= least
        && !head.headers.contains_key(TRANSFER_ENCODING)
    {
        head.headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    if payload.expects() {
        head.headers.entry(EXPECT).or_insert(HeaderValue::from_static("100-continue"));
    }
    let length = head.headers.get(CONTENT_LENGTH);
    Description {
        announced: length.is_some() || head.headers.contains_key(TRANSFER_ENCODING),
        length: length.and_then(|length| length.to_str().ok()?.trim().parse().ok()),
    }
}

/// Sends the request, with the payload as its body, within `left` if there is a limit.
///
/// Says also whether some of the body was asked for, so that a one-shot body is spent.
pub(crate) fn send(
    agent: &Agent,
    request: Request<()>,
    description: Description,
    payload: &mut impl Payload,
    left: Option<Duration>,
) -> (Result<Response<Body>, Error>, bool) {
    // What is announced is sent, even if it is nothing, or the server would wait for it.
    if payload.length() == Some(0) && !description.announced {
        return (run(agent, request, left).map_err(Error::Ureq), false);
    }
    let reader = match payload.reader() {
        Ok(reader) => reader,
        Err(error) => return (Err(Error::Body(error)), false),
    };
    let mut watched = Watched { reader, left: description.length, touched: false, failed: false };
    let result = match run(agent, request.map(|()| SendBody::from_reader(&mut watched)), left) {
        Err(ureq::Error::Io(error)) if watched.failed => Err(Error::Body(error)),
        result => result.map_err(Error::Ureq),
    };
    (result, watched.touched)
}

fn run<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
    left: Option<Duration>,
) -> Result<Response<Body>, ureq::Error> {
    if left.is_none() && is_as_configured(agent, &request) {
        return agent.run(request);
    }
    let settings = configure(agent, request).timeout_await_100(Some(await_100(agent)));
    // Time is the whole call's.
    let settings = if left.is_some() { settings.timeout_global(left) } else { settings };
    agent.run(settings.build())
}

/// Whether the agent's own settings are what [`configure`] would make of them. ureq copies them all for a request that has its own.
fn is_as_configured<S>(agent: &Agent, request: &Request<S>) -> bool {
    let config = agent.config();
    let goes_direct = !is_in_clear(request) || config.proxy().is_none();
    let waits_for_100 = config.timeouts().await_100 == Some(await_100(agent));
    let is_plain = !config.http_status_as_error() && config.max_redirects() == 0;
    is_plain && goes_direct && waits_for_100 && request.extensions().is_empty()
}

fn is_in_clear<S>(request: &Request<S>) -> bool {
    request.uri().scheme() == Some(&Scheme::HTTP)
}

/// What is this crate's to set, for calls and logins alike: a status is looked at before it is anybody's error, redirects are
/// delivered (rule 21), and what may go out in clear, because it stays on this machine (rule 3), goes through no proxy.
pub(crate) fn configure<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
) -> ConfigBuilder<HttpCrateScope<S>> {
    let in_clear = is_in_clear(&request);
    let settings = agent.configure_request(request).http_status_as_error(false).max_redirects(0);
    if in_clear { settings.proxy(None) } else { settings }
}

/// The agent's limit, but below its limit for one read: silence is an answer here, and a read that times out would fail the call.
fn await_100(agent: &Agent) -> Duration {
    let config = agent.config();
    let own = config.timeouts().await_100.unwrap_or(AWAIT_100);
    config.timeout_per_read().map_or(own, |read| own.min(read / 2))
}

/// A reader that counts, and remembers whether it was asked and whether it failed.
struct Watched<'a> {
    reader: Box<dyn Read + 'a>,
    /// What is still to come of the stated length.
    left: Option<u64>,
    touched: bool,
    failed: bool,
}

impl Watched<'_> {
    fn read_counted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else { return self.reader.read(buffer) };
        // ureq stops asking at the stated length, so the last read needs room for a byte that should not be there.
        let exact = buffer.len() > 1 && buffer.len() as u64 == left;
        let room = buffer.len() - usize::from(exact);
        let count = self.reader.read(buffer.get_mut(..room).unwrap_or_default())?;
        if count == 0 && left > 0 && room > 0 {
            let message = format!("the body ended {left} bytes before its stated length");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        self.left = left.checked_sub(count as u64);
        if self.left.is_none() {
            return Err(io::Error::new(ErrorKind::InvalidData, "the body is longer than its stated length"));
        }
        Ok(count)
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

#[cfg(test)]
mod tests {
    use ureq::Proxy;
    use ureq::typestate::AgentScope;

    use super::*;

    #[test]
    fn a_request_has_settings_of_its_own_unless_the_agents_are_the_same() {
        let plain = || Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
        let same = |settings: ConfigBuilder<AgentScope>, request: Request<()>| {
            is_as_configured(&settings.build().new_agent(), &request)
        };
        let to = |uri: &str| Request::get(uri).body(()).unwrap();
        let (clear, secure) = (|| to("http://127.0.0.1/"), || to("https://api.waldo.ai/"));
        let proxied = || plain().proxy(Some(Proxy::new("http://127.0.0.1:1").unwrap()));
        assert!(same(plain(), clear()) && same(plain(), secure()) && same(proxied(), secure()));
        assert!(!same(proxied(), clear()), "what goes out in clear goes through no proxy");
        assert!(!same(plain().http_status_as_error(true), secure()));
        assert!(!same(plain().max_redirects(1), secure()));
        assert!(!same(plain().timeout_await_100(None), secure()));
        assert!(!same(plain().timeout_per_read(Some(Duration::from_millis(10))), secure()));
        let own = plain().build().new_agent();
        let configured = own.configure_request(secure()).build();
        assert!(!is_as_configured(&own, &configured), "the user has put settings of another kind on it");
    }

    fn stated(length: u64, body: &'static [u8]) -> Watched<'static> {
        Watched { reader: Box::new(body), left: Some(length), touched: false, failed: false }
    }

    #[test]
    fn a_buffer_is_filled_but_for_a_byte_where_the_stated_length_ends_with_it() {
        let read = |length, room| stated(length, b"a longer text").read(&mut vec![0; room]).unwrap();
        assert_eq!(read(13, 4), 4);
        assert_eq!(read(4, 4), 3);
        assert_eq!(read(1, 1), 1, "there must be room for something");
        assert_eq!(read(4, 0), 0, "which is no early end");
    }

    #[test]
    fn behind_its_stated_length_a_body_has_ended() {
        let (mut body, mut buffer) = (stated(4, b"text"), [0; 8]);
        assert_eq!(body.read(&mut buffer).unwrap(), 4);
        assert_eq!(body.read(&mut buffer).unwrap(), 0);
        assert!(!body.failed);
    }
}
