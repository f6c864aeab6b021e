//! One call of a simulation, and its state.

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

/// The state of a call.
pub(crate) enum State<M: Machine> {
    /// The call has not come in.
    Away,
    /// The call is to be admitted.
    Ready(M::Call),
    /// The call waits.
    Waiting(M::Call, Instant),
    /// The call logs in for all calls. `None` if the call has ended and its login goes on.
    Leading { call: Option<M::Call>, login: M::Login, flight: Flight },
    /// The call has been sent.
    Sent { attempt: M::Attempt, flight: Flight, token: Option<TokenId>, epoch: u64, probe: bool },
    /// The call has been answered, refused, cut or cancelled.
    Done,
}

impl<M: Machine> From<Option<M::Call>> for State<M> {
    /// The state of a call after its login has ended.
    fn from(call: Option<M::Call>) -> Self {
        call.map_or(Self::Done, Self::Ready)
    }
}

/// A request on the network, and its answer once the server has made it.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The number of the login in its process; 0 for a call.
    pub(crate) login: u64,
    pub(crate) sent: Now,
    pub(crate) request: Request<Vec<u8>>,
    pub(crate) answer: Option<Answer>,
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Vec<u8>>,
    /// The token in the answer.
    pub(crate) token: Option<TokenId>,
    /// Whether the answer comes from the origin of its request.
    pub(crate) own_origin: bool,
}

impl<M: Machine> Slot<M> {
    /// A slot for a call of this kind, which has not come in.
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

    /// Whether a request is on its way to the server.
    pub(crate) fn is_unserved(&self) -> bool {
        self.flight().is_some_and(|flight| flight.answer.is_none())
    }

    /// Whether an answer is on its way to the call.
    pub(crate) fn is_served(&self) -> bool {
        self.flight().is_some_and(|flight| flight.answer.is_some())
    }

    /// The number of the login that the call leads; 0 if it leads none.
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

    /// Whether the next step needs no time.
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

    /// Whether the slot has a call that has not ended.
    pub(crate) fn has_call(&self) -> bool {
        self.is_under_way() && !matches!(self, Self::Leading { call: None, .. })
    }

    pub(crate) fn is_under_way(&self) -> bool {
        !matches!(self, Self::Away | Self::Done)
    }
}

impl<M: Machine> Hash for Slot<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Leave out the kind, which never changes, and the result of an ended call, which changes
        // nothing.
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

/// Leaves out the request, because the permit determines it.
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
