//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use reqwest::header::HeaderValue;
use reqwest::{Request, Response};
use waldo_auth_client::SharedSession;
#[cfg(feature = "store")]
use waldo_auth_client::Sharing;
use waldo_auth_core::{
    Counters, Credentials, Explanation, ForeignOrigin, Generation, NotResumed, Origin, Snapshot,
};
#[cfg(feature = "store")]
use waldo_store::AsyncStore;

use crate::call;
use crate::error::Error;
use crate::payload::Payload;
use crate::sending::Exchange;

/// A client of the Waldo API. It logs in by itself, keeps the token fresh, and sends a call again
/// if its token is refused.
///
/// Clones share one session, one connection pool and one token, so give each task a clone.
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
    /// The HTTP client, which follows no redirect.
    http: reqwest::Client,
    session: SharedSession,
    max_wait: Option<Duration>,
    timeout: Option<Duration>,
    /// Whether a 4xx or 5xx is an error, unless the request says otherwise.
    status_as_error: bool,
    #[cfg(feature = "store")]
    sharing: Option<Sharing<dyn AsyncStore>>,
}

impl Client {
    pub(crate) fn new(
        http: reqwest::Client,
        session: SharedSession,
        max_wait: Option<Duration>,
        timeout: Option<Duration>,
        status_as_error: bool,
    ) -> Self {
        let shared = Shared {
            http,
            session,
            max_wait,
            timeout,
            status_as_error,
            #[cfg(feature = "store")]
            sharing: None,
        };
        Self { shared: Arc::new(shared) }
    }

    #[cfg(feature = "store")]
    pub(crate) fn with_store(mut self, store: Option<Arc<dyn AsyncStore>>) -> Self {
        // Nobody else has the new client yet.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.sharing = store.map(|store| Sharing::new(shared.session.clone(), store));
        }
        self
    }

    #[cfg(feature = "store")]
    pub(crate) fn sharing(&self) -> Option<&Sharing<dyn AsyncStore>> {
        self.shared.sharing.as_ref()
    }

    /// Sends a reqwest request, like `reqwest::Client::execute`.
    ///
    /// The timeout of the request limits the whole call. Default: the client's
    /// [`timeout`](crate::ClientBuilder::timeout). A body of bytes or text can be sent again,
    /// and a stream is sent once. A 3xx, a 4xx or a 5xx is returned as `Ok`, and a redirect is not
    /// followed. [`error_for_status`](crate::error_for_status) turns a 4xx or 5xx into an error.
    ///
    /// ```
    /// # use waldo_emulator::{Emulator, model::Server};
    /// # use waldo_reqwest::{Client, Credentials};
    /// use waldo_reqwest::reqwest::{Method, Request};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Server::default())?;
    /// # let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    /// # let client = Client::builder(credentials).origin(emulator.origin()).build()?;
    /// let url = format!("{}/customer?field=id", client.origin());
    /// let request = Request::new(Method::GET, url.parse()?);
    /// assert_eq!(client.execute(request).await?.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`Error`]. A status is no error.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        self.send(request, Payload::Own).await
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
    pub async fn token(&self) -> Result<HeaderValue, Error> {
        let origin = self.origin();
        let mut carrier = http::Request::new(());
        *carrier.uri_mut() = origin.to_string().parse().map_err(Error::Url)?;
        // Drop the attempt, because this client does not see the response.
        drop(call::admit(self, call::replayable(self), &mut carrier).await?);
        carrier.headers_mut().remove(AUTHORIZATION).ok_or_else(|| self.foreign_origin())
    }

    /// The generation of the held token, for [`invalidate`](Self::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        self.shared.session.generation()
    }

    /// Gives up the token of this generation, if it is still held. Then the next call logs in.
    /// Returns whether the token was given up.
    ///
    /// Use `invalidate` after a 403 with the code `API_KEY_REVOKED`: the next login shows the state
    /// of the key. The token stays while a login is under way or the circuit is open, and if the
    /// invalidation budget has no permit. So any number of late 403s to one token costs one login.
    ///
    /// [`Error::generation`] is the generation of the sent token. A response that is no success
    /// carries it in its extensions. Do not call `invalidate` after any other 403, because each
    /// call costs a login.
    ///
    /// ```no_run
    /// # async fn run(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// let result = client.get("/customer?field=id").send().await;
    /// if let Err(error) = &result
    ///     && error.code() == Some("API_KEY_REVOKED")
    /// {
    ///     client.invalidate(error.generation());
    /// }
    /// # result.map(drop)
    /// # }
    /// ```
    pub fn invalidate(&self, generation: impl Into<Option<Generation>>) -> bool {
        self.shared.session.invalidate(generation)
    }

    /// Replaces the key pair. The session forgets the held token, a login under way, a backoff and
    /// a rejection, because they belong to the old key pair.
    ///
    /// Calls that wait go on under the new key pair, and so do calls that are answered 401 later.
    /// For another account, use another client. With the same key pair, `reset` only closes an open
    /// circuit. Do so when the key works again.
    pub fn reset(&self, credentials: Credentials) {
        self.shared.session.reset(credentials);
    }

    /// Says what the next call would do, and why. `Display` shows it in one sentence.
    pub fn explain(&self) -> Explanation {
        self.shared.session.explain()
    }

    /// How often each event of the client's session has happened, such as logins, renewals and 401s.
    pub fn counters(&self) -> Counters {
        self.shared.session.counters()
    }

    /// The held token for a store; `None` if no token is held.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.shared.session.snapshot()
    }

    /// Holds a stored token, if it lasts longer than the held token.
    ///
    /// # Errors
    /// Says why the snapshot is not used. The session is unchanged.
    pub fn resume(&self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.shared.session.resume(snapshot)
    }

    /// The only origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        self.shared.session.origin()
    }
}

