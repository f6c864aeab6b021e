//! One call in virtual time.

use http::Request;
use std::time::Duration;
use waldo_auth_core::{Attempt, Call, Instant, Login};

use crate::scenario::ending::Ending;
use crate::scenario::order::{BodyKind, Order};
use crate::server::Reply;

/// One call, and where it stands.
pub(super) struct Actor {
    pub(super) order: Order,
    pub(super) state: State,
}

pub(super) enum State {
    /// To be admitted.
    Ready(Call),
    Waiting(Call, Instant),
    /// It logs in, and its login ends with it.
    LoggingIn(Flight<Login>, Call),
    Sending(Flight<Attempt>),
    /// The body of its answer, which has no end, until it has enough of that.
    Reading(Option<Instant>),
    /// How, and when since the scenario began.
    Ended(Ending, Duration),
    /// Its turn is being taken.
    Gone,
}

/// A request on its way, with what permits it.
pub(super) struct Flight<T> {
    pub(super) ticket: T,
    pub(super) request: Request<Vec<u8>>,
    pub(super) place: Place,
    /// The instant from which no caller waits for its answer any more.
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

    /// When something happens to it though no answer comes.
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

    /// Something has settled: a call that waits looks again.
    pub(super) fn wake(&mut self) {
        if let State::Waiting(..) = self.state
            && let State::Waiting(call, _) = std::mem::replace(&mut self.state, State::Gone)
        {
            self.state = State::Ready(call);
        }
    }

    /// The instant that it waits for.
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
