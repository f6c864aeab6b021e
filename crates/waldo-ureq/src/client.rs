//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use ureq::{Agent, Body};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Explanation, Head, NotResumed, Origin, Permit, Session, Snapshot,
    Verdict,
};

use crate::budget::Budget;
use crate::builder::ClientBuilder;
use crate::env::EnvError;
use crate::error::{Error, status_of};
use crate::monitor::{Admission, Monitor};
use crate::payload::Payload;
use crate::request::RequestBuilder;
use crate::sending::{Sent, send};
use crate::target::{foreign, resolve};

/// A client of the Waldo API that logs in by itself, keeps the token fresh, and sends a call again when its token is refused.
///
/// Clones share one session, one connection pool and one token, so clone it freely into threads.
///
/// ```
/// # use waldo_emulator::{Emulator, model::Server};
/// use waldo_ureq::{Client, Credentials};
///
/// # let emulator = Emulator::start(Server::default())?;
/// # let (key, secret, origin) = (Server::KEY_ID, Server::KEY_SECRET, emulator.origin());
/// let client = Client::builder(Credentials::new(key, secret)?).origin(origin).build()?;
/// let mut response = client.get("/customer").query("field", "id").call()?;
/// println!("{}", response.body_mut().read_to_string()?);
/// # assert_eq!(emulator.stats().server.logins_granted, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    agent: Agent,
    origin: Origin,
    session: Monitor,
    max_wait: Option<Duration>,
}

/// What a call may say differently from its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// For the whole call.
    pub(crate) budget: Option<Duration>,
    pub(crate) status_as_error: bool,
}

impl Client {
    /// Starts from the defaults: production, ureq's settings, waits of at most a minute.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder::new(credentials)
    }

    /// Takes the key pair from `WALDO_API_KEY` and `WALDO_CLIENT_SECRET`, and the origin from `WALDO_ORIGIN` if that is set.
    ///
    /// # Errors
    /// Which variable is missing, empty or unusable, and why; never its value.
    pub fn from_env() -> Result<Self, EnvError> {
        Ok(ClientBuilder::from_env()?.build()?)
    }

    pub(crate) fn new(agent: Agent, config: Config, max_wait: Option<Duration>) -> Self {
        let origin = config.origin().clone();
        let session = Monitor::new(Session::new(config));
        Self { inner: Arc::new(Inner { agent, origin, session, max_wait }) }
    }

    /// A `GET` of a path such as `/customer`, or of a URL of the client's origin.
    pub fn get(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::GET, target.as_ref())
    }

    /// A `POST` to a path such as `/onboard`, or to a URL of the client's origin.
    pub fn post(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::POST, target.as_ref())
    }

    /// A `PUT` to a path, or to a URL of the client's origin.
    pub fn put(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PUT, target.as_ref())
    }

    /// A `PATCH` of a path, or of a URL of the client's origin.
    pub fn patch(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PATCH, target.as_ref())
    }

    /// A `DELETE` of a path, or of a URL of the client's origin.
    pub fn delete(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::DELETE, target.as_ref())
    }

    /// A `HEAD` of a path, or of a URL of the client's origin.
    pub fn head(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::HEAD, target.as_ref())
    }

    /// Sends a request of the `http` crate, as ureq's `Agent::run` does. Its URI may be a path alone.
    ///
    /// What [`Agent::configure_request`](https://docs.rs/ureq/3/ureq/struct.Agent.html#method.configure_request) has put on the
    /// request is respected, except `http_status_as_error` and `max_redirects`, and `timeout_global` where the agent has one: of
    /// these, the agent's own count.
    ///
    /// ```no_run
    /// # fn upload(client: &waldo_ureq::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::fs::File;
    /// use waldo_ureq::{Factory, http::Request};
    ///
    /// let request = Request::post("/document")
    ///     .header("content-type", "application/pdf")
    ///     .body(Factory::new(|| File::open("passport.pdf")))?;
    /// let response = client.run(request)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`Error`]; with `http_status_as_error`, which is ureq's default, a 4xx or 5xx is one too.
    pub fn run<P: Payload>(&self, request: Request<P>) -> Result<Response<Body>, Error> {
        self.execute(request, self.options())
    }

    /// The `Authorization` header of the next call, marked sensitive, for a request that something else sends.
    ///
    /// It logs in and waits as a call does. Send it to [`origin`](Self::origin) only, and soon. What that request's response carries
    /// does not come back here: a fresh token in it is not taken, and a 401 to it is not known (see
    /// [`invalidate`](Self::invalidate)).
    ///
    /// # Errors
    /// [`Error::Refused`], when there is no token in time.
    pub fn token(&self) -> Result<HeaderValue, Error> {
        let permit = self.permit(self.budget(self.options()).bound(Call::replayable()))?;
        let mut carrier = Request::new(());
        *carrier.uri_mut() = resolve(self.origin(), Uri::default())?;
        let attempt = permit.authorize(&mut carrier).map_err(|_| foreign(self.origin()))?;
        // A request that this client does not send has no response to conclude.
        drop(attempt);
        carrier.headers_mut().remove(AUTHORIZATION).ok_or_else(|| foreign(self.origin()))
    }

    /// Gives up the held token: the next call logs in.
    ///
    /// For a token that something else has seen refused, and after a 403 with the code `API_KEY_REVOKED`: the next login
    /// says what has become of the key.
    pub fn invalidate(&self) {
        self.inner.session.change(Session::invalidate);
    }

    /// Replaces the key pair: what is held, under way or latched belongs to the old one and is forgotten.
    ///
    /// With the same pair it is a way out after a rejection, for when the key is known to work again. Calls that wait, and calls that
    /// are answered 401 afterwards, go on under the new pair; for another account, use another client.
    pub fn reset(&self, credentials: Credentials) {
        self.inner.session.change(|session, now| session.reset(credentials, now));
    }

    /// What the next call would do, and why; its `Display` is one sentence.
    pub fn explain(&self) -> Explanation {
        self.inner.session.with(|session, now| session.explain(now))
    }

    /// The held token for a store, if there is one.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.inner.session.with(|session, now| session.snapshot(now))
    }

    /// Holds a token from a store, if it is worth holding.
    ///
    /// # Errors
    /// Why it is not used; nothing has changed then.
    pub fn resume(&self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.inner.session.change(|session, now| session.resume(snapshot, now))
    }

    /// The one origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        &self.inner.origin
    }

    /// The agent that sends, such as for its
    /// [`configure_request`](https://docs.rs/ureq/3/ureq/struct.Agent.html#method.configure_request). What it sends by itself carries
    /// no token.
    pub fn agent(&self) -> &Agent {
        &self.inner.agent
    }
}

