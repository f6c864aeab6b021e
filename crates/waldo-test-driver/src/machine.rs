//! What is under test: anything that answers as a session does.
//!
//! To see what the invariants say of a design, write it as a [`Machine`]. This one logs in for
//! every call; its permits hold what it has to know of a call, and nothing else. An invariant names
//! the fault, and a short story shows it.
//!
//! ```
//! use http::{HeaderValue, Request, header::AUTHORIZATION};
//! use waldo_auth_core::{Config, Credentials, Head, Instant, Now};
//! use waldo_test_driver::machine::{LoginEnd, Machine, Step};
//! use waldo_test_driver::server::{Rotation, Server};
//! use waldo_test_driver::{Plan, Setup, exhaustive, replay};
//!
//! #[derive(Hash)]
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
//!         let pair = format!(r#"{{"apiKey":"{}","clientSecret":"{}"}}"#, Server::KEY_ID, Server::KEY_SECRET);
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
//!     fn say(&self, _: Now) -> String {
//!         String::new()
//!     }
//! }
//!
//! let setup = Setup::calls(2, Rotation::Lenient);
//! let failure = exhaustive::<LogsInEachTime>(&setup).unwrap_err();
//! println!("{failure}");
//! assert_eq!(failure.violation.to_string(), "bounded-logins: login 2 starts though a good token is held");
//!
//! // The same choices tell the same story.
//! let again = replay::<LogsInEachTime>(&Plan::Given(Box::new(setup)), &failure.trail).unwrap_err();
//! assert_eq!(again.transcript.to_string(), failure.transcript.to_string());
//! ```
//!
//! The crate's own tests have a larger machine, which keeps every invariant, and thirty ways to
//! break it: `tests/faulty/`.

mod session;

use std::hash::Hash;

use http::Request;
use waldo_auth_core::{Config, Credentials, Head, Instant, NotResumed, Now, Snapshot, Upload};

#[cfg(doc)]
use crate::server::Server;

/// An authentication state machine that a simulation can drive.
///
/// The shipping [`Session`](waldo_auth_core::Session) is one. Another is worth writing to see what
/// the invariants say of it: a design that is considered, or one with a known fault.
///
/// Its `Hash` has to cover all that decides what it does next, as has that of its permits: a search
/// that has been in a state does not go there again, so what the hash leaves out is missed in
/// silence.
///
/// The invariants judge it by the documented limits, which are the defaults of [`Config`]: the
/// leeways, the lease, the probes, the budget of drops.
pub trait Machine: Hash + Sized {
    /// A request that the user wants sent.
    type Call: Hash;
    /// A request with a token that is on its way.
    type Attempt: Hash;
    /// A login under way.
    type Login: Hash;

    /// A machine that holds nothing yet, for one key pair at one origin.
    ///
    /// The simulation's are always the same, as a configuration shows no key: [`Server::KEY_ID`]
    /// and [`Server::KEY_SECRET`] at `https://api.waldo.example`.
    fn begin(config: Config) -> Self;

    /// A call whose body can be produced again or not, and which will not wait beyond its deadline.
    fn call(one_shot: bool, deadline: Option<Instant>) -> Self::Call;

    /// Says what a call is to do now. Where that is to send its request, its `Authorization` header
    /// is set.
    fn admit(&mut self, call: Self::Call, request: &mut Request<Vec<u8>>, now: Now) -> Step<Self>;

    /// Takes the head of the answer to an attempt. The call comes back where it is to be sent
    /// again.
    fn conclude(&mut self, attempt: Self::Attempt, head: Head<'_>, now: Now) -> Option<Self::Call>;

    /// How the body of an attempt is sent. A probe is sent without its body.
    fn upload(_attempt: &Self::Attempt) -> Upload {
        Upload::Send
    }

    /// Takes note that an upload broke off. The call comes back if it must be sent again, or must
    /// probe.
    fn break_off(&mut self, _attempt: Self::Attempt, _now: Now) -> Option<Self::Call> {
        None
    }

    /// The request of a login.
    fn request(login: &Self::Login) -> Request<Vec<u8>>;

    /// Until when others wait for a login.
    fn expires_at(login: &Self::Login) -> Instant;

    /// Ends a login.
    fn settle(&mut self, login: Self::Login, end: LoginEnd<'_>, now: Now);

    /// Replaces the key pair. If it is the same one, only a rejection ends.
    fn reset(&mut self, credentials: Credentials, now: Now);

    /// Gives up the held token, unless a login is under way or the key pair is rejected.
    fn invalidate(&mut self, now: Now);

    /// Whether a token is held, usable or not. The invariants ask it after a 401, which may or may
    /// not drop the token.
    fn holds(&self, now: Now) -> bool;

    /// What is held, for other processes; nothing, for a machine that shares nothing.
    fn snapshot(&self, _now: Now) -> Option<Snapshot> {
        None
    }

    /// Holds what another process has stored.
    ///
    /// # Errors
    /// Why it is not used: as nobody's, by a machine that shares nothing.
    fn resume(&mut self, _snapshot: &Snapshot, _now: Now) -> Result<(), NotResumed> {
        Err(NotResumed::Foreign)
    }

    /// All that it lets anyone see of itself: debug output, explanations, records. No secret may be
    /// in it.
    fn say(&self, now: Now) -> String;
}

/// What is to be done with a call.
// Exhaustive on purpose: these four are the contract.
pub enum Step<M: Machine> {
    /// Send its request.
    Send(M::Attempt),
    /// Log in for everyone, then ask again.
    Authenticate(M::Login, M::Call),
    /// Wait until then, or until something has settled, and ask again.
    Wait(M::Call, Instant),
    /// Give it up.
    Refuse(Refused),
}

/// Why a call was not sent, and when it makes sense to try again.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// When to try again.
    pub retry_at: Instant,
    /// The message for the user.
    pub message: String,
}

/// Why a call was not sent.
// Exhaustive on purpose: the rules know no other reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The key pair was rejected.
    Rejected,
    /// It has sat through as many failed logins as it may.
    Unavailable,
    /// Its deadline comes before a token can.
    Deadline,
    /// It goes to another origin.
    Foreign,
}

/// How a login ended.
// Exhaustive on purpose: an embedding has nothing else to tell.
#[derive(Clone, Copy, Debug)]
pub enum LoginEnd<'a> {
    /// With this answer.
    Answer(Head<'a>, &'a [u8]),
    /// Without one.
    Transport,
    /// Its leader has given up.
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
