//! The client.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use ureq::{Agent, Body};
use waldo_auth_client::{Admission, Lead, SharedSession, mark_sensitive};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Explanation, ForeignOrigin, Generation, Head, NotResumed,
    Origin, Snapshot, Upload, Verdict,
};

use crate::agent::LONGEST;
use crate::error::Error;
use crate::login::log_in;
use crate::payload::Payload;
use crate::sending::{Ending, Sender, describe};
use crate::target::resolve;

/// A client of the Waldo API that logs in by itself, keeps the token fresh, and sends a call again
/// when its token is refused.
///
/// Clones share one session, one connection pool and one token, so clone it freely into threads.
/// After a fork, make a new client in the child: parent and child would read each other's answers.
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
    /// Whether a call fails by a 4xx or 5xx, unless it says otherwise.
    status_as_error: bool,
    session: SharedSession,
    max_wait: Option<Duration>,
}

/// What a call may say differently from its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// For everything: waiting, sending, sending again, reading the answer.
    pub(crate) budget: Option<Duration>,
    pub(crate) status_as_error: bool,
}

impl Client {
    pub(crate) fn new(
        sender: Sender,
        status_as_error: bool,
        config: Config,
        max_wait: Option<Duration>,
    ) -> Self {
        Self { sender, status_as_error, session: SharedSession::new(config), max_wait }
    }

    /// Sends a request of the `http` crate, as ureq's `Agent::run` does. Its URI may be a path
    /// alone.
    ///
    /// What [`Agent::configure_request`](https://docs.rs/ureq/3/ureq/struct.Agent.html#method.configure_request) has put on the
    /// request is respected, except `http_status_as_error` and `max_redirects`, and
    /// `timeout_global` where the agent has one: of these, the agent's own count. The other
    /// settings of the request are not checked: ureq panics, for example, if they name a TLS
    /// provider that is not compiled in.
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
    /// See [`Error`]; with `http_status_as_error`, which is ureq's default, a 4xx or 5xx is one
    /// too.
    pub fn run<P: Payload>(&self, request: Request<P>) -> Result<Response<Body>, Error> {
        self.execute(request, self.options())
    }

    /// The `Authorization` header of the next call, marked sensitive, for a request that something
    /// else sends.
    ///
    /// It logs in and waits as a call does. Send it to [`origin`](Self::origin) only, and soon.
    /// What that request's response carries does not come back here: a fresh token in it is not
    /// taken, and a 401 to it is not known (see [`invalidate`](Self::invalidate)).
    ///
    /// # Errors
    /// [`Error::Refused`], when there is no token in time.
    pub fn token(&self) -> Result<HeaderValue, Error> {
        let mut carrier = Request::new(());
        *carrier.uri_mut() = resolve(self.origin(), Uri::default())?;
        // A request that this client does not send has no response to conclude.
        drop(self.admit(self.bound(Call::replayable(), self.options()), &mut carrier)?);
        carrier
            .headers_mut()
            .remove(AUTHORIZATION)
            .ok_or_else(|| ForeignOrigin { origin: self.origin().clone() }.into())
    }

    /// The generation of the held token, for [`invalidate`](Self::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        self.session.generation()
    }

    /// Gives up the token that a response was an answer to, if it is still held. Then the next call
    /// logs in. Returns whether the token was given up.
    ///
    /// Use this after a 403 with the code `API_KEY_REVOKED`: the next login says what has become of
    /// the key. Nothing changes while another token is held, a login is under way, or the key pair
    /// is rejected. So any number of late 403s to one token costs one login.
    ///
    /// The response carries the generation in its extensions, unless it is a success. An error that
    /// stands for a status carries it, too.
    ///
    /// Do not invalidate on any other 403, because each would cost a login.
    ///
    /// ```no_run
    /// use waldo_ureq::Generation;
    ///
    /// # fn run(client: &waldo_ureq::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut response = client.get("/customer").http_status_as_error(false).call()?;
    /// let generation = Generation::of(response.extensions());
    /// if response.status() == 403 && response.body_mut().read_to_string()?.contains("API_KEY_REVOKED") {
    ///     client.invalidate(generation);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn invalidate(&self, generation: impl Into<Option<Generation>>) -> bool {
        self.session.invalidate(generation)
    }

    /// Replaces the key pair. The held token, a login under way, a backoff and a rejection belong
    /// to the old pair and are forgotten.
    ///
    /// Calls that wait, and calls that are answered 401 afterwards, go on under the new pair. For
    /// another account, use another client. The same pair only ends a rejection, for when the key
    /// is known to work again.
    pub fn reset(&self, credentials: Credentials) {
        self.session.reset(credentials);
    }

    /// What the next call would do, and why; its `Display` is one sentence.
    pub fn explain(&self) -> Explanation {
        self.session.explain()
    }

    /// The held token for a store, if there is one.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.session.snapshot()
    }

    /// Holds a token from a store, if it is worth holding.
    ///
    /// # Errors
    /// Why it is not used; nothing has changed then.
    pub fn resume(&self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.session.resume(snapshot)
    }

    /// The one origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        self.session.origin()
    }

    /// The agent that sends, such as for its
    /// [`configure_request`](https://docs.rs/ureq/3/ureq/struct.Agent.html#method.configure_request). What it sends by itself carries
    /// no token. One that was not given follows no redirect and makes no error of a status.
    pub fn agent(&self) -> &Agent {
        self.sender.agent()
    }
}

impl Client {
    /// What a call does unless it says otherwise.
    pub(crate) fn options(&self) -> Options {
        Options {
            budget: self.agent().config().timeouts().global,
            status_as_error: self.status_as_error,
        }
    }

