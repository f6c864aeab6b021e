//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use reqwest::header::HeaderValue;
use reqwest::{Request, Response};
use waldo_auth_client::SharedSession;
use waldo_auth_core::{
    Credentials, Explanation, ForeignOrigin, Generation, NotResumed, Origin, Snapshot,
};

use crate::call;
use crate::error::Error;
use crate::sending::Exchange;

/// A client of the Waldo API that logs in by itself, keeps the token fresh, and sends a call again
/// when its token is refused.
///
/// Clones share one session, one connection pool and one token, so clone it freely into tasks.
///
/// ```
/// # use waldo_emulator::{Emulator, model::Server};
/// use waldo_reqwest::{Client, Credentials};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Server::default())?;
/// # let (key, secret, origin) = (Server::KEY_ID, Server::KEY_SECRET, emulator.origin());
/// let client = Client::builder(Credentials::new(key, secret)?).origin(origin).build()?;
/// let response = client.get("/customer?field=id").send().await?;
/// println!("{}", response.text().await?);
/// # assert_eq!(emulator.stats().server.logins_granted, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    /// Follows no redirect.
    http: reqwest::Client,
    session: SharedSession,
    max_wait: Option<Duration>,
    timeout: Option<Duration>,
}

impl Client {
    pub(crate) fn new(
        http: reqwest::Client,
        session: SharedSession,
        max_wait: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Self {
        Self { shared: Arc::new(Shared { http, session, max_wait, timeout }) }
    }

    /// Sends a request of reqwest's, as `reqwest::Client::execute` does.
    ///
    /// Its own timeout is the budget of the whole call. Its body can be sent again if it is bytes
    /// or text; a stream is sent once. A 3xx, a 4xx or a 5xx is an answer like any other, and a
    /// redirect is not followed.
    ///
    /// ```
    /// # use waldo_emulator::{Emulator, model::Server};
    /// # use waldo_reqwest::{Client, Credentials};
    /// use waldo_reqwest::reqwest::{Method, Request};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Server::default())?;
    /// # let client = Client::builder(Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?).origin(emulator.origin()).build()?;
    /// let request = Request::new(Method::GET, format!("{}/customer?field=id", client.origin()).parse()?);
    /// assert_eq!(client.execute(request).await?.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`Error`]; no status is one.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        call::run(self, request, Direct(&self.shared.http)).await
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
    pub async fn token(&self) -> Result<HeaderValue, Error> {
        let origin = self.origin();
        let mut carrier = http::Request::new(());
        *carrier.uri_mut() = origin.to_string().parse().map_err(Error::Url)?;
        // A request that this client does not send has no response to conclude.
        drop(call::admit(self, call::replayable(self), &mut carrier).await?);
        carrier.headers_mut().remove(AUTHORIZATION).ok_or_else(|| self.foreign_origin())
    }

    /// The generation of the held token, for [`invalidate`](Self::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        self.shared.session.generation()
    }

    /// Gives up the token that a response was an answer to, if it is still held. Then the next call
    /// logs in. Returns whether the token was given up.
    ///
    /// Use this after a 403 with the code `API_KEY_REVOKED`: the next login says what has become of
    /// the key. Nothing changes while another token is held, a login is under way, or the key pair
    /// is rejected. So any number of late 403s to one token costs one login.
    ///
    /// The response carries the generation in its extensions, unless it is a success. Do not
    /// invalidate on any other 403, because each would cost a login.
    ///
    /// ```no_run
    /// use waldo_reqwest::Generation;
    ///
    /// # async fn run(client: &waldo_reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let response = client.get("/customer").send().await?;
    /// let generation = Generation::of(response.extensions());
    /// if response.status() == 403 && response.text().await?.contains("API_KEY_REVOKED") {
    ///     client.invalidate(generation);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn invalidate(&self, generation: impl Into<Option<Generation>>) -> bool {
        self.shared.session.invalidate(generation)
    }

    /// Replaces the key pair. The held token, a login under way, a backoff and a rejection belong
    /// to the old pair and are forgotten.
    ///
    /// Calls that wait, and calls that are answered 401 afterwards, go on under the new pair. For
    /// another account, use another client. The same pair only ends a rejection, for when the key
    /// is known to work again.
    pub fn reset(&self, credentials: Credentials) {
        self.shared.session.reset(credentials);
    }

    /// What the next call would do, and why; its `Display` is one sentence.
    pub fn explain(&self) -> Explanation {
        self.shared.session.explain()
    }

    /// The held token for a store, if there is one.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.shared.session.snapshot()
    }

    /// Holds a token from a store, if it is worth holding.
    ///
    /// # Errors
    /// Why it is not used; nothing has changed then.
    pub fn resume(&self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.shared.session.resume(snapshot)
    }

    /// The one origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        self.shared.session.origin()
    }
}

impl Client {
    pub(crate) fn foreign_origin(&self) -> Error {
        ForeignOrigin { origin: self.origin().clone() }.into()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.shared.http
    }

    pub(crate) fn session(&self) -> &SharedSession {
        &self.shared.session
    }

    /// How long any call may wait for its token.
    pub(crate) fn max_wait(&self) -> Option<Duration> {
        self.shared.max_wait
    }

    /// How long a call may take that says nothing of its own.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.shared.timeout
    }
}

/// Sends by the client itself.
struct Direct<'a>(&'a reqwest::Client);

impl Exchange for Direct<'_> {
    type Error = Error;

    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        Ok(self.0.execute(request).await?)
    }

    fn failure(error: &Error) -> Option<&reqwest::Error> {
        match error {
            Error::Reqwest(error) | Error::BrokeOff(error) => Some(error),
            Error::Refused(_) | Error::ForeignOrigin(_) | Error::TooManyHeaders | Error::Url(_) => {
                None
            }
        }
    }

    fn broke_off(error: Error) -> Error {
        match error {
            Error::Reqwest(error) => Error::BrokeOff(error),
            Error::BrokeOff(_)
            | Error::Refused(_)
            | Error::ForeignOrigin(_)
            | Error::TooManyHeaders
            | Error::Url(_) => error,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin().to_string()).finish_non_exhaustive()
    }
}

/// Tasks share clients, and move from thread to thread in the middle of a call, or this does not
/// compile.
const _: fn(&Client, Request) = |client, request| {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    fn moved<T: Send>(_: T) {}
    shared(client);
    moved(client.execute(request));
    moved(client.token());
    moved(client.get("/").send());
};
