//! The faults that strike.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};

use super::Simulation;
use super::moves::DELAYS;
use super::site::{KEYS, credentials};
use super::slot::{Answer, State};
use crate::invariants::Violation;
use crate::machine::{LoginEnd, Machine};
use crate::setup::InjectedFault;
use crate::watch::{End, What};
use waldo_test_driver::server::{Answer as Faulty, ClockOffset, Fault, RetryAfter};

/// A token from another origin, which the model's server has not issued.
const EVIL: &str = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjk5OTk5OTk5OTksImlhdCI6MX0.ZXZpbA";

impl<M: Machine> Simulation<'_, M> {
    pub(super) fn fault(
        &mut self,
        fault: InjectedFault,
        target: usize,
        way: usize,
    ) -> Result<(), Violation> {
        match fault {
            InjectedFault::Expiry => self.expire(way == 0),
            InjectedFault::Delay => self.delay(way),
            InjectedFault::Suspend => self.suspend(),
            InjectedFault::ClockStep => self.set_clock(way == 1),
            InjectedFault::RevokedToken => {
                self.server.expire_all();
                self.record(&"server", || "forgets every token".to_owned());
            }
            InjectedFault::RevokedKey => {
                for (key, _) in KEYS {
                    self.server.revoke_key(key);
                }
                self.key_revoked = true;
                self.record(&"server", || "deactivates the keys".to_owned());
            }
            InjectedFault::Reset => return self.reset(target, way == 0),
            InjectedFault::Invalidate => return self.invalidate(target),
            InjectedFault::SharedToken if way == 0 => self.store(target),
            InjectedFault::SharedToken => return self.resume(target),
            InjectedFault::CutConnection => return self.cut(target),
            InjectedFault::BrokenUpload => return self.break_off(target),
            InjectedFault::CancelledCall => self.cancel(target, way == 0),
            InjectedFault::AbandonedLogin => return self.abandon(target),
            InjectedFault::LoginUnavailable => {
                let answer = match way {
                    0 => Faulty::status(503),
                    1 => Faulty::too_many_requests(RetryAfter::Seconds(90)),
                    2 => Faulty::NoToken,
                    _ => Faulty::Firewall,
                };
                self.server.push_fault(Fault::login(answer));
                self.serve(target);
            }
            InjectedFault::RouteRefuses => {
                self.server.push_fault(Fault::call(Faulty::Unauthorized));
                self.serve(target);
            }
            InjectedFault::Duplicate => {
                self.serve(target);
                self.record(&"network", || "loses that answer and repeats the request".to_owned());
                if let Some(slot) = self.slots.get_mut(target) {
                    slot.state.set_answer(None);
                }
            }
            InjectedFault::ErrorAnswer => {
                self.spoil(target, "makes a 500 of the answer to", |answer| {
                    *answer.response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                });
            }
            InjectedFault::MalformedRenewal => {
                let malformed = if way == 0 { " " } else { "from scheme response function" };
                self.spoil(
                    target,
                    "puts malformed for the fresh token in the answer to",
                    |answer| {
                        answer
                            .response
                            .headers_mut()
                            .insert(AUTHORIZATION, HeaderValue::from_static(malformed));
                        answer.token = None;
                    },
                );
            }
            InjectedFault::StaleRenewal => {
                let process = self.slots.get(target).map_or(0, |slot| slot.kind.process);
                let stale =
                    self.watches.get(process).and_then(|watch| watch.given_up.last().copied());
                let value = stale
                    .and_then(|token| self.tokens.fact(token))
                    .and_then(|fact| HeaderValue::try_from(format!("Bearer {}", fact.text)).ok());
                self.spoil(target, "is a cache, and repeats a given-up token to", |answer| {
                    if let Some(value) = value.filter(|_| answer.response.status().is_success()) {
                        answer.response.headers_mut().insert(AUTHORIZATION, value);
                        answer.token = stale;
                    }
                });
            }
            InjectedFault::ForeignAnswer => {
                self.spoil(target, "has another origin answer", |answer| {
                    answer
                        .response
                        .headers_mut()
                        .insert(AUTHORIZATION, HeaderValue::from_static(EVIL));
                    answer.token = None;
                    answer.own_origin = false;
                    if way == 1 {
                        *answer.response.status_mut() = StatusCode::UNAUTHORIZED;
                    }
                });
            }
        }
        Ok(())
    }

    /// Lets the lifetime of a token pass. If `nearly`, the leeway is left.
    fn expire(&mut self, nearly: bool) {
        let lifetime = self.setup.policy.lifetime;
        let reserve = Duration::from_secs(3).min(lifetime / 20);
        let span = if nearly {
            lifetime.saturating_sub(reserve)
        } else {
            lifetime + Duration::from_secs(1)
        };
        self.clocks.pass(span);
        let share = if nearly { "nearly the" } else { "more than the" };
        self.record(&"time", || format!("passes: {span:.0?}, {share} lifetime of a token"));
    }

    fn delay(&mut self, way: usize) {
        let long_run = self.setup.steps > 0;
        let span = DELAYS.get(way).filter(|_| long_run).copied().unwrap_or(Duration::from_secs(31));
        self.clocks.pass(span);
        self.record(&"time", || format!("passes: {span:.1?}"));
    }

    fn suspend(&mut self) {
        let span = self.setup.policy.lifetime + Duration::from_secs(1);
        self.clocks.suspend(span);
        self.record(&"machine", || format!("sleeps for {span:.0?}"));
    }

    fn set_clock(&mut self, forward: bool) {
        let by = self.setup.policy.lifetime * 2;
        self.clocks.set(if forward { ClockOffset::Ahead(by) } else { ClockOffset::Behind(by) });
        let way = if forward { "forward" } else { "back" };
        self.record(&"machine", || format!("sets its wall clock {way} by {by:.0?}"));
    }

    fn reset(&mut self, process: usize, to_another: bool) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(machine) = self.machines.get_mut(process) else { return Ok(()) };
        let Some(pair) = self.pairs.get_mut(process) else { return Ok(()) };
        *pair = if to_another { 1 - *pair } else { *pair };
        machine.reset(credentials(*pair), now);
        let which = if to_another { "the other" } else { "the same" };
        self.record(&"user", || format!("resets the session to {which} key pair"));
        self.see(process, What::Reset { to_another })?;
        self.wake(process);
        Ok(())
    }

    fn invalidate(&mut self, process: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(machine) = self.machines.get_mut(process) else { return Ok(()) };
        machine.invalidate(now);
        let holds = machine.holds(now);
        self.record(&"user", || "invalidates the token".to_owned());
        self.see(process, What::Invalidated { holds })?;
        self.wake(process);
        Ok(())
    }

    /// The server answers, and a fault changes the answer on its way.
    fn spoil(&mut self, index: usize, what: &str, change: impl FnOnce(&mut Answer)) {
        self.serve(index);
        let Some(slot) = self.slots.get_mut(index) else { return };
        let caller = slot.caller;
        if let Some(answer) = slot.state.answer_mut() {
            change(answer);
        }
        self.record(&"network", || format!("{what} {caller}"));
    }

    fn store(&mut self, process: usize) {
        let now = self.clocks.now();
        if let Some(snapshot) = self.machines.get(process).and_then(|machine| machine.snapshot(now))
        {
            self.stored = Some(snapshot);
            self.record(&"process", || format!("{process} stores its token"));
        }
    }

    fn resume(&mut self, process: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(machine) = self.machines.get_mut(process) else { return Ok(()) };
        let Some(stored) = &self.stored else { return Ok(()) };
        if let Err(why) = machine.resume(stored, now) {
            self.record(&"process", || format!("{process} does not use the stored token: {why}"));
            return Ok(());
        }
        let Some((token, lifetime)) = self.tokens.stored(&stored.to_json(), now) else {
            return Ok(());
        };
        self.record(&"process", || format!("{process} takes up the stored token {}", token.0));
        self.see(process, What::Resumed { token, lifetime })?;
        self.wake(process);
        Ok(())
    }

    /// The connection of a call or login is cut.
    fn cut(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let (process, caller) = (slot.kind.process, slot.caller);
        match std::mem::replace(&mut slot.state, State::Done) {
            State::Leading { call, login, flight } => {
                slot.state = State::from(call);
                if let Some(machine) = self.machines.get_mut(process) {
                    machine.settle(login, LoginEnd::Transport, now);
                }
                self.record(&"network", || {
                    format!("cuts the connection of login {}", flight.login)
                });
                self.settled(process, flight.login, End::Failed { retry_after: None })
            }
            State::Sent { .. } => {
                self.record(&"network", || format!("cuts the connection of {caller}"));
                Ok(())
            }
            other @ (State::Away | State::Ready(_) | State::Waiting(..) | State::Done) => {
                slot.state = other;
                Ok(())
            }
        }
    }

    /// The connection breaks off during an upload.
    fn break_off(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let (process, caller) = (slot.kind.process, slot.caller);
        match std::mem::replace(&mut slot.state, State::Done) {
            State::Sent { attempt, token, .. } => {
                let Some(machine) = self.machines.get_mut(process) else { return Ok(()) };
                let again = machine.break_off(attempt, now);
                let holds = machine.holds(now);
                let goes_on = again.is_some();
                if let Some(call) = again {
                    (slot.state, slot.caller.broke_off) = (State::Ready(call), token);
                }
                self.record(&caller, || {
                    let what = if goes_on { "and it goes on" } else { "and it has ended" };
                    format!("breaks off while its body is being sent, {what}")
                });
                let Some(sent) = token else { return Ok(()) };
                self.see(process, What::BrokeOff { sent, holds })
            }
            other @ (State::Away
            | State::Ready(_)
            | State::Waiting(..)
            | State::Leading { .. }
            | State::Done) => {
                slot.state = other;
                Ok(())
            }
        }
    }

    /// Drops a call with its permit. If the call leads a login, the login goes on, or is dropped
    /// too. The other calls are not notified.
    fn cancel(&mut self, index: usize, login_goes_on: bool) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let caller = slot.caller;
        let (process, login) = (slot.kind.process, slot.state.login());
        if let State::Leading { call, .. } = &mut slot.state
            && login_goes_on
        {
            *call = None;
            return self.record(&caller, || format!("is cancelled, and login {login} goes on"));
        }
        slot.state = State::Done;
        if let Some(watch) = self.watches.get_mut(process) {
            watch.lose(login);
        }
        self.record(&caller, || "is cancelled".to_owned());
    }

    /// Drops a login, and its guard abandons it.
    fn abandon(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let process = slot.kind.process;
        let State::Leading { call, login, flight } =
            std::mem::replace(&mut slot.state, State::Done)
        else {
            return Ok(());
        };
        slot.state = State::from(call);
        if let Some(machine) = self.machines.get_mut(process) {
            machine.settle(login, LoginEnd::Abandoned, now);
        }
        self.record(&"runtime", || format!("drops login {}", flight.login));
        self.settled(process, flight.login, End::Abandoned)
    }
}
