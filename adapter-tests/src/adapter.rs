//! What an adapter's tests implement: how to build a client, and how to make a call.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use waldo_auth_client::{
    ConfigBuilder, CredentialSource, Credentials, Explanation, Generation, Reason, Refusal,
};
use waldo_emulator::model::Server;

use crate::fleet::TestStore;
use crate::stream::Stream;

/// Longer than a login may take. So a blocking call logs in on its own thread.
const LIMIT: Duration = Duration::from_secs(40);

/// A client of an adapter. A client with futures makes its calls as tasks of [`run`](crate::run).
pub trait Adapter: Clone + Send + Sync + 'static {
    /// Makes a client whose 4xx and 5xx are answers, and that uses no proxy.
    fn build(setup: Setup) -> Self;

    /// Makes a client from the environment, and returns its origin.
    ///
    /// # Errors
    /// The environment names no usable client.
    fn from_env() -> Result<String, Box<dyn Error>>;

    /// Makes a client whose key pair comes from this source.
    fn from_source(setup: Setup, source: CredentialSource) -> Self;

    /// Makes clients whose stack follows redirects by its own settings.
    fn following(setup: impl Fn() -> Setup) -> Vec<Self>;

    /// Makes one call, and reads the whole answer.
    ///
    /// # Errors
    /// The call has no whole answer.
    fn send(&self, call: Call) -> Result<Answer, Failure>;

    /// Replaces the key pair.
    fn reset(&self, credentials: Credentials);

    /// The generation of the held token.
    fn generation(&self) -> Option<Generation>;

    /// Gives up the held token if it is of this generation.
    fn invalidate(&self, generation: Option<Generation>) -> bool;

    /// The decision for the next call.
    fn explain(&self) -> Explanation;

    /// Resumes the token that the other client holds.
    fn resume_from(&self, other: &Self);

    /// Makes the call that every server of the cases answers.
    ///
    /// # Errors
    /// The call has no whole answer.
    fn call(&self) -> Result<Answer, Failure> {
        self.send(Call::get("/customer?field=id"))
    }

    /// The status of that call.
    fn status(&self) -> u16 {
        self.call().unwrap().status
    }
}

/// The settings of a client.
pub struct Setup {
    /// The origin of the server.
    pub origin: String,
    /// The longest that a whole call may take. Default: 40 s.
    pub timeout: Duration,
    /// The longest that a call may wait for a token. Default: 40 s.
    pub max_wait: Duration,
    /// Changes the limits of the core.
    pub limits: fn(ConfigBuilder) -> ConfigBuilder,
    /// The store that several clients share, if any.
    pub store: Option<Arc<TestStore>>,
}

impl Setup {
    /// The default settings.
    pub fn new(origin: impl Into<String>) -> Self {
        let limits = |limits| limits;
        Self { origin: origin.into(), timeout: LIMIT, max_wait: LIMIT, limits, store: None }
    }

    /// The same with a store.
    #[must_use]
    pub fn store(self, store: &Arc<TestStore>) -> Self {
        Self { store: Some(Arc::clone(store)), ..self }
    }

    /// The same with other limits of the core.
    #[must_use]
    pub fn limits(self, limits: fn(ConfigBuilder) -> ConfigBuilder) -> Self {
        Self { limits, ..self }
    }

    /// The key pair that the emulator knows.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap()
    }
}

/// A call to make.
#[derive(Debug)]
pub struct Call {
    /// A path with its query.
    pub path: String,
    /// The body; a call without one is a `GET`, and any other a `POST`.
    pub payload: Option<Payload>,
    /// The longest that this call may take, if it has a limit of its own.
    pub timeout: Option<Duration>,
}

impl Call {
    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), payload: None, timeout: None }
    }

    /// A `POST`.
    pub fn post(path: impl Into<String>, payload: impl Into<Payload>) -> Self {
        Self { payload: Some(payload.into()), ..Self::get(path) }
    }

    /// The same with its own limit.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }
}

/// The body of a call.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Bytes, which can be sent again.
    Bytes(Vec<u8>),
    /// A stream, which is sent once.
    Stream(Stream),
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Stream> for Payload {
    fn from(stream: Stream) -> Self {
        Self::Stream(stream)
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The generation of the token that was sent; `None` for a success.
    pub generation: Option<Generation>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A call that has failed.
#[derive(Debug)]
pub struct Failure {
    /// The kind of the adapter's error.
    pub kind: Kind,
    /// Whether the error reports a time limit.
    pub is_timeout: bool,
    /// Whether the error reports that the server cannot have acted on the call.
    pub never_sent: bool,
    /// The wait that the error proposes.
    pub retry_in: Option<Duration>,
    /// The adapter's error.
    pub error: Box<dyn Error + Send + Sync>,
}

/// The kind of an error.
#[derive(Debug)]
pub enum Kind {
    /// There is no token.
    Refused(Refusal),
    /// An upload broke off.
    BrokeOff,
    /// The stack failed, or its timeout ended.
    Stack,
    /// Anything else.
    Other,
}

impl Failure {
    /// The reason of a login that brought no token.
    pub fn reason(&self) -> Reason {
        let Kind::Refused(Refusal::Unavailable { failure, .. }) = &self.kind else {
            panic!("not an unavailable login: {self:?}")
        };
        failure.reason()
    }

    /// Whether the call was refused at its deadline, and its error says so.
    pub fn is_deadline(&self) -> bool {
        let is_deadline = matches!(self.kind, Kind::Refused(Refusal::Deadline { .. }));
        is_deadline && self.is_timeout && self.never_sent
    }

    /// The error and its causes.
    pub fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let error: &(dyn Error + 'static) = &*self.error;
        std::iter::successors(Some(error), |&cause| cause.source())
    }
}
