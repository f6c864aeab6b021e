//! The machine under test: a session, or another implementation with the same methods.
//!
//! To check a design against the invariants, write it as a [`Machine`]. This example logs in for
//! every call. An invariant names the fault, and a short transcript shows it.
//!
//! ```
//! use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
//!
//! use http::{HeaderValue, Request, header::AUTHORIZATION};
//! use waldo_auth_core::{Config, Credentials, Head, Instant, Now};
//! use waldo_simulation::machine::{LoginEnd, Machine, Step};
//! use waldo_test_driver::server::{Rotation, Server};
//! use waldo_simulation::{Plan, Setup, exhaustive, replay};
//!
//! struct LogsInEachTime {
//!     token: Option<String>,
//! }
//!
//! impl Machine for LogsInEachTime {
//!     type Call = ();
//!     type Attempt = ();
//!     type Login = Now;
//!
//!     fn begin(_: Config) -> Self {
//!         Self { token: None }
//!     }
//!     fn call(_one_shot: bool, _deadline: Option<Instant>) {}
//!     fn admit(&mut self, (): (), request: &mut Request<Vec<u8>>, now: Now) -> Step<Self> {
//!         match self.token.take() {
//!             Some(token) => {
//!                 let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
//!                 request.headers_mut().insert(AUTHORIZATION, value);
//!                 Step::Send(())
//!             }
//!             None => Step::Authenticate(now, ()),
//!         }
//!     }
//!     fn conclude(&mut self, (): (), _: Head<'_>, _: Now) -> Option<()> {
//!         None
//!     }
//!     fn request(_: &Now) -> Request<Vec<u8>> {
//!         let (id, secret) = (Server::KEY_ID, Server::KEY_SECRET);
//!         let pair = format!(r#"{{"apiKey":"{id}","clientSecret":"{secret}"}}"#);
//!         Request::post("https://api.waldo.example/authenticate")
//!             .header("content-type", "application/json")
//!             .body(pair.into_bytes())
//!             .unwrap()
//!     }
//!     fn expires_at(login: &Now) -> Instant {
//!         login.monotonic.saturating_add(std::time::Duration::from_secs(30))
//!     }
//!     fn settle(&mut self, _: Now, end: LoginEnd<'_>, _: Now) {
//!         if let LoginEnd::Answer(_, body) = end {
//!             let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
//!             self.token = body["token"].as_str().map(str::to_owned);
//!         }
//!     }
//!     fn reset(&mut self, _: Credentials, _: Now) {
//!         self.token = None;
//!     }
//!     fn invalidate(&mut self, _: Now) {
//!         self.token = None;
//!     }
//!     fn holds(&self, _: Now) -> bool {
//!         self.token.is_some()
//!     }
//!     fn digest(&self) -> u64 {
//!         BuildHasherDefault::<DefaultHasher>::default().hash_one(&self.token)
//!     }
//!     fn say(&self, _: Now) -> String {
//!         String::new()
//!     }
//! }
//!
//! let setup = Setup::calls(2, Rotation::Lenient);
//! let failure = exhaustive::<LogsInEachTime>(&setup).unwrap_err();
//! println!("{failure}");
//! assert_eq!(
//!     failure.violation.to_string(),
//!     "bounded-logins: login 2 starts though a good token is held"
//! );
//!
//! // The same choices tell the same story.
//! let plan = Plan::Given(Box::new(setup));
//! let again = replay::<LogsInEachTime>(&plan, &failure.trail).unwrap_err();
//! assert_eq!(again.transcript.to_string(), failure.transcript.to_string());
//! ```
//!
//! The crate's tests in `tests/faulty/` have a larger machine that fulfils all invariants, and a
//! faulty variant of it for each clause of the invariants.

mod session;

use std::hash::Hash;

use http::Request;
use waldo_auth_core::{Config, Credentials, Head, Instant, NotResumed, Now, Snapshot, Upload};

#[cfg(doc)]
use waldo_test_driver::server::Server;

/// An authentication state machine that a simulation can drive.
///
/// The shipping [`Session`](waldo_auth_core::Session) is such a machine. Write another machine to
/// test a new design, or to test the invariants with a known fault.
///
/// The [digest](Self::digest) of a machine and the `Hash` of its permits must cover all state that
/// decides what the machine does next. The search does not enter a state again, so it silently
/// misses behaviour that they leave out.
///
/// The invariants use the documented limits, which are the defaults of [`Config`]: leeways, lease,
/// probes and invalidation budget.
pub trait Machine: Sized {
    /// A request that the user wants sent.
    type Call: Hash;
    /// A request with a token that is on its way.
    type Attempt: Hash;
    /// A login under way.
    type Login: Hash;

