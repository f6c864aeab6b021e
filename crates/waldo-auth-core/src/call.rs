//! One logical request of the user.

use crate::setbacks::Setbacks;
use crate::time::Instant;

/// A request that the user wants sent, until its response is delivered or it is refused.
///
/// It is a value that moves through the session: [`admit`](crate::Session::admit) takes it and gives it back inside
/// its answer. It can be dropped anywhere, without a message. It is neither `Clone` nor `Copy`, so that a call can only be in
/// one place.
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
    pub(crate) entry: Option<Entry>,
    /// The one resend with a newer token has been used (rule 8).
    pub(crate) resent_with_newer: bool,
    /// The one resend after a login has been used (rule 8).
    pub(crate) resent_after_login: bool,
    /// The last login it has waited for, so that the journal says so once.
    pub(crate) waited_for: u64,
    /// The generation of the token with which the call's upload broke off; 0 if none did, or after a
    /// response.
    pub(crate) broke_off: u64,
}

/// Whether the body can be produced a second time (rule 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Replayable,
    OneShot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) epoch: u64,
    pub(crate) setbacks: Setbacks,
}

impl Call {
    /// A call whose body, if any, can be produced again: bytes, or a factory.
    pub fn replayable() -> Self {
        Self::new(Body::Replayable)
    }

    /// A call whose body can be produced once: a stream. Once that was touched it is not sent again, so a 401 is delivered (rule 17).
    pub fn one_shot() -> Self {
        Self::new(Body::OneShot)
    }

    /// Refuses the call rather than letting it wait beyond this instant (rule 14).
    ///
    /// The deadline bounds waiting for a login or a backoff only; how long a request may take is the HTTP stack's business.
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The deadline. Do not bound a login by it, if you can: a login outlives its call (rule 13).
    ///
    /// If your stack ends a login at the deadline of its call, settle the login as
    /// [`Outcome::Abandoned`](crate::Outcome::Abandoned): the deadline says nothing about the server,
    /// and the other calls need not back off.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn new(body: Body) -> Self {
        Self {
            body,
            deadline: None,
            entry: None,
            resent_with_newer: false,
            resent_after_login: false,
            waited_for: 0,
            broke_off: 0,
        }
    }

    /// Spends either resend. The upload of this call broke off, and another call got a 401 with the
    /// same token.
    pub(crate) fn spend_any_resend(&mut self) -> bool {
        self.body == Body::Replayable && (self.spend_resend_with_newer() || self.spend_resend_after_login())
    }

    /// Spends the resend with a newer token; false when it is spent.
    pub(crate) fn spend_resend_with_newer(&mut self) -> bool {
        !std::mem::replace(&mut self.resent_with_newer, true)
    }

    /// Spends the resend after a login; false when it is spent.
    pub(crate) fn spend_resend_after_login(&mut self) -> bool {
        !std::mem::replace(&mut self.resent_after_login, true)
    }
}
