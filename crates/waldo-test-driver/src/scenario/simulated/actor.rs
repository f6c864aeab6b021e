//! One call in virtual time.

use http::Request;
use std::time::Duration;
use waldo_auth_core::{Attempt, Call, Instant, Login};

use crate::scenario::ending::Ending;
use crate::scenario::order::{BodyKind, Order};
use crate::server::Reply;

/// One call and its state.
pub(super) struct Actor {
    pub(super) order: Order,
    pub(super) state: State,
}

pub(super) enum State {
    /// The call is to be admitted.
    Ready(Call),
    Waiting(Call, Instant),
    /// The call logs in, and the login ends with the call.
    LoggingIn(Flight<Login>, Call),
    Sending(Flight<Attempt>),
    /// The call reads an endless body, until the instant at which it stops.
    Reading(Option<Instant>),
    /// The ending, and its time since the start of the scenario.
    Ended(Ending, Duration),
    /// The call has the turn.
    Gone,
}

/// A request on its way, with its permission.
pub(super) struct Flight<T> {
    pub(super) ticket: T,
    pub(super) request: Request<Vec<u8>>,
    pub(super) place: Place,
    /// The instant after which no caller waits for the answer.
    pub(super) until: Option<Instant>,
    /// When the client stops reading a body that does not end.
    pub(super) reading: Option<Instant>,
}

pub(super) enum Place {
    BeforeServer,
    BehindServer(Reply),
    Arrived,
}

impl<T> Flight<T> {
    pub(super) fn new(ticket: T, request: Request<Vec<u8>>, until: Option<Instant>) -> Self {
        Self { ticket, request, place: Place::BeforeServer, until, reading: None }
    }

    /// The next instant at which the request changes without an answer.
    pub(super) fn ends(&self) -> Option<Instant> {
        [self.until, self.reading].into_iter().flatten().min()
    }
}

impl Actor {
    pub(super) fn new(order: Order, deadline: Option<Instant>) -> Self {
        let call = match order.body() {
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
            BodyKind::OneShot => Call::one_shot(),
        };
        let call = match deadline {
            Some(deadline) => call.with_deadline(deadline),
            None => call,
        };
        Self { order, state: State::Ready(call) }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(..))
    }

    /// The session has changed, so a waiting call is admitted again.
    pub(super) fn wake(&mut self) {
        if let State::Waiting(..) = self.state
            && let State::Waiting(call, _) = std::mem::replace(&mut self.state, State::Gone)
        {
            self.state = State::Ready(call);
        }
    }

    /// The instant for which the call waits.
    pub(super) fn until(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(_, until) => Some(*until),
            State::LoggingIn(flight, _) => flight.ends(),
            State::Sending(flight) => flight.until,
            State::Reading(until) => *until,
            State::Ready(_) | State::Ended(..) | State::Gone => None,
        }
    }
}
