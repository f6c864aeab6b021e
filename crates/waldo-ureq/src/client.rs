//! The client.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, Uri};
use ureq::{Agent, Body};
#[cfg(feature = "store")]
use waldo_auth_client::Sharing;
use waldo_auth_client::{Admission, Lead, SharedSession};
use waldo_auth_core::{
    ApiError, Attempt, Call, Counters, Credentials, Explanation, ForeignOrigin, Generation, Head,
    Instant, NotResumed, Origin, Snapshot, Upload, Verdict,
};
#[cfg(feature = "store")]
use waldo_store::Store;

use crate::agent::LONGEST;
use crate::body::read_within;
use crate::error::Error;
use crate::login::log_in;
use crate::payload::Payload;
use crate::sending::{Ending, Sender, describe};
use crate::target::resolve;

/// A client of the Waldo API. It logs in by itself, keeps the token fresh, and sends a call again
/// if its token is refused.
///
/// Clones share one session, one connection pool and one token, so give each thread a clone. After
/// a fork, make a new client in the child, because parent and child would read each other's
/// answers.
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
    sender: Sender,
    /// Whether a 4xx or 5xx is an error, unless the call sets its own option.
    status_as_error: bool,
    session: SharedSession,
    max_wait: Option<Duration>,
    /// The time of a call that sets no own.
    timeout: Option<Duration>,
    #[cfg(feature = "store")]
    sharing: Option<Sharing<dyn Store>>,
}

/// The options that a call may set for itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The time for the whole call: waiting, sending, sending again, and reading the response.
    pub(crate) timeout: Option<Duration>,
    pub(crate) status_as_error: bool,
}

impl Client {
    pub(crate) fn new(
        sender: Sender,
        status_as_error: bool,
        session: SharedSession,
        max_wait: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            sender,
            status_as_error,
            session,
            max_wait,
            timeout,
            #[cfg(feature = "store")]
            sharing: None,
        }
    }

    #[cfg(feature = "store")]
    pub(crate) fn with_store(self, store: Option<Arc<dyn Store>>) -> Self {
        let sharing = store.map(|store| Sharing::new(self.session.clone(), store));
        Self { sharing, ..self }
    }

    /// Sends a request of the `http` crate, like ureq's `Agent::run`. Its URI may be a path alone.
    ///
    /// The request keeps the settings of
    /// [`Agent::configure_request`](https://docs.rs/ureq/3/ureq/struct.Agent.html#method.configure_request),
    /// with three exceptions. The agent's own `http_status_as_error` and `max_redirects` count, and
    /// the client's [`timeout`](crate::ClientBuilder::timeout) if it has one. The other settings of
    /// the request are not checked. For example, ureq panics if they name a TLS provider that is
    /// not compiled in.
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
    /// See [`Error`]. With `http_status_as_error`, which is ureq's default, a 4xx or 5xx is an
    /// error too.
    pub fn run<P: Payload>(&self, request: Request<P>) -> Result<Response<Body>, Error> {
        self.execute(request, self.options())
    }

    /// The `Authorization` header of the next call, marked sensitive, for a request that another
    /// client sends.
    ///
    /// This method logs in and waits like a call. Send the header to [`origin`](Self::origin) only,
    /// and soon. This client does not see the response: it takes no renewed token from it, and
    /// learns of no 401. See [`invalidate`](Self::invalidate).
    ///
    /// The client also does not learn that the server has accepted the token. So a 401 to one of
    /// its own calls may be delivered, as for a fresh token that the server does not know yet. See
    /// [rule 16](https://github.com/waldo-auth/waldo-auth/blob/main/docs/protocol.md). To prevent
    /// this, make one call with this client first.
    ///
    /// # Errors
    /// [`Error::Refused`], if no token comes in time.
    pub fn token(&self) -> Result<HeaderValue, Error> {
        let mut carrier = Request::new(());
        *carrier.uri_mut() = resolve(self.origin(), Uri::default())?;
        // Drop the attempt, because this client does not see the response.
        let call = self.bound(Call::replayable(), self.end_of(self.timeout));
        drop(self.admit(call, &mut carrier, &mut false)?);
        carrier
            .headers_mut()
            .remove(AUTHORIZATION)
            .ok_or_else(|| ForeignOrigin { origin: self.origin().clone() }.into())
    }

    /// The generation of the held token, for [`invalidate`](Self::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        self.session.generation()
    }

    /// Gives up the token of this generation, if it is still held. Then the next call logs in.
    /// Returns whether the token was given up.
    ///
    /// Use `invalidate` after a 403 with the code `API_KEY_REVOKED`: the next login shows the state
    /// of the key. The token stays while a login is under way or the circuit is open, and if the
    /// invalidation budget has no permit. So any number of late 403s to one token costs one login.
    ///
    /// A response that is no success carries the generation in its extensions. An error that stands
    /// for a status carries the generation too.
    ///
    /// Do not call `invalidate` after any other 403, because each call costs a login.
    ///
    /// ```no_run
    /// # fn run(client: &waldo_ureq::Client) -> Result<(), waldo_ureq::Error> {
    /// let result = client.get("/customer").query("field", "id").call();
    /// if let Err(error) = &result
    ///     && error.code() == Some("API_KEY_REVOKED")
    /// {
    ///     client.invalidate(error.generation());
    /// }
    /// # result.map(drop)
    /// # }
    /// ```
    pub fn invalidate(&self, generation: impl Into<Option<Generation>>) -> bool {
        self.session.invalidate(generation)
    }

    /// Replaces the key pair. The session forgets the held token, a login under way, a backoff and
    /// a rejection, because they belong to the old key pair.
    ///
    /// Calls that wait go on under the new key pair, and so do calls that are answered 401 later.
    /// For another account, use another client. With the same key pair, `reset` only closes an open
    /// circuit. Do so when the key works again.
    pub fn reset(&self, credentials: Credentials) {
        self.session.reset(credentials);
    }

    /// Says what the next call would do, and why. `Display` shows it in one sentence.
    pub fn explain(&self) -> Explanation {
        self.session.explain()
    }

    /// How often each event of the client's session has happened, such as logins, renewals and 401s.
    pub fn counters(&self) -> Counters {
        self.session.counters()
    }

    /// The held token for a store; `None` if no token is held.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.session.snapshot()
    }

    /// Holds a stored token, if it lasts longer than the held token.
    ///
    /// # Errors
    /// Says why the snapshot is not used. The session is unchanged.
    pub fn resume(&self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.session.resume(snapshot)
    }

    /// The only origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        self.session.origin()
    }

    /// The agent that sends, for example for its
    /// [`configure_request`](https://docs.rs/ureq/3/ureq/struct.Agent.html#method.configure_request).
    /// Requests that you send with the agent itself carry no token. The default agent follows no
    /// redirect, and returns a 4xx or 5xx as a response.
    pub fn agent(&self) -> &Agent {
        self.sender.agent()
    }
}

