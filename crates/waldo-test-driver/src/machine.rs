//! What is under test: anything that answers as a session does.

mod session;

use std::hash::Hash;

use http::Request;
use waldo_auth_core::{Config, Credentials, Head, Instant, NotResumed, Now, Snapshot};

/// An authentication state machine that a world can drive.
///
/// The shipping [`Session`](waldo_auth_core::Session) is one. Another is worth writing to see what the laws say of it: a design that is
/// considered, or one with a known fault.
///
/// Its `Hash` has to cover all that decides what it does next, as has that of its permits: a search that has been in a state does not
/// go there again.
pub trait Machine: Hash + Sized {
    /// A request that the user wants sent.
    type Call: Hash;
    /// A request with a token that is on its way.
    type Attempt: Hash;
    /// A login under way.
    type Login: Hash;

    /// A machine that holds nothing yet.
    fn begin(config: Config) -> Self;

    /// A call whose body can be produced again or not, and which will not wait beyond its deadline.
    fn call(one_shot: bool, deadline: Option<Instant>) -> Self::Call;

    /// Says what a call is to do now. Where that is to send its request, its `Authorization` header is set.
    fn admit(&mut self, call: Self::Call, request: &mut Request<Vec<u8>>, now: Now) -> Step<Self>;

    /// Takes the head of the answer to an attempt. The call comes back where it is to be sent again.
    fn conclude(&mut self, attempt: Self::Attempt, head: Head<'_>, now: Now) -> Option<Self::Call>;

    /// The request of a login.
    fn request(login: &Self::Login) -> Request<Vec<u8>>;

    /// Until when others wait for a login.
    fn lapses(login: &Self::Login) -> Instant;

    /// Ends a login.
    fn settle(&mut self, login: Self::Login, end: LoginEnd<'_>, now: Now);

    /// Replaces the key pair.
    fn reset(&mut self, credentials: Credentials, now: Now);

    /// Gives up what is held.
    fn invalidate(&mut self, now: Now);

    /// What is held, for other processes.
    fn snapshot(&self, now: Now) -> Option<Snapshot>;

    /// Holds what another process has stored.
    ///
    /// # Errors
    /// Why it is not used.
    fn resume(&mut self, snapshot: &Snapshot, now: Now) -> Result<(), NotResumed>;

    /// All that it lets anyone see of itself: debug output, explanations, records. No secret may be in it.
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
    /// What the user is told.
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
