//! One call of a simulation, and where it is.

use std::hash::{Hash, Hasher};

use http::{Request, Response};
use waldo_auth_core::{Instant, Now};

use crate::machine::Machine;
use crate::setup::Kind;
use crate::watch::{Caller, TokenId};

/// A place for a call.
pub(crate) struct Slot<M: Machine> {
    pub(crate) kind: Kind,
    pub(crate) caller: Caller,
    pub(crate) state: State<M>,
}

/// Where a call is.
pub(crate) enum State<M: Machine> {
    /// It has not come in.
    Away,
    /// It is to ask the machine.
    Ready(M::Call),
    /// It waits.
    Waiting(M::Call, Instant),
    /// It logs in for everyone. Without a call, the call has ended, and its login goes on.
    Leading { call: Option<M::Call>, login: M::Login, flight: Flight },
    /// It has been sent.
    Sent { attempt: M::Attempt, flight: Flight, token: Option<TokenId>, epoch: u64, probe: bool },
    /// It has been answered, refused, cut or cancelled.
    Done,
}

impl<M: Machine> From<Option<M::Call>> for State<M> {
    /// Where a call is whose login has ended, if there is one.
    fn from(call: Option<M::Call>) -> Self {
        call.map_or(Self::Done, Self::Ready)
    }
}

/// A request on the network, and its answer once the server has made it.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Counts the logins of its process; 0 for a call.
    pub(crate) login: u64,
    pub(crate) sent: Now,
    pub(crate) request: Request<Vec<u8>>,
    pub(crate) answer: Option<Answer>,
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Vec<u8>>,
    /// The token in it, if there is one.
    pub(crate) token: Option<TokenId>,
    /// It comes from where its request went to.
    pub(crate) own_origin: bool,
}

impl<M: Machine> Slot<M> {
    /// The place for a call of this kind, which has not come in.
    pub(crate) fn away(kind: Kind) -> Self {
        Self { kind, caller: Caller::default(), state: State::Away }
    }
}

impl<M: Machine> State<M> {
    pub(crate) fn flight(&self) -> Option<&Flight> {
        match self {
            Self::Leading { flight, .. } | Self::Sent { flight, .. } => Some(flight),
            Self::Away | Self::Ready(_) | Self::Waiting(..) | Self::Done => None,
        }
    }

    fn flight_mut(&mut self) -> Option<&mut Flight> {
        match self {
            Self::Leading { flight, .. } | Self::Sent { flight, .. } => Some(flight),
            Self::Away | Self::Ready(_) | Self::Waiting(..) | Self::Done => None,
        }
    }

    /// Whether a request of it is on its way to the server.
    pub(crate) fn is_unserved(&self) -> bool {
        self.flight().is_some_and(|flight| flight.answer.is_none())
    }

    /// Whether an answer is on its way to it.
    pub(crate) fn is_served(&self) -> bool {
        self.flight().is_some_and(|flight| flight.answer.is_some())
    }

    /// The number of the login that it leads; 0 where it leads none.
    pub(crate) fn login(&self) -> u64 {
        self.flight().map_or(0, |flight| flight.login)
    }

    pub(crate) fn answer_mut(&mut self) -> Option<&mut Answer> {
        self.flight_mut()?.answer.as_mut()
    }

    pub(crate) fn set_answer(&mut self, answer: Option<Answer>) {
        if let Some(flight) = self.flight_mut() {
            flight.answer = answer;
        }
    }

    /// Whether it goes on without time having to pass.
    pub(crate) fn moves_by_itself(&self, now: Instant) -> bool {
        match self {
            Self::Ready(_) | Self::Leading { .. } | Self::Sent { .. } => true,
            Self::Waiting(_, until) => *until <= now,
            Self::Away | Self::Done => false,
        }
    }

    pub(crate) fn is_leading(&self) -> bool {
        matches!(self, Self::Leading { .. })
    }

    /// Whether there is a call in it that has not ended.
    pub(crate) fn has_call(&self) -> bool {
        self.is_under_way() && !matches!(self, Self::Leading { call: None, .. })
    }

    pub(crate) fn is_under_way(&self) -> bool {
        !matches!(self, Self::Away | Self::Done)
    }
}

impl<M: Machine> Hash for Slot<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // What kind of call it is never changes, and what became of one that has ended matters to
        // nobody.
        std::mem::discriminant(&self.state).hash(state);
        if self.state.is_under_way() {
            self.caller.hash(state);
        }
        match &self.state {
            State::Away | State::Done => {}
            State::Ready(call) => call.hash(state),
            State::Waiting(call, until) => (call, until).hash(state),
            State::Leading { call, login, flight } => (call, login, flight).hash(state),
            State::Sent { attempt, flight, token, epoch, probe } => {
                (attempt, flight, token, epoch, probe).hash(state);
            }
        }
    }
}

/// Its request is made of what its permit already says.
impl Hash for Flight {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.login, self.sent, &self.answer).hash(state);
    }
}

impl Hash for Answer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.response.status(), self.token, self.own_origin).hash(state);
        for (name, value) in self.response.headers() {
            (name, value).hash(state);
        }
    }
}