impl Client {
    /// The options of a call that sets none.
    pub(crate) fn options(&self) -> Options {
        Options { timeout: self.timeout, status_as_error: self.status_as_error }
    }

    /// Sends a request until its response is the call's answer.
    pub(crate) fn execute<P: Payload>(
        &self,
        request: Request<P>,
        options: Options,
    ) -> Result<Response<Body>, Error> {
        let ends = self.end_of(options.timeout);
        let mut call =
            self.bound(if P::REPLAYABLE { Call::replayable() } else { Call::one_shot() }, ends);
        let (mut head, mut payload) = request.into_parts();
        head.uri = resolve(self.origin(), head.uri)?;
        // Do this before the token is added, because a lookup in an empty map costs nothing.
        let description = describe(&mut head, &payload)?;
        // The error with which the upload broke off. The server may have acted on the upload, so no
        // later error replaces this error.
        let mut broken = None;
        // The time that is left. At first, it is exactly the timeout: if this is the agent's own,
        // the request needs no settings of its own.
        let mut left = options.timeout;
        loop {
            let mut request = Request::from_parts(head.clone(), ());
            let mut has_waited = false;
            let mut attempt = match self.admit(call, &mut request, &mut has_waited) {
                Ok(attempt) => attempt,
                Err(error) => return Err(broken.unwrap_or(error)),
            };
            if has_waited {
                left = self.left(ends);
            }
            let how = attempt.upload();
            let mut sent = self.sender.send(
                request,
                description,
                &mut payload,
                how,
                left.map(|left| left.min(LONGEST)),
            );
            if !P::REPLAYABLE && !sent.touched {
                attempt = attempt.with_untouched_body();
            }
            let verdict = match sent.ending {
                Ending::Usual => self.conclude(attempt, &mut sent.result, ends),
                Ending::BrokeOff => match broken.take().filter(|_| how == Upload::HeadOnly) {
                    // The head-only attempt got no answer, so the call ends with its first error.
                    Some(error) => return Err(error),
                    None => self.session.break_off(attempt),
                },
                Ending::OutOfTime => {
                    drop(self.session.break_off(attempt));
                    Verdict::Deliver
                }
            };
            match verdict {
                // Drop a 401 unread, which closes its connection if it has a body. Reading even a
                // short body would wait for the server, and ureq has no separate limit for it. A
                // 401 is sent again about once in a token's lifetime, so a new connection is cheap.
                Verdict::Retry(again) => {
                    // `max_wait` limits the waiting before each sending, and not the sending.
                    call = self.bound(again, ends);
                    let broke_off = sent.ending == Ending::BrokeOff;
                    broken = sent.result.err().filter(|_| broke_off).or(broken);
                    // ureq starts its timeouts anew with each request, so a call that is sent twice
                    // would take twice as long.
                    left = self.left(ends);
                }
                Verdict::Deliver => {
                    return match (sent.result, broken) {
                        (Ok(response), _) => deliver(response, options),
                        (Err(error), Some(first)) if error.status().is_none() => Err(first),
                        (Err(error), _) => Err(error),
                    };
                }
            }
        }
    }

