//! One sending of a request over ureq, in one of three ways: with its body at once, with its body
//! after the server was asked, or as a head-only attempt.

use std::borrow::Cow;
use std::io::ErrorKind;
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
use crate::answer::{AnsweredBy, EarlyAnswer};
use crate::connector;
use crate::error::Error;
use crate::payload::Payload;
use crate::reader::{Watched, Withheld};

/// How long a write of an upload may make no progress. A server may refuse a token on the head,
/// leave the body unread and keep the connection open, so a limit is needed. TCP recovers from a
/// few lost packets in this time. ureq may wait up to three times as long.
const STALL: Duration = Duration::from_secs(10);

/// The smallest value of [`STALL`], for a call that has little time.
const MIN_STALL: Duration = Duration::from_secs(1);

/// The headers' description of the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description {
    /// The request has a body, which may be empty.
    announced: bool,
    /// The `Content-Length`. ureq trusts it, and reads a shorter body for ever.
    length: Option<u64>,
}

/// Adds the headers of the body that the user has not set, and returns the description of the body.
pub(crate) fn describe(head: &mut Parts, payload: &impl Payload) -> Result<Description, Error> {
    // An empty body has a `Content-Length` on these methods only. On other methods it is no body.
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

/// Adds a header, unless the request already has it.
pub(crate) fn add(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), Error> {
    // `entry` would panic if the map is full.
    headers.try_entry(name).map_err(|_| Error::TooManyHeaders)?.or_insert(value);
    Ok(())
}

/// The result of a sending.
pub(crate) struct Sent {
    pub(crate) result: Result<Response<Body>, Error>,
    /// Whether ureq has read from the body. Then a one-shot body is spent.
    pub(crate) touched: bool,
    pub(crate) ending: Ending,
}

/// What the end of a sending shows about the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The response decides. An end without a response shows nothing about the token.
    Usual,
    /// The connection failed during an upload, or a head-only attempt got no answer. So the token
    /// may have been refused.
    BrokeOff,
    /// A timeout of the caller ended during an upload. The token may have been refused, and the
    /// call has ended.
    OutOfTime,
}

impl Sent {
    fn usual(result: Result<Response<Body>, Error>) -> Self {
        Self { result, touched: false, ending: Ending::Usual }
    }

    /// Counts a connection that the server has ended as broken off, even if none of the body was
    /// sent.
    fn or_broke_off(self) -> Self {
        match self.result {
            Err(Error::Ureq(error)) if is_break_off(&error) => {
                Self { result: Err(Error::BrokeOff(error)), ending: Ending::BrokeOff, ..self }
            }
            _ => self,
        }
    }
}

/// The agent, and facts that this crate has learned about its server.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    agent: Agent,
    /// Whether the user gave the settings. Then a middleware may send requests to another server.
    given: bool,
    /// Whether the connections are this crate's own. Then this crate sees the answer to `Expect`
    /// even if the server keeps the connection open.
    sees_answers: bool,
    /// Whether the server did not answer `Expect: 100-continue` in time, or answered 417.
    ignores_expect: Arc<AtomicBool>,
    /// Whether an upload broke off after the server had asked for the body. Such a server may send
    /// 100 before it checks the token, and a server that is asked to close does not read the body.
    continues_first: Arc<AtomicBool>,
}

/// The limits of a request, besides the limits of the agent.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    /// The time for the whole exchange.
    left: Option<Duration>,
    /// The time for one write.
    stall: Option<Duration>,
    /// The time for the `100 Continue`, if this crate sent `Expect`.
    await_100: Option<Duration>,
    /// The time for the head of the response, after the request was sent.
    answer: Option<Duration>,
}

impl Sender {
    /// Sends with the user's agent.
    pub(crate) fn given(agent: Agent) -> Self {
        Self {
            agent,
            given: true,
            sees_answers: false,
            ignores_expect: Arc::default(),
            continues_first: Arc::default(),
        }
    }

    /// Sends with the user's settings.
    pub(crate) fn configured(config: Config) -> Self {
        Self { sees_answers: true, ..Self::given(connector::agent(config)) }
    }

