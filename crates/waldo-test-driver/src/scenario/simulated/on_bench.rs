//! The steps of a scenario in virtual time.

use std::time::Duration;

use waldo_auth_core::{Outcome, Snapshot};

use super::actor::{Actor, State};
use super::{ELSEWHERE, SimulatedBench, credentials, session};
use crate::scenario::bench::{Bench, Change, Observed, Obstacle, Parting, Shift};
use crate::scenario::ending::Ending;
use crate::scenario::order::{CallId, Order};
use crate::scenario::step::Resumption;
use crate::server::{Hold, Server};

impl Bench for SimulatedBench<'_> {
    fn elsewhere(&self) -> String {
        ELSEWHERE.to_owned()
    }

    fn change_server(&mut self, change: &mut dyn FnMut(&mut Server)) {
        change(&mut self.server);
    }

    fn change_client(&mut self, change: &Change) -> Result<(), Obstacle> {
        let now = self.clocks.now();
        match change {
            Change::Invalidate => {
                if let Some(generation) = self.session.generation() {
                    self.session.invalidate(generation, now);
                }
            }
            Change::Reset(pair) => self.session.reset(credentials(pair)?, now),
            Change::Store => {
                let snapshot = self.session.snapshot(now);
                let snapshot =
                    snapshot.ok_or_else(|| Obstacle::new("the client holds no token to store"))?;
                self.stored = Some(snapshot.to_json());
            }
            Change::Resume(expected) => {
                let stored = self.stored.as_deref().unwrap_or_default();
                let snapshot = Snapshot::from_json(stored.as_bytes())
                    .map_err(|error| Obstacle::new(error.to_string()))?;
                match (self.session.resume(&snapshot, now), expected) {
                    (Ok(()), Resumption::Resumed) | (Err(_), Resumption::Refused) => {}
                    (Ok(()), Resumption::Refused) => {
                        return Err(Obstacle::new(
                            "the client holds the stored token, which it should refuse",
                        ));
                    }
                    (Err(why), Resumption::Resumed) => {
                        return Err(Obstacle::new(format!(
                            "the client refuses the stored token: {why}"
                        )));
                    }
                }
            }
            Change::Restart(pair) => self.session = session(self.scenario, pair)?,
        }
        self.wake();
        self.progress();
        Ok(())
    }

    fn move_clock(&mut self, how: Shift) -> Result<(), Obstacle> {
        match how {
            Shift::Suspend(span) => self.clocks.suspend(span),
            Shift::Set(offset) => self.clocks.set(offset),
        }
        self.progress();
        Ok(())
    }

    fn start(&mut self, order: &Order) {
        let now = self.clocks.now().monotonic;
        let deadline = order.deadline().map(|span| now.saturating_add(span.duration()));
        for _ in 0..order.times() {
            self.actors.push(Actor::new(order.clone(), deadline));
        }
        self.progress();
    }

    fn finish(&mut self, id: &CallId) -> Result<(), Obstacle> {
        let all_ended = |simulation: &Self| {
            simulation.actors.iter().filter(|actor| actor.order.id == *id).all(Actor::has_ended)
        };
        if self.pass_until(all_ended) {
            return Ok(());
        }
        Err(Obstacle::new(format!("call {id} does not end, however much time passes")))
    }

    fn cut_off(&mut self, id: &CallId, how: Parting) -> Result<(), Obstacle> {
        let at = self.clocks.elapsed();
        let mut settled = Vec::new();
        for actor in
            self.actors.iter_mut().filter(|actor| actor.order.id == *id && !actor.has_ended())
        {
            let state = std::mem::replace(&mut actor.state, State::Ended(Ending::Cancelled, at));
            // If a call is cancelled, an adapter's guard abandons the call's login. If a call is
            // killed, no code runs.
            if let (State::LoggingIn(flight, _), Parting::Cancelled) = (state, how) {
                settled.push(flight.ticket);
            }
        }
        for login in settled {
            self.settle(login, Outcome::Abandoned);
        }
        self.progress();
        Ok(())
    }

    fn hold(&mut self, hold: &Hold) {
        self.holds.push(hold.clone());
    }

    fn release(&mut self, hold: &Hold) {
        self.holds.retain(|other| other != hold);
        self.progress();
    }

    fn release_all(&mut self) {
        self.holds.clear();
        self.progress();
    }

    fn until_held(&mut self, count: usize) -> Result<(), Obstacle> {
        if self.pass_until(|simulation| simulation.held() >= count) {
            return Ok(());
        }
        Err(Obstacle::new(format!(
            "{} requests are held, and no more come; {count} should be",
            self.held()
        )))
    }

    fn pass(&mut self, span: Duration) {
        let end = self.clocks.elapsed().saturating_add(span);
        self.progress();
        loop {
            let left = end.saturating_sub(self.clocks.elapsed());
            match self.next_wait() {
                Some(wait) if wait < left => self.clocks.pass(wait),
                Some(_) | None => {
                    self.clocks.pass(left);
                    return self.progress();
                }
            }
            self.progress();
        }
    }

    fn observe(&mut self) -> Observed {
        let mut observed = Observed {
            sightings: self.witness.sightings().to_vec(),
            logins_at_once: self.logins_at_once,
            objections: std::mem::take(&mut self.objections),
            ..Observed::default()
        };
        for actor in &self.actors {
            let endings = observed.endings.entry(actor.order.id.clone()).or_default();
            if let State::Ended(ending, at) = &actor.state {
                endings.push((ending.clone(), *at));
            }
        }
        observed
    }
}