    /// The time until the end of the call.
    fn left(&self, ends: Option<Instant>) -> Option<Duration> {
        ends.map(|ends| ends.saturating_duration_since(self.session.now()))
    }

    /// Waits until the request carries a token. If this call must log in, it logs in for all calls.
    fn admit(
        &self,
        mut call: Call,
        request: &mut Request<()>,
        has_waited: &mut bool,
    ) -> Result<Attempt, Error> {
        loop {
            call = match self.session.admit(call, request)? {
                Admission::Send(attempt) => return Ok(attempt),
                Admission::Authenticate(lead, wait) if self.may_outlast(&lead, wait.call()) => {
                    self.log_in_apart(lead);
                    wait.block()
                }
                Admission::Authenticate(lead, wait) => {
                    self.log_in(lead);
                    wait.into_call()
                }
                Admission::Wait(wait) => wait.block(),
                Admission::Refuse(refused) => return Err(refused.into()),
            };
            *has_waited = true;
        }
    }

    /// Whether the login may end after the call's deadline.
    #[cfg_attr(not(feature = "store"), expect(clippy::unused_self, reason = "it has no store"))]
    fn may_outlast(&self, lead: &Lead, call: &Call) -> bool {
        // Another program may log in first, for twice as long as a login.
        #[cfg(feature = "store")]
        if self.sharing.is_some() {
            return call.deadline().is_some();
        }
        lead.may_outlast(call)
    }

    /// Logs in for all calls, unless another program has a token.
    fn log_in(&self, lead: Lead) {
        #[cfg(feature = "store")]
        if let Some(sharing) = &self.sharing {
            if let Some((lead, reporter)) = sharing.claim(lead) {
                log_in(&self.sender, self.origin(), lead);
                reporter.report();
            }
            return;
        }
        log_in(&self.sender, self.origin(), lead);
    }

    /// Logs in for all calls in a new thread.
    fn log_in_apart(&self, lead: Lead) {
        let client = self.clone();
        let lead = Arc::new(Mutex::new(Some(lead)));
        let take =
            |lead: &Mutex<Option<Lead>>| lead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shared = Arc::clone(&lead);
        let login = move || {
            if let Some(lead) = take(&shared) {
                client.log_in(lead);
            }
        };
        let spawned = thread::Builder::new().name("waldo-login".to_owned()).spawn(login);
        if let Err(error) = spawned
            && let Some(lead) = take(&lead)
        {
            lead.fail(error);
        }
    }

    #[cfg_attr(not(feature = "store"), expect(unused_variables, reason = "it has no store"))]
    fn conclude(
        &self,
        attempt: Attempt,
        result: &mut Result<Response<Body>, Error>,
        ends: Option<Instant>,
    ) -> Verdict {
        #[cfg(feature = "store")]
        let is_resent = attempt.is_resent();
        let verdict = self.judge(attempt, result);
        #[cfg(feature = "store")]
        if let (Some(sharing), Ok(response)) = (&self.sharing, result) {
            sharing.report(is_resent && response.status().is_success(), ends);
        }
        verdict
    }

    fn judge(&self, attempt: Attempt, result: &mut Result<Response<Body>, Error>) -> Verdict {
        match result {
            Ok(response) => {
                let uri = self.sender.source(response).map(Cow::into_owned);
                self.session.conclude_from(attempt, response, uri.as_ref())
            }
            // A middleware has turned the status into an error. A 401 still counts as a 401.
            Err(error) => {
                let Some(status) = error.status() else { return Verdict::Deliver };
                let mut head = Response::new(());
                *head.status_mut() = status;
                let verdict = self.session.conclude(attempt, &mut head);
                *error = api_error(&head).into();
                verdict
            }
        }
    }

    /// Sets the deadline of the call's waiting.
    fn bound(&self, call: Call, ends: Option<Instant>) -> Call {
        match [ends, self.end_of(self.max_wait)].into_iter().flatten().min() {
            Some(deadline) => call.with_deadline(deadline),
            None => call,
        }
    }

    /// The instant at which this time from now ends.
    fn end_of(&self, time: Option<Duration>) -> Option<Instant> {
        time.map(|time| self.session.now().saturating_add(time))
    }
}

/// Returns the response, or an error for its status if the options ask for one.
fn deliver(response: Response<Body>, options: Options) -> Result<Response<Body>, Error> {
    let status = response.status();
    if !options.status_as_error || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response);
    }
    // The timeout of the call limits the reading too, because ureq applies it to the body.
    let error = api_error(&response);
    Err(error.with_body(&read_within(response.into_body(), ApiError::BODY_TIMEOUT)).into())
}

/// The error for a response, without its body.
fn api_error<B>(response: &Response<B>) -> ApiError {
    ApiError::new(Head::from(response), response.extensions(), SystemTime::now())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.session.name())
            .field("origin", &self.origin().to_string())
            .finish_non_exhaustive()
    }
}

/// Fails to compile if threads cannot share a client.
const _: fn() = || {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Client>();
};
