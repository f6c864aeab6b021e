//! A scenario in virtual time: the shipping session against the model, without clocks, threads or
//! sockets.
//!
//! All steps that need no time happen at once, in the order in which the calls came in. Then time
//! jumps to the next instant for which a call or login waits.

mod actor;
mod on_bench;

use std::time::Duration;

use http::{Method, Request};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Head, Instant, Login, Outcome, Reason, Session, Step,
    Unavailable, Verdict,
};

use self::actor::{Actor, Flight, Place, State};
use super::bench::Obstacle;
use super::document::{LoginTask, Scenario};
use super::ending::Ending;
use super::key_pair::KeyPair;
use super::order::Order;
use super::unmet::Unmet;
use super::window::Precision;
use super::witness::Witness;
use crate::clocks::Clocks;
use crate::server::{Hold, Reply, Server, Stage, Target};

const ORIGIN: &str = "https://api.waldo.example";
const ELSEWHERE: &str = "https://elsewhere.example";

/// The largest number of turns. A scenario that takes more turns is in an endless loop.
const MOST_TURNS: usize = 100_000;

impl Scenario {
    /// Drives `waldo_auth_core::Session` through the scenario in virtual time. Returns the
    /// expectations that were not met. The list is empty if the scenario passes.
    ///
    /// ```
    /// use waldo_test_driver::scenario;
    ///
    /// for scenario in scenario::all() {
    ///     assert_eq!(scenario.run(), [], "{}", scenario.name());
    /// }
    /// ```
    pub fn run(&self) -> Vec<Unmet> {
        match SimulatedBench::new(self) {
            Ok(mut simulation) => self.perform(&mut simulation, Precision::Exact),
            Err(obstacle) => vec![Unmet::no_client(&obstacle)],
        }
    }
}

pub(super) struct SimulatedBench<'a> {
    scenario: &'a Scenario,
    server: Server,
    witness: Witness,
    session: Session,
    clocks: Clocks,
    holds: Vec<Hold>,
    actors: Vec<Actor>,
    /// The logins that run apart from a call.
    logins: Vec<Flight<Login>>,
    stored: Option<String>,
    logins_at_once: usize,
    objections: Vec<String>,
}

