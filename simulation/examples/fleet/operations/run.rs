//! One session, its threads and its servers, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;
use http::{Request, Response, StatusCode};
use waldo_auth_core::{Config, Head};
use waldo_simulation::machine::{LoginEnd, Machine, Step};

use super::load::{Load, Mix};
use super::record::{Lost, Record};
use super::servers::{Servers, clocks, time_of};
use super::simulation::{Route, Simulation};
use crate::site;

/// One session, its threads and its servers.
pub(super) struct Run<'a, M: Machine> {
    machine: M,
    servers: Servers<'a>,
    load: Load,
    simulation: &'a Simulation,
    mix: Mix,
    rng: Rng,
    threads: Vec<Thread<M>>,
    /// What is next: when, the number of the plan, and which thread.
    queue: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    planned: u64,
    /// How many logins have failed in a row.
    failed: u32,
    record: Record,
}

/// A thread, and the one call that it has under way; or a login.
struct Thread<M: Machine> {
    state: State<M>,
    /// The number of the last plan; those before it are void.
    plan: u64,
    one_shot: bool,
    route: Route,
    deadline: Option<Duration>,
}

/// Where the call of a thread is.
enum State<M: Machine> {
    Resting,
    Waiting(M::Call),
    /// A login, which belongs to no call, with how long the response takes.
    LoginSent(M::Login, Duration),
    /// A login, with when the server answered.
    LoginAnswered(M::Login, Response<Vec<u8>>, Duration),
    Sent(M::Attempt, Request<Vec<u8>>, Duration),
    Answered(M::Attempt, Response<Vec<u8>>, Duration),
}

impl<'a, M: Machine> Run<'a, M> {
    /// Runs it to its end.
    pub(super) fn record(
        config: Config,
        simulation: &'a Simulation,
        load: Load,
        mix: Mix,
        rng: Rng,
    ) -> Record {
        let mut run = Self {
            machine: M::begin(config),
            servers: Servers::new(simulation),
            load,
            simulation,
            mix,
            rng,
            threads: Vec::with_capacity(load.threads),
            queue: BinaryHeap::new(),
            planned: 0,
            failed: 0,
            record: Record::default(),
        };
        for index in 0..load.threads {
            let (state, route) = (State::Resting, Route::Usual);
            run.threads.push(Thread { state, plan: 0, one_shot: false, route, deadline: None });
            let first = load.first(&mut run.rng);
            run.plan(index, State::Resting, first);
        }
        while let Some(Reverse((now, plan, index))) = run.queue.pop() {
            if now > simulation.until {
                break;
            }
            if let Some(thread) = run.threads.get_mut(index).filter(|thread| thread.plan == plan) {
                let state = std::mem::replace(&mut thread.state, State::Resting);
                run.proceed(index, state, now);
            }
        }
        run.record
    }

    /// Lets a thread go on then, in this state.
    fn plan(&mut self, index: usize, state: State<M>, then: Duration) {
        if let Some(thread) = self.threads.get_mut(index) {
            thread.state = state;
        }
        self.plan_anew(index, then);
    }

    /// Lets a thread go on then, and not when it was to.
    fn plan_anew(&mut self, index: usize, then: Duration) {
        self.planned += 1;
        if let Some(thread) = self.threads.get_mut(index) {
            thread.plan = self.planned;
            self.queue.push(Reverse((then, self.planned, index)));
        }
    }

    fn proceed(&mut self, index: usize, state: State<M>, now: Duration) {
        match state {
            State::Resting => self.begin(index, now),
            State::Waiting(call) => self.admit(index, call, now),
            State::LoginSent(login, back) => {
                let fails = self.mix.fails(self.failed, &mut self.rng);
                self.failed = if fails { self.failed + 1 } else { 0 };
                let response = self.servers.log_in(&M::request(&login), fails, now, &mut self.rng);
                self.plan(index, State::LoginAnswered(login, response, now), now + back);
            }
            State::LoginAnswered(login, response, answered) => {
                if response.status().is_success() {
                    self.record.logins.push(answered);
                }
                let end = LoginEnd::Answer(Head::from(&response), response.body());
                self.machine.settle(login, end, clocks(now));
                self.wake(now);
            }
            State::Sent(attempt, request, back) => {
                let route = self.threads.get(index).map_or(Route::Usual, |thread| thread.route);
                let response = self.servers.call(&request, route, now, &mut self.rng);
                self.plan(index, State::Answered(attempt, response, now), now + back);
            }
            State::Answered(attempt, response, answered) => {
                let head = Head::from(&response);
                if let Some(call) = self.machine.conclude(attempt, head, clocks(now)) {
                    return self.admit(index, call, now);
                }
                if response.status() == StatusCode::UNAUTHORIZED {
                    let one_shot = self.threads.get(index).is_some_and(|thread| thread.one_shot);
                    self.record.lost.push(Lost { at: answered, one_shot });
                }
                self.end(index, now);
            }
        }
    }

