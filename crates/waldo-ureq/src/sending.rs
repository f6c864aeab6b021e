//! One sending of a request over ureq: with its body at once, with a question before it, or as that question alone.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::HttpCrateScope;
use ureq::{Agent, AsSendBody, Body, ResponseExt, SendBody, Timeout};
use waldo_auth_core::Upload;

use crate::agent::default_config;
use crate::connector;
use crate::error::Error;
use crate::payload::Payload;

/// How long `100 Continue` is waited for. Without a limit, a server that ignores `Expect` would hang the call for ever.
const AWAIT_100: Duration = Duration::from_secs(1);

/// How long a write of an upload may make no progress. A server that refuses a token on the head may neither read on nor close.
/// TCP bridges a few lost packets in this time. ureq takes it up to three times, until a write makes no progress at all.
const STALL: Duration = Duration::from_secs(10);

/// The same for a call that has little time.
const MIN_STALL: Duration = Duration::from_secs(1);

/// A longer body is an upload (rule 24).
const MAX_SHORT_BODY: u64 = 64 * 1024;

/// What a request's headers say of its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description {
    /// There is one, though it may be empty.
    announced: bool,
    /// The length that frames it. ureq trusts it, and asks a body that falls short for ever.
    length: Option<u64>,
}

/// Adds the headers that only the body knows, where the user has not, and says what all of them say of it.
pub(crate) fn describe(head: &mut Parts, payload: &impl Payload) -> Result<Description, Error> {
    // A body of nothing has a length on these methods only; on the others it is no body.
    let least = u64::from(!matches!(head.method, Method::POST | Method::PUT | Method::PATCH));
    if let Some(length) = payload.length()
        && length >= least
        && !head.headers.contains_key(TRANSFER_ENCODING)
    {
        add(&mut head.headers, CONTENT_LENGTH, length.into())?;
    }
    let length = head.headers.get(CONTENT_LENGTH);
    Ok(Description {
        announced: length.is_some() || head.headers.contains_key(TRANSFER_ENCODING),
        length: length.and_then(|length| length.to_str().ok()?.trim().parse().ok()),
    })
}

/// Adds a header unless it is there.
pub(crate) fn add(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), Error> {
    // `entry` would panic if the map is full.
    headers.try_entry(name).map_err(|_| Error::TooManyHeaders)?.or_insert(value);
    Ok(())
}

/// What came of a sending.
pub(crate) struct Sent {
    pub(crate) result: Result<Response<Body>, Error>,
    /// Some of the body was asked for, so that a one-shot body is spent.
    pub(crate) touched: bool,
    pub(crate) ending: Ending,
}

/// What the end of a sending says of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What the response says; nothing if there is none.
    Usual,
    /// The connection failed while an upload was being sent, or a probe brought no answer: the token may have been refused.
    BrokeOff,
    /// A limit of the caller's ended while an upload was being sent. The same, but the call has ended.
    OutOfTime,
}

impl Sent {
    fn usual(result: Result<Response<Body>, Error>) -> Self {
        Self { result, touched: false, ending: Ending::Usual }
    }
}

/// The agent, and what is known of the server behind it.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    agent: Agent,
    /// The settings are a user's, so a middleware of them may send requests elsewhere.
    given: bool,
    /// The connections are this crate's, so the answer to a question is seen although the server keeps the connection.
    sees_answers: bool,
    /// The server was silent when it was asked for its `100 Continue`, or has answered 417.
    ignores_expect: Arc<AtomicBool>,
}

/// What a request is given beside the agent's own limits.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    /// For everything.
    left: Option<Duration>,
    /// For one write.
    stall: Option<Duration>,
    /// For `100 Continue`, if it was this crate that asked for it.
    await_100: Option<Duration>,
    /// For the response's head, once nothing more is sent.
    answer: Option<Duration>,
}

impl Sender {
    /// Sends with an agent of the user's.
    pub(crate) fn given(agent: Agent) -> Self {
        Self { agent, given: true, sees_answers: false, ignores_expect: Arc::default() }
    }

    /// Sends with settings of the user's.
    pub(crate) fn configured(config: Config) -> Self {
        Self { sees_answers: true, ..Self::given(connector::agent(config)) }
    }

