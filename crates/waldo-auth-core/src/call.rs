//! One request of the user, from its admission until its response is delivered.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::circuit_breaker::FailedLogins;
use crate::failure::Refusal;
use crate::generation::Generation;
use crate::login::Login;
use crate::time::{Instant, Now};

/// A request of the user, until its response is delivered or the request is refused.
///
/// A call is a value that moves: [`admit`](crate::Session::admit) takes the call and gives it back
/// inside its answer. A program can drop a call anywhere, without a message. A call is neither
/// `Clone` nor `Copy`, so it is only ever in one place.
///
/// ```
/// use std::time::Duration;
/// use waldo_auth_core::{Call, Instant};
///
/// let patient = Call::replayable();
/// let upload = Call::one_shot().with_deadline(Instant::from_start(Duration::from_secs(90)));
/// ```
#[derive(Debug, Hash)]
#[must_use = "a call does nothing until the session admits it"]
pub struct Call {
    pub(crate) body: Body,
    pub(crate) deadline: Option<Instant>,
    /// The state of the session when it first saw the call.
    pub(crate) arrival: Option<Arrival>,
    /// The one resend with a newer token has been used (rule 8).
    pub(crate) resent_with_newer: bool,
    /// The one resend after a login has been used (rule 8).
    pub(crate) resent_after_login: bool,
    /// The last login that the call has waited for, so that the journal notes each wait once.
    pub(crate) waited_for: u64,
    /// The generation of the token with which the call's upload broke off; 0 if no upload broke
    /// off, or if a response has come since.
    pub(crate) broke_off: u64,
}

/// Whether the body can be produced again (rule 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Replayable,
    OneShot,
}

/// The state of a session when it first sees a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arrival {
    pub(crate) epoch: u64,
    pub(crate) failed_logins: FailedLogins,
}

impl Call {
    /// A call whose body can be produced again, such as bytes or a factory. A call without a body
    /// is replayable.
    pub fn replayable() -> Self {
        Self::new(Body::Replayable)
    }

    /// A call whose body can be produced only once, such as a stream. After any of the body was
    /// read, the call is not sent again, so a 401 is delivered (rule 17).
    pub fn one_shot() -> Self {
        Self::new(Body::OneShot)
    }

    /// Refuses the call if it would have to wait beyond this instant (rule 14).
    ///
    /// The deadline bounds the waiting for a login or a backoff only. The HTTP stack bounds the
    /// time of the request itself.
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The deadline of the call. If you can, let a login outlive the deadline, because the login
    /// serves other calls too (rule 13).
    ///
    /// If your stack ends a login at the deadline of its call, settle the login as
    /// [`Outcome::Abandoned`](crate::Outcome::Abandoned): the deadline says nothing about the
    /// server, so the other calls need not back off.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn new(body: Body) -> Self {
        Self {
            body,
            deadline: None,
            arrival: None,
            resent_with_newer: false,
            resent_after_login: false,
            waited_for: 0,
            broke_off: 0,
        }
    }

    /// Spends either resend, because the upload of this call broke off and another call got a 401
    /// with the same token.
    pub(crate) fn spend_any_resend(&mut self) -> bool {
        self.body == Body::Replayable
            && (self.spend_resend_with_newer() || self.spend_resend_after_login())
    }

    /// Spends the resend with a newer token; false if it is already spent.
    pub(crate) fn spend_resend_with_newer(&mut self) -> bool {
        !std::mem::replace(&mut self.resent_with_newer, true)
    }

    /// Spends the resend after a login; false if it is already spent.
    pub(crate) fn spend_resend_after_login(&mut self) -> bool {
        !std::mem::replace(&mut self.resent_after_login, true)
    }
}

/// A request that carries the token and is on its way. Pass the head of its response to
/// [`conclude`](crate::Session::conclude), or drop the attempt if no response comes.
///
/// Only [`Session::admit`](crate::Session::admit) makes an attempt, and only after it has put the
/// token on a request. An attempt names its token by the generation and shares nothing with the
/// session. So any number of attempts takes no memory of the session.
#[derive(Debug)]
#[must_use = "conclude the attempt when its response has come"]
pub struct Attempt {
    pub(crate) call: Call,
    /// The session that admitted the call.
    pub(crate) session: usize,
    /// The generation of the token that the request carries.
    pub(crate) generation: u64,
    /// The epoch of that token.
    pub(crate) epoch: u64,
    pub(crate) sent: Now,
    /// The body is still whole, so even a one-shot call can be sent again.
    pub(crate) untouched: bool,
    pub(crate) upload: Upload,
}