    /// A machine without a token, for one key pair at one origin.
    ///
    /// A configuration does not show its key pair. The simulation always uses [`Server::KEY_ID`]
    /// and [`Server::KEY_SECRET`] at `https://api.waldo.example`.
    fn begin(config: Config) -> Self;

    /// A new call, which is one-shot or replayable, and may have a deadline for its waiting.
    fn call(one_shot: bool, deadline: Option<Instant>) -> Self::Call;

    /// Says what a call must do now. If the call is to be sent, the `Authorization` header of its
    /// request is set.
    fn admit(&mut self, call: Self::Call, request: &mut Request<Vec<u8>>, now: Now) -> Step<Self>;

    /// Takes the head of the answer to an attempt. Returns the call, if it must be sent again.
    fn conclude(&mut self, attempt: Self::Attempt, head: Head<'_>, now: Now) -> Option<Self::Call>;

    /// How the body of an attempt is sent. A head-only attempt has no body.
    fn upload(_attempt: &Self::Attempt) -> Upload {
        Upload::Send
    }

    /// Notes that an upload broke off. Returns the call, if it must be sent again or make a
    /// head-only attempt.
    fn break_off(&mut self, _attempt: Self::Attempt, _now: Now) -> Option<Self::Call> {
        None
    }

    /// The request of a login.
    fn request(login: &Self::Login) -> Request<Vec<u8>>;

    /// The instant at which the lease of a login expires.
    fn expires_at(login: &Self::Login) -> Instant;

    /// Ends a login.
    fn settle(&mut self, login: Self::Login, end: LoginEnd<'_>, now: Now);

    /// Replaces the key pair. An equal key pair only closes an open circuit.
    fn reset(&mut self, credentials: Credentials, now: Now);

    /// Gives up the held token, unless a login is under way or the circuit is open.
    fn invalidate(&mut self, now: Now);

    /// Whether a token is held, even one that is too old to use. The invariants ask this after a
    /// 401, which may drop the token.
    fn holds(&self, now: Now) -> bool;

    /// The held token for other processes; `None` if the machine does not share tokens.
    fn snapshot(&self, _now: Now) -> Option<Snapshot> {
        None
    }

    /// Holds a token that another process has stored.
    ///
    /// # Errors
    /// Says why the snapshot is not used. A machine that does not share tokens returns
    /// [`NotResumed::Foreign`].
    fn resume(&mut self, _snapshot: &Snapshot, _now: Now) -> Result<(), NotResumed> {
        Err(NotResumed::Foreign)
    }

    /// A hash of all state that decides what the machine does next.
    fn digest(&self) -> u64;

    /// All output of the machine: debug output, explanations and records. It must not contain a
    /// secret.
    fn say(&self, now: Now) -> String;
}

/// What to do with a call.
// Exhaustive on purpose: these four answers are the contract.
pub enum Step<M: Machine> {
    /// Send the request.
    Send(M::Attempt),
    /// Log in for all calls, and admit the call again.
    Authenticate(M::Login, M::Call),
    /// Wait until the instant, or until the machine changes, and admit the call again.
    Wait(M::Call, Instant),
    /// End the call with this refusal.
    Refuse(Refused),
}

/// Why a call was not sent, and when to try again.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The reason.
    pub why: Why,
    /// When to try again.
    pub retry_at: Instant,
    /// The message for the user.
    pub message: String,
}

/// Why a call was not sent.
// Exhaustive on purpose: the rules have no other reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The key pair was rejected.
    Rejected,
    /// The call has waited through the maximum number of failed logins.
    Unavailable,
    /// The call's deadline comes before a login can bring a token.
    Deadline,
    /// The request goes to another origin.
    Foreign,
}

/// How a login ended.
// Exhaustive on purpose: an embedding reports only these endings.
#[derive(Clone, Copy, Debug)]
pub enum LoginEnd<'a> {
    /// The server answered.
    Answer(Head<'a>, &'a [u8]),
    /// No answer came.
    Transport,
    /// The leader abandoned the login.
    Abandoned,
}

impl<M: Machine> std::fmt::Debug for Step<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(_) => f.write_str("Send"),
            Self::Authenticate(..) => f.write_str("Authenticate"),
            Self::Wait(_, until) => f.debug_tuple("Wait").field(until).finish(),
            Self::Refuse(refused) => f.debug_tuple("Refuse").field(refused).finish(),
        }
    }
}