    /// Sends with this crate's own settings, which have no middleware.
    pub(crate) fn own() -> Self {
        Self { given: false, ..Self::configured(default_config()) }
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Where a response came from, if it may be elsewhere than where the request was sent to.
    pub(crate) fn source<'a>(&self, response: &'a Response<Body>) -> Option<Cow<'a, Uri>> {
        // A response without extensions was made by a middleware, which speaks for the origin.
        if !self.given || response.extensions().is_empty() {
            return None;
        }
        // `get_uri` would panic if a middleware has made the response. One that is not this agent's comes from nowhere known.
        let visited = response.get_redirect_history().and_then(<[Uri]>::last);
        Some(visited.map_or_else(|| Cow::Owned(Uri::default()), Cow::Borrowed))
    }

    /// Sends the request, with the payload as its body, within `left` if there is a limit. An upload is sent as `how` says.
    pub(crate) fn send(
        &self,
        mut request: Request<()>,
        description: Description,
        payload: &mut impl Payload,
        how: Upload,
        left: Option<Duration>,
    ) -> Sent {
        // What is announced is sent, even if it is nothing, or the server would wait for it.
        if payload.length() == Some(0) && !description.announced {
            let limits = Limits { left, ..Limits::default() };
            return Sent::usual(self.run(request, limits).map_err(Error::Ureq));
        }
        let is_upload = payload.length().or(description.length).is_none_or(|length| length > MAX_SHORT_BODY);
        let how = if is_upload { how } else { Upload::Send };
        let limits = Limits { left, stall: is_upload.then(|| self.stall(left)), ..Limits::default() };
        let (asks, wait) = match how {
            Upload::Send => (payload.expects() && !self.ignores_expect(), self.await_100()),
            // How long a server may think about a token is not the agent's affair.
            Upload::Ask | Upload::Probe => (true, self.within_a_read(AWAIT_100)),
        };
        if !asks || request.headers().contains_key(EXPECT) && how != Upload::Probe {
            return self.exchange(request, description, payload, limits);
        }
        let plain = request.clone();
        if let Err(error) = self.ask(request.headers_mut()) {
            return Sent::usual(Err(error));
        }
        let (began, asking) = (Instant::now(), Limits { await_100: Some(wait), ..limits });
        if how == Upload::Probe {
            return self.probe(request, asking);
        }
        let sent = self.exchange(request, description, payload, asking);
        let is_417 = |response: &Response<Body>| response.status() == StatusCode::EXPECTATION_FAILED;
        if sent.touched || !sent.result.as_ref().is_ok_and(is_417) {
            return sent;
        }
        // It was not the call that failed, but the question. So far nothing was sent but a head.
        self.learn(true);
        let left = left.map(|left| left.saturating_sub(began.elapsed()));
        self.exchange(plain, description, payload, Limits { left, ..limits })
    }

    /// Asks the server whether it wants the body.
    fn ask(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        add(headers, EXPECT, HeaderValue::from_static("100-continue"))?;
        if self.sees_answers {
            return Ok(());
        }
        // The end of the connection shows the answer, too.
        add(headers, CONNECTION, HeaderValue::from_static("close"))
    }

    /// Sends the whole request once.
    fn exchange(
        &self,
        request: Request<()>,
        description: Description,
        payload: &mut impl Payload,
        limits: Limits,
    ) -> Sent {
        let reader = match payload.reader() {
            Ok(reader) => reader,
            Err(error) => return Sent::usual(Err(Error::Body(error))),
        };
        let mut body = Watched::new(reader, description.length);
        let began = Instant::now();
        let result = self.run(request.map(|()| SendBody::from_reader(&mut body)), limits);
        if let (Some(wait), Some(asked)) = (limits.await_100, body.touched) {
            // The time includes that of a new connection. Who is slow to connect to is asked once too seldom, at worst.
            self.learn(asked.saturating_duration_since(began) >= wait);
        }
        let (touched, is_upload) = (body.touched.is_some(), limits.stall.is_some());
        let ending = match &result {
            Err(error) if is_upload && touched && !body.failed => ending(error, body.ended),
            _ => Ending::Usual,
        };
        if ending != Ending::Usual {
            self.learn(false);
        }
        let failed = body.failed;
        let result = result.map_err(|error| match (error, ending) {
            (ureq::Error::Io(error), _) if failed => Error::Body(error),
            (error, Ending::BrokeOff) => Error::BrokeOff(error),
            (error, Ending::Usual | Ending::OutOfTime) => Error::Ureq(error),
        });
        Sent { result, touched, ending }
    }

    /// Sends the head of a request, whose body stays here whatever the server says.
    fn probe(&self, request: Request<()>, limits: Limits) -> Sent {
        let limits = Limits { answer: limits.stall, ..limits };
        let mut withheld = Withheld;
        let result = self.run(request.map(|()| SendBody::from_reader(&mut withheld)), limits);
        let result = result.map_err(Error::Ureq);
        let status = match &result {
            Ok(response) => Some(response.status()),
            Err(error) => error.status(),
        };
        let is_answer = status.is_some_and(|status| status != StatusCode::EXPECTATION_FAILED);
        let ending = if is_answer { Ending::Usual } else { Ending::BrokeOff };
        Sent { result, touched: false, ending }
    }

    fn run<S: AsSendBody>(&self, request: Request<S>, limits: Limits) -> Result<Response<Body>, ureq::Error> {
        let Limits { left, stall, await_100, answer } = limits;
        let needs_none = left.is_none() && stall.is_none() && await_100.is_none();
        if needs_none && self.is_as_configured(&request) {
            return self.agent.run(request);
        }
        let timeouts = self.agent.config().timeouts();
        let wait = await_100.unwrap_or_else(|| self.await_100());
        let mut settings = self.configure(request).timeout_await_100(Some(wait));
        // Time is the whole call's.
        if left.is_some() {
            settings = settings.timeout_global(left);
        }
        if stall.is_some() {
            settings = settings.timeout_per_write(stall);
        }
        if let Some(answer) = answer {
            let own = timeouts.recv_response.unwrap_or(answer);
            settings = settings.timeout_recv_response(Some(own.min(answer)));
        }
        self.agent.run(settings.build())
    }

    /// What is this crate's to set, for calls and logins alike: a status is looked at before it is anybody's error, redirects are
    /// delivered (rule 21), and what may go out in clear, because it stays on this machine (rule 3), goes through no proxy.
    pub(crate) fn configure<S: AsSendBody>(&self, request: Request<S>) -> ConfigBuilder<HttpCrateScope<S>> {
        let in_clear = is_in_clear(&request);
        let settings = self
            .agent
            .configure_request(request)
            .http_status_as_error(false)
            .max_redirects(0)
            .save_redirect_history(self.given);
        if in_clear { settings.proxy(None) } else { settings }
    }

    /// Whether the agent's own settings are what [`configure`](Self::configure) would make of them. ureq copies them all for a request
    /// that has its own.
    fn is_as_configured<S>(&self, request: &Request<S>) -> bool {
        let config = self.agent.config();
        let goes_direct = !is_in_clear(request) || config.proxy().is_none();
        let waits_for_100 = config.timeouts().await_100 == Some(self.await_100());
        let is_plain = !config.http_status_as_error() && config.max_redirects() == 0;
        let tells_source = config.save_redirect_history() || !self.given;
        is_plain && tells_source && goes_direct && waits_for_100 && request.extensions().is_empty()
    }

    /// The agent's limit for `100 Continue`.
    fn await_100(&self) -> Duration {
        self.within_a_read(self.agent.config().timeouts().await_100.unwrap_or(AWAIT_100))
    }

    /// Below the agent's limit for one read: silence is an answer here, and a read that times out would fail the call.
    fn within_a_read(&self, wait: Duration) -> Duration {
        self.agent.config().timeout_per_read().map_or(wait, |read| wait.min(read / 2))
    }

    /// How long a write may make no progress: no longer than the agent says, and so that there is time to ask about the token.
    fn stall(&self, left: Option<Duration>) -> Duration {
        let own = self.agent.config().timeout_per_write().unwrap_or(STALL).min(STALL);
        left.map_or(own, |left| own.min(MIN_STALL.max(left / 5)))
    }

    fn ignores_expect(&self) -> bool {
        self.ignores_expect.load(Ordering::Relaxed)
    }

    fn learn(&self, ignores_expect: bool) {
        self.ignores_expect.store(ignores_expect, Ordering::Relaxed);
    }
}