impl Attempt {
    /// Says that this attempt read nothing of its one-shot body, so the call can be sent again.
    ///
    /// This is the case if the server refused the head of a request with `Expect: 100-continue`.
    /// The mark holds for this attempt only.
    pub fn with_untouched_body(self) -> Self {
        Self { untouched: true, ..self }
    }

    /// How to send the body, if it is an upload (rule 24).
    pub fn upload(&self) -> Upload {
        self.upload
    }

    /// The deadline of the call. The HTTP stack should keep it too.
    pub fn deadline(&self) -> Option<Instant> {
        self.call.deadline()
    }

    /// Whether the call was sent before, and a 401 caused this attempt.
    pub fn is_resent(&self) -> bool {
        self.call.resent_with_newer || self.call.resent_after_login
    }

    /// The token that was sent, for [`Session::invalidate`](crate::Session::invalidate).
    pub fn generation(&self) -> Generation {
        Generation { session: self.session, number: self.generation }
    }
}

/// Hashes what tells an attempt from the other attempts of its session.
impl Hash for Attempt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { call, session: _, generation, epoch, sent, untouched, upload } = self;
        (call, generation, epoch, sent, untouched, upload).hash(state);
    }
}

/// How to send the body of an admitted request, if the body is an upload: more than 64 KiB, or of
/// unknown length.
///
/// A server may refuse a token as soon as it has read the head of a request. It may then close the
/// connection before it has read the body. The client is still writing, and often cannot read the
/// 401.
///
/// Send a request with a shorter body at once, and ignore this value. A shorter body fits into the
/// connection's buffers, so its response can always be read.
///
/// The enum is exhaustive on purpose, because an adapter must handle every variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upload {
    /// Send head and body at once.
    Send,
    /// An upload with this token broke off, so the server may refuse the token. Send the head with
    /// `Expect: 100-continue`. Send the body when the server asks for it, or after a second of
    /// silence.
    ExpectContinue,
    /// The upload of this call broke off. Send the head with `Expect: 100-continue`, and never the
    /// body.
    ///
    /// A final response is the call's answer, except a 417: [`conclude`](crate::Session::conclude)
    /// the attempt with this response. If the server answers 100 or 417, or is silent for a second,
    /// close the connection and call [`break_off`](crate::Session::break_off). Then the call ends
    /// with the error of the first sending, and this error should say that the token may have been
    /// refused.
    HeadOnly,
}

impl Upload {
    /// The longest body that is not an upload, in bytes: 64 KiB.
    pub const MAX_SHORT_BODY: u64 = 64 * 1024;

    /// How long a server has to ask for the body after `Expect: 100-continue`: one second.
    pub const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
}

/// What to do with a call: the answer of [`Session::admit`](crate::Session::admit).
///
/// The enum is exhaustive on purpose: these four answers are the whole contract between the core
/// and an embedding.
#[derive(Debug)]
#[must_use = "the call does not go on by itself"]
pub enum Step {
    /// The request carries the token. Send the request right away, because the lifetime of a
    /// renewed token is measured from now.
    Send(Attempt),
    /// Log in for all calls, settle the login, and admit the call again.
    Authenticate(Login, Call),
    /// Wait until the instant, or until another thread or task has settled, reset, invalidated or
    /// resumed. Then admit the call again. The instant lies in the future.
    Wait(Call, Instant),
    /// End the call with this error.
    Refuse(Refusal),
}

/// What to do with a response: the answer of [`Session::conclude`](crate::Session::conclude).
#[derive(Debug)]
#[must_use = "a call that is to be sent again does not go on by itself"]
pub enum Verdict {
    /// Deliver the response.
    Deliver,
    /// Drain or drop the response and admit the call again.
    Retry(Call),
}