    /// Sends a request until its response is the call's answer.
    pub(crate) fn execute<P: Payload>(
        &self,
        request: Request<P>,
        options: Options,
    ) -> Result<Response<Body>, Error> {
        let ends = options.budget.map(|budget| self.session.now().saturating_add(budget));
        let mut call =
            self.bound(if P::REPLAYABLE { Call::replayable() } else { Call::one_shot() }, options);
        let (mut head, mut payload) = request.into_parts();
        head.uri = resolve(self.origin(), head.uri)?;
        // Before the token is there: a look into a map without headers costs nothing.
        let description = describe(&mut head, &payload)?;
        // The error with which the upload broke off.
        let mut broken = None;
        loop {
            let mut request = Request::from_parts(head.clone(), ());
            let mut attempt = match self.admit(call, &mut request) {
                Ok(attempt) => attempt,
                Err(error) => return Err(broken.unwrap_or(error)),
            };
            // ureq starts its timeouts anew with every request, so a call that is sent twice would
            // take twice as long.
            let left =
                ends.map(|ends| ends.saturating_duration_since(self.session.now()).min(LONGEST));
            let how = attempt.upload();
            let sent = self.sender.send(request, description, &mut payload, how, left);
            if !P::REPLAYABLE && !sent.touched {
                attempt = attempt.with_untouched_body();
            }
            let generation = attempt.generation();
            let verdict = match sent.ending {
                Ending::Usual => self.conclude(attempt, &sent.result),
                Ending::BrokeOff => match broken.take().filter(|_| how == Upload::HeadOnly) {
                    // The probe got no answer, so the call ends with its first error.
                    Some(error) => return Err(error),
                    None => self.session.break_off(attempt),
                },
                Ending::OutOfTime => {
                    drop(self.session.break_off(attempt));
                    Verdict::Deliver
                }
            };
            match verdict {
                // A refused answer is dropped unread, and with it its connection, unless it has no
                // body. To read even a short body is to wait for the server, and
                // ureq bounds that only by what would bound the delivered answer too. A 401
                // that is healed comes about once in a token's lifetime, so a connection more is
                // cheap.
                Verdict::Retry(again) => {
                    call = again;
                    broken = sent.result.err().filter(|_| sent.ending == Ending::BrokeOff);
                }
                Verdict::Deliver => return deliver(sent.result, options, generation),
            }
        }
    }

    /// Waits for a token to send the request with, logging in for everyone if it falls to this
    /// call.
    fn admit(&self, mut call: Call, request: &mut Request<()>) -> Result<Attempt, Error> {
        loop {
            call = match self.session.admit(call, request)? {
                Admission::Send(attempt) => return Ok(attempt),
                Admission::Authenticate(lead, wait) if lead.may_outlast(wait.call()) => {
                    self.log_in_apart(lead);
                    wait.block()
                }
                Admission::Authenticate(lead, wait) => {
                    log_in(&self.sender, self.origin(), lead);
                    wait.into_call()
                }
                Admission::Wait(wait) => wait.block(),
                Admission::Refuse(refused) => return Err(refused.into()),
            };
        }
    }

    /// Logs in for everyone in a thread of its own.
    fn log_in_apart(&self, lead: Lead) {
        let (sender, origin) = (self.sender.clone(), Arc::clone(self.session.origin()));
        let lead = Arc::new(Mutex::new(Some(lead)));
        let take =
            |lead: &Mutex<Option<Lead>>| lead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shared = Arc::clone(&lead);
        let login = move || {
            if let Some(lead) = take(&shared) {
                log_in(&sender, &origin, lead);
            }
        };
        let spawned = thread::Builder::new().name("waldo-login".to_owned()).spawn(login);
        if let Err(error) = spawned
            && let Some(lead) = take(&lead)
        {
            lead.fail(error);
        }
    }

    fn conclude(&self, attempt: Attempt, result: &Result<Response<Body>, Error>) -> Verdict {
        let none = HeaderMap::new();
        let response = match result {
            Ok(response) => response,
            // A middleware of the user's made an error of it; a 401 is still a 401.
            Err(error) => {
                return error.status().map_or(Verdict::Deliver, |status| {
                    self.session.conclude_head(attempt, Head::new(status, &none))
                });
            }
        };
        let (head, source) = (Head::from(response), self.sender.source(response));
        let head = source.as_deref().map_or(head, |uri| head.with_uri(uri));
        self.session.conclude_head(attempt, head)
    }

    /// Tells the core when to stop waiting.
    fn bound(&self, call: Call, options: Options) -> Call {
        match [options.budget, self.max_wait].into_iter().flatten().min() {
            Some(limit) => call.with_deadline(self.session.now().saturating_add(limit)),
            None => call,
        }
    }
}

/// Applies the user's own wish about statuses to the answer.
fn deliver(
    result: Result<Response<Body>, Error>,
    options: Options,
    generation: Generation,
) -> Result<Response<Body>, Error> {
    let mut response = result.map_err(|error| match error.status() {
        // A middleware of the user's made an error of it.
        Some(status) => Error::Status { status, generation },
        None => error,
    })?;
    // A fresh token is in there, and the user may log the headers.
    mark_sensitive(response.headers_mut());
    let status = response.status();
    if options.status_as_error && (status.is_client_error() || status.is_server_error()) {
        return Err(Error::Status { status, generation });
    }
    generation.attach(status, response.extensions_mut());
    Ok(response)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin().to_string()).finish_non_exhaustive()
    }
}

/// Threads share clients, or this does not compile.
const _: fn() = || {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Client>();
};