fn is_in_clear<S>(request: &Request<S>) -> bool {
    request.uri().scheme() != Some(&Scheme::HTTPS)
}

/// What an error says of the token, if it came while an upload was being sent or its response was waited for.
fn ending(error: &ureq::Error, body_ended: bool) -> Ending {
    let is_in_time =
        !matches!(error, ureq::Error::Timeout(Timeout::Global | Timeout::PerCall | Timeout::SendBody));
    if is_break_off(error) {
        Ending::BrokeOff
    } else if is_in_time || body_ended {
        Ending::Usual
    } else {
        Ending::OutOfTime
    }
}

fn is_break_off(error: &ureq::Error) -> bool {
    if let ureq::Error::Io(error) = error {
        let kind = error.kind();
        return matches!(
            kind,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
        );
    }
    matches!(error, ureq::Error::Timeout(Timeout::PerWrite))
}

/// A reader that counts, and remembers when it was asked first, and how it ended.
struct Watched<'a> {
    reader: Box<dyn Read + 'a>,
    /// What is still to come of the stated length.
    left: Option<u64>,
    touched: Option<Instant>,
    ended: bool,
    failed: bool,
}

impl<'a> Watched<'a> {
    fn new(reader: Box<dyn Read + 'a>, left: Option<u64>) -> Self {
        Self { reader, left, touched: None, ended: false, failed: false }
    }

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
        self.touched.get_or_insert_with(Instant::now);
        let read = self.read_counted(buffer);
        self.failed = read.is_err();
        self.ended = self.left == Some(0) || matches!(read, Ok(0));
        read
    }
}

/// The body of a probe.
struct Withheld;

impl Read for Withheld {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("a probe has no body"))
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
            Sender { given: false, ..Sender::configured(settings.build()) }.is_as_configured(&request)
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
        let own = Sender::own();
        let configured = own.agent.configure_request(secure()).build();
        assert!(own.is_as_configured(&secure()));
        assert!(!own.is_as_configured(&configured), "the user has put settings of another kind on it");
        let given = |settings: ConfigBuilder<AgentScope>| {
            Sender::configured(settings.build()).is_as_configured(&secure())
        };
        assert!(!given(plain()), "a middleware may send it elsewhere");
        assert!(given(plain().save_redirect_history(true)));
    }

    fn stated(length: u64, body: &'static [u8]) -> Watched<'static> {
        Watched::new(Box::new(body), Some(length))
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
        assert!(body.ended && !body.failed);
    }
}