    /// A call comes in.
    fn begin(&mut self, index: usize, now: Duration) {
        let (one_shot, route) =
            (self.mix.one_shot(&mut self.rng), self.simulation.routes.pick(&mut self.rng));
        let deadline = self.mix.deadline(&mut self.rng).map(|deadline| now + deadline);
        if let Some(thread) = self.threads.get_mut(index) {
            (thread.one_shot, thread.route, thread.deadline) = (one_shot, route, deadline);
        }
        let call = M::call(one_shot, deadline.map(|deadline| clocks(deadline).monotonic));
        self.admit(index, call, now);
    }

    fn admit(&mut self, index: usize, call: M::Call, now: Duration) {
        let mut request = site::call();
        match self.machine.admit(call, &mut request, clocks(now)) {
            Step::Send(attempt) => {
                let way = self.load.way(&mut self.rng);
                self.plan(index, State::Sent(attempt, request, way.back), now + way.forth);
            }
            Step::Authenticate(login, call) => {
                let way = self.load.login_way(&mut self.rng);
                let deadline = self.threads.get(index).and_then(|thread| thread.deadline);
                let expires_at = time_of(M::expires_at(&login));
                let until =
                    deadline.map_or(expires_at, |deadline| deadline.min(expires_at)).max(now);
                self.plan(index, State::Waiting(call), until);
                let own = self.threads.len();
                let state = State::LoginSent(login, way.back);
                self.threads.push(Thread {
                    state,
                    plan: 0,
                    one_shot: false,
                    route: Route::Usual,
                    deadline: None,
                });
                self.plan_anew(own, now + way.forth);
            }
            Step::Wait(call, until) => self.plan(index, State::Waiting(call), time_of(until)),
            Step::Refuse(_) => {
                self.record.given_up += 1;
                self.end(index, now);
            }
        }
    }

    /// A login has ended: all who wait look again.
    fn wake(&mut self, now: Duration) {
        for index in 0..self.threads.len() {
            let waits = self
                .threads
                .get(index)
                .is_some_and(|thread| matches!(thread.state, State::Waiting(_)));
            if waits {
                self.plan_anew(index, now);
            }
        }
    }

    fn end(&mut self, index: usize, now: Duration) {
        self.record.calls += 1;
        let rest = self.load.rest(&mut self.rng);
        self.plan(index, State::Resting, now + rest);
    }
}

#[cfg(test)]
mod tests {
    use waldo_auth_core::Session;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn record(simulation: &Simulation, load: Load, mix: Mix, seed: u64) -> Record {
        Run::<Session>::record(
            site::config(|defaults| defaults),
            simulation,
            load,
            mix,
            Rng::with_seed(seed),
        )
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let overlap = Some(Duration::from_secs(3)..Duration::from_secs(6));
        let simulation = Simulation { overlap, ..Simulation::of(MINUTE) };
        for mix in Mix::ALL {
            let [first, again, other] =
                [1, 1, 2].map(|seed| record(&simulation, Load::of(4, 100), mix, seed));
            assert!(!first.lost.is_empty());
            assert_eq!(first, again);
            assert_ne!(first, other);
        }
    }

    #[test]
    fn without_fault_threads_share_one_login_and_lose_nothing() {
        let plain = record(&Simulation::of(MINUTE), Load::of(8, 100), Mix::Plain, 3);
        assert_eq!((plain.logins.len(), plain.lost.len(), plain.given_up), (1, 0, 0));
        // Each of eight threads rests 100 ms and is answered after 60 ms, both in the mean.
        assert!((2800..3200).contains(&plain.calls), "{}", plain.calls);
        let mixed = record(&Simulation::of(MINUTE), Load::of(8, 100), Mix::Mixed, 3);
        assert_eq!((mixed.logins.len(), mixed.lost.len()), (1, 0));
    }

    #[test]
    fn deadlines_and_one_shot_calls_cost_what_they_must() {
        let revoked = (1..6).map(|at| Duration::from_secs(10 * at)).collect();
        let simulation = Simulation { revoked, ..Simulation::of(MINUTE) };
        let mixed = record(&simulation, Load::of(16, 20), Mix::Mixed, 4);
        assert!(mixed.lost_that(true) > 0 && mixed.given_up > 0, "{mixed:?}");
        assert_eq!((mixed.lost_that(false), mixed.logins.len()), (0, 6));
        let plain = record(&simulation, Load::of(16, 20), Mix::Plain, 4);
        assert_eq!((plain.lost.len(), plain.given_up, plain.logins.len()), (0, 0, 6));
    }
}