impl Client {
    /// What a call does unless it says otherwise.
    pub(crate) fn options(&self) -> Options {
        let config = self.inner.agent.config();
        Options { budget: config.timeouts().global, status_as_error: config.http_status_as_error() }
    }

    fn budget(&self, options: Options) -> Budget {
        Budget::new(options.budget, self.inner.max_wait, self.inner.session.now().monotonic)
    }

    /// Sends a request until its response is the call's answer.
    pub(crate) fn execute<P: Payload>(
        &self,
        request: Request<P>,
        options: Options,
    ) -> Result<Response<Body>, Error> {
        let budget = self.budget(options);
        let (mut head, mut payload) = request.into_parts();
        head.uri = resolve(self.origin(), head.uri)?;
        payload.describe(&mut head.headers);
        let mut call = budget.bound(if P::REPLAYABLE { Call::replayable() } else { Call::one_shot() });
        loop {
            let permit = self.permit(call)?;
            let mut request = Request::from_parts(head.clone(), ());
            let mut attempt = permit.authorize(&mut request).map_err(|_| foreign(self.origin()))?;
            let left = budget.left(self.inner.session.now().monotonic);
            let Sent { result, touched } = send(&self.inner.agent, request, &mut payload, left)?;
            if !P::REPLAYABLE && !touched {
                attempt = attempt.with_untouched_body();
            }
            match self.conclude(attempt, &result) {
                // A refused answer is dropped unread, and with it its connection, unless it has no body. To read even a short body
                // is to wait for the server, and ureq bounds that only by what would bound the delivered answer too. A 401
                // that is healed comes about once in a token's life, so a connection more is cheap.
                Verdict::Retry(again) => call = again,
                Verdict::Deliver => return deliver(result, options),
            }
        }
    }

    /// Waits for a token, logging in for everyone if it falls to this call.
    fn permit(&self, mut call: Call) -> Result<Permit, Error> {
        loop {
            match self.inner.session.admit(call) {
                Admission::Send(permit) => return Ok(permit),
                Admission::Lead(leader, then) => {
                    leader.log_in(&self.inner.agent, then.deadline());
                    call = then;
                }
                Admission::Refused(refusal, retry_in) => {
                    return Err(Error::Refused { origin: self.origin().clone(), refusal, retry_in });
                }
            }
        }
    }

    fn conclude(&self, attempt: Attempt, result: &Result<Response<Body>, ureq::Error>) -> Verdict {
        let none = HeaderMap::new();
        let head = match result {
            Ok(response) => Some(Head::from(response)),
            // A middleware of the user's made an error of it; a 401 is still a 401.
            Err(error) => status_of(error).map(|status| Head::new(status, &none)),
        };
        let Some(head) = head else { return Verdict::Deliver };
        self.inner.session.with(|session, now| session.conclude(attempt, head, now))
    }
}

/// Applies the user's own wish about statuses to the answer.
fn deliver(result: Result<Response<Body>, ureq::Error>, options: Options) -> Result<Response<Body>, Error> {
    let mut response = result?;
    // A fresh token is in there, and the user may log the headers.
    let authorization = response.headers_mut().iter_mut().filter(|(name, _)| **name == AUTHORIZATION);
    authorization.for_each(|(_, value)| value.set_sensitive(true));
    let status = response.status();
    if options.status_as_error && (status.is_client_error() || status.is_server_error()) {
        return Err(Error::Ureq(ureq::Error::StatusCode(status.as_u16())));
    }
    Ok(response)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("origin", &self.inner.origin.to_string())
            .field("max_wait", &self.inner.max_wait)
            .finish_non_exhaustive()
    }
}

/// Threads share clients, or this does not compile.
const _: fn() = || {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Client>();
};