impl<'a> SimulatedBench<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Result<Self, Obstacle> {
        let mut clocks = Clocks::default();
        clocks.set(scenario.client.clock);
        Ok(Self {
            server: scenario.server(ELSEWHERE),
            witness: Witness::new(clocks.truth()),
            session: session(scenario, scenario.key())?,
            scenario,
            clocks,
            holds: Vec::new(),
            actors: Vec::new(),
            logins: Vec::new(),
            stored: None,
            logins_at_once: 0,
            objections: Vec::new(),
        })
    }

    /// Performs all steps that need no time.
    fn progress(&mut self) {
        for _ in 0..MOST_TURNS {
            let moved = (0..self.actors.len()).any(|index| self.turn(index)) || self.turn_logins();
            let of_calls =
                self.actors.iter().filter(|actor| matches!(actor.state, State::LoggingIn(..)));
            self.logins_at_once = self.logins_at_once.max(of_calls.count() + self.logins.len());
            if !moved {
                return;
            }
        }
        self.objections
            .push(format!("after {MOST_TURNS} turns at one instant the client was not done"));
    }

    /// Performs the next step of one call, if it has one.
    fn turn(&mut self, index: usize) -> bool {
        let now = self.clocks.now();
        let Some(actor) = self.actors.get_mut(index) else { return false };
        let (next, moved) = match std::mem::replace(&mut actor.state, State::Gone) {
            State::Ready(call) => {
                let order = actor.order.clone();
                (self.admit(call, &order), true)
            }
            State::Waiting(call, until) if until <= now.monotonic => (State::Ready(call), true),
            State::LoggingIn(flight, call) => match self.fly_login(flight, call.deadline()) {
                None => (State::Ready(call), true),
                Some(flight) => (State::LoggingIn(flight, call), false),
            },
            State::Sending(flight) => self.fly_attempt(flight),
            State::Reading(Some(until)) if until <= now.monotonic => {
                (self.ended(Ending::TimedOut), true)
            }
            still @ (State::Waiting(..) | State::Reading(_) | State::Ended(..) | State::Gone) => {
                (still, false)
            }
        };
        if let Some(actor) = self.actors.get_mut(index) {
            // A settled login has woken all calls except the call that has the turn.
            actor.state = next;
        }
        moved
    }

    fn admit(&mut self, call: Call, order: &Order) -> State {
        let (now, deadline) = (self.clocks.now(), call.deadline());
        let Ok(uri) = order.uri(ORIGIN, ELSEWHERE) else {
            return self.ended(Ending::Other(format!("{} makes no request", order.path())));
        };
        let mut request = Request::new(order.bytes());
        (*request.method_mut(), *request.uri_mut()) = (order.method(), uri);
        request.headers_mut().clone_from(order.headers());
        let Ok(step) = self.session.admit(call, &mut request, now) else {
            return self.ended(Ending::ForeignOrigin);
        };
        match step {
            Step::Send(attempt) => State::Sending(Flight::new(attempt, request, deadline)),
            Step::Authenticate(login, then) => {
                let request = login.request();
                let lease = login.expires_at().saturating_duration_since(now.monotonic);
                let timeout = lease.saturating_sub((lease / 10).min(Duration::from_secs(1)));
                let silence = (!self.scenario.client.patient_logins)
                    .then(|| now.monotonic.saturating_add(timeout));
                if self.scenario.client.logins == LoginTask::OfItsCall {
                    let until = [silence, then.deadline()].into_iter().flatten().min();
                    return State::LoggingIn(Flight::new(login, request, until), then);
                }
                let expires_at = login.expires_at();
                self.logins.push(Flight::new(login, request, silence));
                let until = then.deadline().map_or(expires_at, |deadline| deadline.min(expires_at));
                State::Waiting(then, until)
            }
            Step::Wait(call, until) => {
                if until <= now.monotonic {
                    self.objections.push(
                        "the session asked to wait until an instant that has passed".to_owned(),
                    );
                }
                State::Waiting(call, until)
            }
            Step::Refuse(refusal) => self.ended(Ending::at(&refusal, now.monotonic)),
        }
    }

    /// Performs the next step of each login that runs apart from a call.
    fn turn_logins(&mut self) -> bool {
        let (before, flights) = (self.logins.len(), std::mem::take(&mut self.logins));
        for flight in flights {
            let still = self.fly_login(flight, None);
            self.logins.extend(still);
        }
        self.logins.len() < before
    }

    /// Performs the next step of a login, and returns the login unless it has ended. `deadline` is
    /// the deadline of the login's call.
    fn fly_login(
        &mut self,
        mut flight: Flight<Login>,
        deadline: Option<Instant>,
    ) -> Option<Flight<Login>> {
        let now = self.clocks.now();
        if flight.until.is_some_and(|until| until <= now.monotonic) {
            // If the call's own deadline ends the login, the missing answer says nothing about the
            // server.
            let outcome = if deadline.is_some_and(|deadline| deadline <= now.monotonic) {
                Outcome::Abandoned
            } else {
                Outcome::Unavailable(Unavailable::new(Reason::Timeout))
            };
            self.settle(flight.ticket, outcome);
            return None;
        }
        let Some(arrived) = self.advance(&mut flight, Target::Login) else { return Some(flight) };
        let login = flight.ticket;
        let lost = || Outcome::Unavailable(Unavailable::new(Reason::Transport));
        let outcome = match arrived {
            Reply::Respond(response) => login.read(Head::from(&response), response.body()),
            Reply::CutShort(response) if response.status().is_success() => lost(),
            Reply::CutShort(response) | Reply::Trickle(response) => {
                login.read(Head::from(&response), &[])
            }
            // Enough bytes to show that the body is too large.
            Reply::Flood(response) => {
                login.read(Head::from(&response), &vec![b' '; Login::MAX_BODY + 1])
            }
            Reply::Cut | Reply::Hang => lost(),
        };
        self.settle(login, outcome);
        None
    }

    fn fly_attempt(&mut self, mut flight: Flight<Attempt>) -> (State, bool) {
        let now = self.clocks.now();
        if flight.until.is_some_and(|until| until <= now.monotonic) {
            return (self.ended(Ending::TimedOut), true);
        }
        let Some(arrived) = self.advance(&mut flight, Target::Calls) else {
            return (State::Sending(flight), false);
        };
        let (until, has_content) = (flight.until, *flight.request.method() != Method::HEAD);
        let (response, body) = match arrived {
            Reply::Respond(response) => (response, Body::Whole),
            Reply::CutShort(response) => (response, Body::Half),
            Reply::Trickle(response) | Reply::Flood(response) => (response, Body::Endless),
            Reply::Cut | Reply::Hang => return (self.ended(Ending::Failed), true),
        };
        let state = match self.session.conclude(flight.ticket, Head::from(&response), now) {
            Verdict::Retry(call) => State::Ready(call),
            Verdict::Deliver => match body {
                Body::Whole => {
                    let (head, body) = response.into_parts();
                    let body = if has_content { body } else { Vec::new() };
                    self.ended(Ending::Answered { status: head.status.as_u16(), body })
                }
                Body::Half => self.ended(Ending::Failed),
                Body::Endless => State::Reading(until),
            },
        };
        (state, true)
    }

    fn ended(&self, ending: Ending) -> State {
        State::Ended(ending, self.clocks.elapsed())
    }

    /// Moves a request through the gates and the server. Returns the reply when it comes.
    fn advance<T>(&mut self, flight: &mut Flight<T>, target: Target) -> Option<Reply> {
        let path = flight.request.uri().path().to_owned();
        let held =
            |holds: &[Hold], stage| holds.iter().any(|hold| hold.covers(target, stage, &path));
        if matches!(flight.place, Place::BeforeServer) && !held(&self.holds, Stage::Before) {
            let now = self.clocks.truth();
            let reply = self.server.handle(&flight.request, now);
            self.witness.note(target, &flight.request, &reply, now);
            flight.place = Place::BehindServer(reply);
        }
        if held(&self.holds, Stage::After) {
            return None;
        }
        match std::mem::replace(&mut flight.place, Place::Arrived) {
            Place::BehindServer(reply) => {
                let now = self.clocks.now().monotonic;
                match counts_at(&reply, target, flight.until, now) {
                    Some(at) if flight.reading.is_none() && at > now => flight.reading = Some(at),
                    Some(_) if flight.reading.is_none_or(|until| until <= now) => {
                        return Some(reply);
                    }
                    Some(_) | None => {}
                }
                flight.place = Place::BehindServer(reply);
                None
            }
            place @ (Place::BeforeServer | Place::Arrived) => {
                flight.place = place;
                None
            }
        }
    }

    fn settle(&mut self, login: Login, outcome: Outcome) {
        self.session.settle(login, outcome, self.clocks.now());
        self.wake();
    }

    fn wake(&mut self) {
        self.actors.iter_mut().for_each(Actor::wake);
    }

    fn held(&self) -> usize {
        let at = |actor: &&Actor| match &actor.state {
            State::LoggingIn(flight, _) => self.stands(flight, Target::Login),
            State::Sending(flight) => self.stands(flight, Target::Calls),
            State::Ready(_)
            | State::Waiting(..)
            | State::Reading(_)
            | State::Ended(..)
            | State::Gone => false,
        };
        let logins = self.logins.iter().filter(|flight| self.stands(flight, Target::Login));
        self.actors.iter().filter(at).count() + logins.count()
    }

    fn stands<T>(&self, flight: &Flight<T>, target: Target) -> bool {
        let stage = match flight.place {
            Place::BeforeServer => Stage::Before,
            Place::BehindServer(_) => Stage::After,
            Place::Arrived => return false,
        };
        self.holds.iter().any(|hold| hold.covers(target, stage, flight.request.uri().path()))
    }

    /// The time from now until the next instant for which a call or login waits.
    fn next_wait(&self) -> Option<Duration> {
        let now = self.clocks.now().monotonic;
        let logins = self.logins.iter().filter_map(Flight::ends);
        let waits = self.actors.iter().filter_map(Actor::until).chain(logins);
        waits.map(|until| until.saturating_duration_since(now)).filter(|wait| !wait.is_zero()).min()
    }

    /// Lets time pass from one awaited instant to the next until `done`; false if nothing waits any
    /// more.
    fn pass_until(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        self.progress();
        for _ in 0..MOST_TURNS {
            if done(self) {
                return true;
            }
            let Some(wait) = self.next_wait() else { return false };
            self.clocks.pass(wait);
            self.progress();
        }
        false
    }
}