    /// Sends with this crate's own settings, which have no middleware, and with this timeout.
    pub(crate) fn own(timeout: Option<Duration>) -> Self {
        Self { given: false, ..Self::configured(default_config(timeout)) }
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The URI that a response came from, if a middleware may have sent the request elsewhere.
    pub(crate) fn source<'a>(&self, response: &'a Response<Body>) -> Option<Cow<'a, Uri>> {
        // The connection has read an early answer itself, so it recorded the URI.
        if let Some(AnsweredBy(uri)) = response.extensions().get().filter(|_| self.given) {
            return Some(Cow::Borrowed(uri));
        }
        // A response without extensions was made by a middleware, and counts as the origin's.
        if !self.given || response.extensions().is_empty() {
            return None;
        }
        // Do not use `get_uri`: it panics if a middleware has made the response. If another agent
        // has made the response, the source is unknown, which an empty URI stands for.
        let visited = response.get_redirect_history().and_then(<[Uri]>::last);
        Some(visited.map_or_else(|| Cow::Owned(Uri::default()), Cow::Borrowed))
    }

    /// Sends the request with the payload as its body, within `left` if it is set. An upload is
    /// sent as `how` says.
    pub(crate) fn send(
        &self,
        mut request: Request<()>,
        description: Description,
        payload: &mut impl Payload,
        how: Upload,
        left: Option<Duration>,
    ) -> Sent {
        // Send an announced body even if it is empty, because the server waits for it.
        if payload.length() == Some(0) && !description.announced {
            let limits = Limits { left, ..Limits::default() };
            return Sent::usual(self.run(request, limits).map_err(Error::Ureq));
        }
        let is_upload = payload
            .length()
            .or(description.length)
            .is_none_or(|length| length > Upload::MAX_SHORT_BODY);
        let how = if is_upload { how } else { Upload::Send };
        let limits =
            Limits { left, stall: is_upload.then(|| self.stall(left)), ..Limits::default() };
        let (asks, wait) = match how {
            Upload::Send => (payload.expects() && !self.ignores_expect(), self.await_100()),
            // This crate sets the time for the answer to `Expect`, and not the agent.
            Upload::ExpectContinue | Upload::HeadOnly => {
                (true, self.within_a_read(Upload::CONTINUE_TIMEOUT))
            }
        };
        if !asks || request.headers().contains_key(EXPECT) && how != Upload::HeadOnly {
            return self.exchange(request, description, payload, limits);
        }
        let plain = request.clone();
        if let Err(error) = self.ask(request.headers_mut(), how) {
            return Sent::usual(Err(error));
        }
        let (began, asking) = (Instant::now(), Limits { await_100: Some(wait), ..limits });
        if how == Upload::HeadOnly {
            return self.probe(request, asking);
        }
        let mut sent = self.exchange(request, description, payload, asking);
        // The server may have ended the connection because of the doubtful token.
        if how == Upload::ExpectContinue && !sent.touched {
            sent = sent.or_broke_off();
        }
        let is_417 =
            |response: &Response<Body>| response.status() == StatusCode::EXPECTATION_FAILED;
        if sent.touched || !sent.result.as_ref().is_ok_and(is_417) {
            return sent;
        }
        // A 417 refuses `Expect` and not the call. Only a head was sent, so the request can be sent
        // again.
        self.learn(true);
        let left = left.map(|left| left.saturating_sub(began.elapsed()));
        self.exchange(plain, description, payload, Limits { left, ..limits })
    }

    /// Adds the headers that ask the server before the body is sent.
    fn ask(&self, headers: &mut HeaderMap, how: Upload) -> Result<(), Error> {
        add(headers, EXPECT, HeaderValue::from_static("100-continue"))?;
        let sends_body = how != Upload::HeadOnly;
        if self.sees_answers || sends_body && self.continues_first.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Ask the server to close the connection, because ureq then sees the answer at the
        // connection's end.
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
        let mut continued = false;
        if let (Some(wait), Some(asked)) = (limits.await_100, body.touched) {
            // The time includes connecting. If connecting is slow, a later request may not ask,
            // which does little harm.
            continued = asked.saturating_duration_since(began) < wait;
            self.learn(!continued);
        }
        let (touched, is_upload) = (body.touched.is_some(), limits.stall.is_some());
        let ending = match &result {
            Err(error) if is_upload && touched && !body.failed => ending(error, body.ended),
            _ => Ending::Usual,
        };
        if ending != Ending::Usual {
            self.learn(false);
            self.continues_first.fetch_or(continued, Ordering::Relaxed);
        }
        let failed = body.failed;
        let result = result.map_err(|error| match (error, ending) {
            // ureq unwraps an `io::Error` that holds an error of another request of ureq.
            (error, _) if failed => Error::Body(error.into_io()),
            (error, Ending::BrokeOff) => Error::BrokeOff(error),
            (error, Ending::Usual | Ending::OutOfTime) => Error::Ureq(error),
        });
        Sent { result, touched, ending }
    }

    /// Sends the head of a request, and never its body.
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

    fn run<S: AsSendBody>(
        &self,
        request: Request<S>,
        limits: Limits,
    ) -> Result<Response<Body>, ureq::Error> {
        let Limits { left, stall, await_100, answer } = limits;
        let timeouts = self.agent.config().timeouts();
        let needs_none = left == timeouts.global && stall.is_none() && await_100.is_none();
        if needs_none && self.is_as_configured(&request) {
            return self.perform(request);
        }
        let wait = await_100.unwrap_or_else(|| self.await_100());
        let mut settings = self.configure(request).timeout_await_100(Some(wait));
        // `left` limits the whole call, so it replaces the agent's limit. A limit of the request's
        // own settings stays if there is no other.
        if left.is_some() || timeouts.global.is_some() {
            settings = settings.timeout_global(left);
        }
        if stall.is_some() {
            settings = settings.timeout_per_write(stall);
        }
        if let Some(answer) = answer {
            let own = timeouts.recv_response.unwrap_or(answer);
            settings = settings.timeout_recv_response(Some(own.min(answer)));
        }
        self.perform(settings.build())
    }

    /// Sends a request. An answer counts even if the request was not completely sent.
    pub(crate) fn perform<S: AsSendBody>(
        &self,
        request: Request<S>,
    ) -> Result<Response<Body>, ureq::Error> {
        self.agent.run(request).or_else(EarlyAnswer::from_error)
    }

    /// Applies the settings that calls and logins need. A status is no error. A redirect is not
    /// followed (rule 21). A request to an `http` origin, which is this machine (rule 3), uses no
    /// proxy.
    pub(crate) fn configure<S: AsSendBody>(
        &self,
        request: Request<S>,
    ) -> ConfigBuilder<HttpCrateScope<S>> {
        let in_clear = is_in_clear(&request);
        let settings = self
            .agent
            .configure_request(request)
            .http_status_as_error(false)
            .max_redirects(0)
            .save_redirect_history(self.given);
        if in_clear { settings.proxy(None) } else { settings }
    }

    /// Whether [`configure`](Self::configure) would change none of the agent's settings. Then the
    /// request needs no own settings, for which ureq would copy all settings.
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
        self.within_a_read(
            self.agent.config().timeouts().await_100.unwrap_or(Upload::CONTINUE_TIMEOUT),
        )
    }

    /// `wait`, but at most half of the agent's limit for one read. Silence counts as an answer
    /// here, but a read that times out would fail the call.
    fn within_a_read(&self, wait: Duration) -> Duration {
        self.agent.config().timeout_per_read().map_or(wait, |read| wait.min(read / 2))
    }

    /// How long a write may make no progress: at most the agent's own limit, and short enough to
    /// leave time for a head-only attempt.
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