impl Client {
    /// Sends a request with the bodies of the payload.
    pub(crate) async fn send(&self, request: Request, payload: Payload) -> Result<Response, Error> {
        call::run(self, request, payload, Direct(&self.shared.http)).await
    }

    pub(crate) fn foreign_origin(&self) -> Error {
        ForeignOrigin { origin: self.origin().clone() }.into()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.shared.http
    }

    pub(crate) fn session(&self) -> &SharedSession {
        &self.shared.session
    }

    /// The limit of a call's waiting.
    pub(crate) fn max_wait(&self) -> Option<Duration> {
        self.shared.max_wait
    }

    /// The timeout of a call that sets none.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.shared.timeout
    }

    pub(crate) fn status_as_error(&self) -> bool {
        self.shared.status_as_error
    }
}

/// Sends with reqwest's client, without middlewares.
struct Direct<'a>(&'a reqwest::Client);

impl Exchange for Direct<'_> {
    type Error = Error;

    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        Ok(self.0.execute(request).await?)
    }

    fn failure(error: &Error) -> Option<&reqwest::Error> {
        match error {
            Error::Reqwest(error) | Error::BrokeOff(error) => Some(error),
            Error::Refused(_)
            | Error::ForeignOrigin(_)
            | Error::TooManyHeaders
            | Error::Url(_)
            | Error::Segment(_)
            | Error::Body(_)
            | Error::Status(_) => None,
        }
    }

    fn broke_off(error: Error) -> Error {
        match error {
            Error::Reqwest(error) => Error::BrokeOff(error),
            Error::BrokeOff(_)
            | Error::Refused(_)
            | Error::ForeignOrigin(_)
            | Error::TooManyHeaders
            | Error::Url(_)
            | Error::Segment(_)
            | Error::Body(_)
            | Error::Status(_) => error,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.session().name())
            .field("origin", &self.origin().to_string())
            .finish_non_exhaustive()
    }
}

/// Fails to compile if tasks cannot share a client, or cannot move between threads during a call.
const _: fn(&Client, Request) = |client, request| {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    fn moved<T: Send>(_: T) {}
    shared(client);
    moved(client.execute(request));
    moved(client.token());
    moved(client.get("/").send());
};