/// When a reply that comes `now` takes effect; `None` for never. A call's reply takes effect with
/// its head. A login's reply takes effect with the part of its body that is read.
fn counts_at(
    reply: &Reply,
    target: Target,
    until: Option<Instant>,
    now: Instant,
) -> Option<Instant> {
    match (reply, target) {
        (Reply::Hang, _) => None,
        (Reply::Trickle(response), Target::Login) => {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(now));
            match Login::body_timeout(response.status(), left) {
                Some(_) if response.status().is_success() => None,
                Some(timeout) => Some(now.saturating_add(timeout)),
                None => Some(now),
            }
        }
        (Reply::Trickle(_), Target::Calls)
        | (Reply::Respond(_) | Reply::CutShort(_) | Reply::Flood(_) | Reply::Cut, _) => Some(now),
    }
}

/// The kind of an answer's body.
enum Body {
    Whole,
    Half,
    Endless,
}

fn session(scenario: &Scenario, pair: &KeyPair) -> Result<Session, Obstacle> {
    let credentials = credentials(pair)?;
    let config = scenario.settings().apply(Config::builder(ORIGIN, credentials));
    config.build().map(Session::new).map_err(|error| Obstacle::new(error.to_string()))
}

fn credentials(pair: &KeyPair) -> Result<Credentials, Obstacle> {
    Credentials::new(pair.id.as_str(), pair.secret.as_str())
        .map_err(|error| Obstacle::new(error.to_string()))
}