/// What an error shows about the token. The error came during an upload, or during the wait for its
/// response.
fn ending(error: &ureq::Error, body_ended: bool) -> Ending {
    let is_in_time = !matches!(
        error,
        ureq::Error::Timeout(Timeout::Global | Timeout::PerCall | Timeout::SendBody)
    );
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
            // The last kind is ureq's own, for a connection that the server has ended.
            ErrorKind::BrokenPipe
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::UnexpectedEof
        );
    }
    matches!(error, ureq::Error::Timeout(Timeout::PerWrite))
}

#[cfg(test)]
mod tests {
    use ureq::Proxy;
    use ureq::typestate::AgentScope;

    use super::*;

    #[test]
    fn a_request_has_own_settings_unless_the_agents_fit() {
        let plain =
            || Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
        let same = |settings: ConfigBuilder<AgentScope>, request: Request<()>| {
            Sender { given: false, ..Sender::configured(settings.build()) }
                .is_as_configured(&request)
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
        let own = Sender::own(None);
        let configured = own.agent.configure_request(secure()).build();
        assert!(own.is_as_configured(&secure()));
        assert!(
            !own.is_as_configured(&configured),
            "the user has put settings of another kind on it"
        );
        let given = |settings: ConfigBuilder<AgentScope>| {
            Sender::configured(settings.build()).is_as_configured(&secure())
        };
        assert!(!given(plain()), "a middleware may send it elsewhere");
        assert!(given(plain().save_redirect_history(true)));
    }
}
