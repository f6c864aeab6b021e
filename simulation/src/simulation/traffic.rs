//! The steps without faults: calls come in and are admitted, the server answers, and answers
//! arrive.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use waldo_auth_core::{Head, Now, Upload};

use super::Simulation;
use super::site::{ABROAD, CALL, KEYS};
use super::slot::{Answer, Flight, Slot, State};
use crate::invariants::Violation;
use crate::machine::{LoginEnd, Machine, Step};
use crate::watch::{Caller, Carries, End, What};
use waldo_test_driver::server::{Reply, Rotation};

impl<M: Machine> Simulation<'_, M> {
    /// Lets time pass until the first wait ends.
    pub(super) fn pass(&mut self) {
        let until = self.slots.iter().filter_map(|slot| match &slot.state {
            State::Waiting(_, until) => Some(*until),
            State::Away
            | State::Ready(_)
            | State::Leading { .. }
            | State::Sent { .. }
            | State::Done => None,
        });
        if let Some(until) = until.min() {
            self.clocks.pass_until(until);
            self.record(&"time", || "passes until somebody has waited long enough".to_owned());
        }
    }

    pub(super) fn restore_key(&mut self) {
        for (key, _) in KEYS {
            self.server.restore_key(key);
        }
        self.key_revoked = false;
        self.record(&"server", || "activates the keys again".to_owned());
    }

    pub(super) fn arrive(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        self.came_in += 1;
        self.notice(index);
        let number = self.came_in;
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let Some(watch) = self.watches.get(slot.kind.process) else { return Ok(()) };
        let deadline = slot.kind.deadline.map(|span| now.monotonic.saturating_add(span));
        let (epoch, failures) = (watch.epoch, watch.failures);
        slot.caller = Caller {
            number,
            one_shot: slot.kind.one_shot,
            deadline,
            epoch,
            failures,
            ..Caller::default()
        };
        slot.state = State::Ready(M::call(slot.kind.one_shot, deadline));
        self.ask(index)
    }

    /// Admits a call.
    pub(super) fn ask(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let call = match std::mem::replace(&mut slot.state, State::Done) {
            State::Ready(call) | State::Waiting(call, _) => call,
            other @ (State::Away | State::Leading { .. } | State::Sent { .. } | State::Done) => {
                slot.state = other;
                return Ok(());
            }
        };
        let (kind, caller) = (slot.kind, slot.caller);
        self.notice(index);
        let Some(machine) = self.machines.get_mut(kind.process) else { return Ok(()) };
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = if kind.abroad { ABROAD.clone() } else { CALL.clone() };
        match machine.admit(call, &mut request, now) {
            Step::Send(attempt) => self.sent(index, attempt, request),
            Step::Authenticate(login, call) => self.logs_in(index, login, call),
            Step::Wait(call, until) => {
                let span = until.saturating_duration_since(now.monotonic);
                self.record(&caller, || format!("waits for at most {:.3} s", span.as_secs_f64()));
                self.put(index, State::Waiting(call, until));
                self.see(kind.process, What::Waits { call: caller, until })
            }
            Step::Refuse(refused) => {
                self.record(&caller, || format!("is refused: {}", refused.message));
                let (why, retry_at) = (refused.why, refused.retry_at);
                if let Some(slot) = self.slots.get_mut(index) {
                    // The call ends with this refusal, and not with its last answer.
                    slot.caller.last = None;
                }
                self.see(kind.process, What::Refused { call: caller, why, retry_at })
            }
        }
    }

    /// Admits a call that leads a login again at its deadline. The login goes on in its own slot.
    pub(super) fn leave(&mut self, index: usize) -> Result<(), Violation> {
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let mut login = Slot { state: std::mem::replace(&mut slot.state, State::Done), ..*slot };
        if let State::Leading { call, .. } = &mut login.state {
            slot.state = State::from(call.take());
            self.slots.push(login);
        }
        self.ask(index)
    }

    fn sent(
        &mut self,
        index: usize,
        attempt: M::Attempt,
        request: Request<Vec<u8>>,
    ) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let (process, abroad, call) = (slot.kind.process, slot.kind.abroad, slot.caller);
        let probe = M::upload(&attempt) == Upload::HeadOnly;
        slot.caller.attempts += u32::from(!probe);
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let text = header.and_then(|value| value.strip_prefix("Bearer "));
        let token = text.and_then(|text| self.tokens.find(text));
        let carries = match token {
            _ if abroad => Carries::Abroad,
            Some(token) => Carries::Token(token),
            None => Carries::Other,
        };
        let is_sent = if probe { "probes" } else { "is sent" };
        self.record(&call, || match token {
            Some(token) => format!("{is_sent} with token {}", token.0),
            None => format!("{is_sent} with no token of the server's"),
        });
        let epoch = self.watches.get(process).map_or(0, |watch| watch.epoch);
        let flight = Flight { login: 0, sent: now, request, answer: None };
        self.put(index, State::Sent { attempt, flight, token, epoch, probe });
        let retires = !matches!(self.setup.policy.rotation, Rotation::Lenient);
        let in_flight =
            self.slots.iter().filter(|slot| matches!(slot.state, State::Sent { .. })).count();
        self.undisturbed &= !(retires && in_flight > 1);
        self.see(process, What::Sent { call, carries, probe })
    }

    fn logs_in(&mut self, index: usize, login: M::Login, call: M::Call) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get(index) else { return Ok(()) };
        let (process, caller) = (slot.kind.process, slot.caller);
        let number = self.watches.get(process).map_or(0, |watch| watch.logins) + 1;
        let (request, expires_at) = (M::request(&login), M::expires_at(&login));
        let flaw = flaw_of(&request);
        self.record(&caller, || format!("logs in for everyone (login {number})"));
        let flight = Flight { login: number, sent: now, request, answer: None };
        self.put(index, State::Leading { call: Some(call), login, flight });
        self.see(process, What::LoggedIn { call: caller, login: number, expires_at, flaw })
    }

    /// The server handles a request, and its answer is on its way.
    pub(super) fn serve(&mut self, index: usize) {
        self.clocks.pass(self.setup.pace);
        let truth = self.clocks.truth();
        let Some(slot) = self.slots.get_mut(index) else { return };
        let Some(flight) = slot.state.flight() else { return };
        let text =
            flight.request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let text = text.and_then(|value| value.strip_prefix("Bearer "));
        if matches!(slot.state, State::Sent { probe: true, .. })
            && text.is_some_and(|text| self.server.accepts(text, truth))
        {
            // The server asks for the body, so the token stays doubtful, and the call fails with
            // its first error.
            let caller = slot.caller;
            slot.state = State::Done;
            return self
                .record(&"server", || format!("asks for the body of {caller}, which fails"));
        }
        let response = match self.server.handle(&flight.request, truth) {
            Reply::Respond(response)
            | Reply::CutShort(response)
            | Reply::Trickle(response)
            | Reply::Flood(response) => response,
            Reply::Hang | Reply::Cut => bad_gateway(),
        };
        let token = token_in(&response).map(|text| self.tokens.enter(&text));
        let (status, caller) = (response.status().as_u16(), slot.caller);
        slot.state.set_answer(Some(Answer { response, token, own_origin: true }));
        let login = slot.state.login();
        self.record(&"server", || {
            let whom = if login > 0 { format!("login {login}") } else { caller.to_string() };
            match token {
                Some(token) => format!("answers {whom} with {status} and token {}", token.0),
                None => format!("answers {whom} with {status}"),
            }
        });
    }

    /// An answer arrives.
    pub(super) fn deliver(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let (process, caller) = (slot.kind.process, slot.caller);
        match std::mem::replace(&mut slot.state, State::Done) {
            State::Leading {
                call,
                login,
                flight: Flight { login: number, sent, answer: Some(answer), .. },
            } => {
                slot.state = State::from(call);
                let end = self.read(&answer, sent);
                let (head, body) = (Head::from(&answer.response), answer.response.body());
                if let Some(machine) = self.machines.get_mut(process) {
                    machine.settle(login, LoginEnd::Answer(head, body), now);
                }
                self.record(&caller, || format!("reads the answer to login {number}: {end}"));
                self.settled(process, number, end)
            }
            State::Sent {
                attempt,
                token,
                epoch,
                flight: Flight { sent, answer: Some(answer), .. },
                ..
            } => {
                let status = answer.response.status();
                let renewal = answer.token.map(|renewal| {
                    (renewal, self.tokens.lifetime(renewal, answer.response.headers(), sent))
                });
                (slot.caller.last, slot.caller.broke_off) = (Some(status.as_u16()), None);
                let head = Head::new(status, answer.response.headers());
                let head = if answer.own_origin { head } else { head.with_uri(&ABROAD) };
                let again = self
                    .machines
                    .get_mut(process)
                    .and_then(|machine| machine.conclude(attempt, head, now));
                let retried = again.is_some();
                let refused = status == StatusCode::UNAUTHORIZED;
                let holds =
                    refused && self.machines.get(process).is_some_and(|machine| machine.holds(now));
                let call = slot.caller;
                if let Some(again) = again {
                    slot.state = State::Ready(again);
                }
                self.record(&caller, || {
                    let what = if retried { "is to be sent again" } else { "has its answer" };
                    format!("{what}: {}", status.as_u16())
                });
                let Some(sent) = token else { return Ok(()) };
                let (status, own_origin) = (status.as_u16(), answer.own_origin);
                self.see(
                    process,
                    What::Answered {
                        call,
                        sent,
                        epoch,
                        status,
                        own_origin,
                        renewal,
                        retried,
                        holds,
                    },
                )
            }
            other @ (State::Away
            | State::Ready(_)
            | State::Waiting(..)
            | State::Leading { .. }
            | State::Sent { .. }
            | State::Done) => {
                slot.state = other;
                Ok(())
            }
        }
    }

    /// What a leader reads in the answer to its login (rule 2).
    fn read(&self, answer: &Answer, sent: Now) -> End {
        let (response, status) = (&answer.response, answer.response.status());
        if let Some(token) = answer.token.filter(|_| status.is_success()) {
            return End::Granted(token, self.tokens.lifetime(token, response.headers(), sent));
        }
        let says_why = || {
            let body: Option<serde_json::Value> = serde_json::from_slice(response.body()).ok();
            body.is_some_and(|body| body.get("code").is_some_and(serde_json::Value::is_string))
        };
        if matches!(status.as_u16(), 400 | 401 | 403) && says_why() {
            return End::Rejected;
        }
        let seconds =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        End::Failed { retry_after: seconds.map(Duration::from_secs) }
    }

    pub(super) fn settled(
        &mut self,
        process: usize,
        login: u64,
        end: End,
    ) -> Result<(), Violation> {
        self.see(process, What::Settled { login, end })?;
        self.wake(process);
        Ok(())
    }

    /// Wakes all waiting calls, because the session may have changed.
    pub(super) fn wake(&mut self, process: usize) {
        for slot in self.slots.iter_mut().filter(|slot| slot.kind.process == process) {
            slot.state = match std::mem::replace(&mut slot.state, State::Done) {
                State::Waiting(call, _) => State::Ready(call),
                other @ (State::Away
                | State::Ready(_)
                | State::Leading { .. }
                | State::Sent { .. }
                | State::Done) => other,
            };
        }
    }
}

/// The fault in the request of a login.
fn flaw_of<B>(request: &Request<B>) -> Option<&'static str> {
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    let (uri, headers) = (request.uri(), request.headers());
    if request.method() != Method::POST {
        return Some("is no POST");
    }
    if (uri.scheme(), uri.authority()) != (CALL.scheme(), CALL.authority()) {
        return Some("goes to another origin");
    }
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        return Some("does not say that it is JSON");
    }
    headers.contains_key(AUTHORIZATION).then_some("has an Authorization header")
}

fn bad_gateway() -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

/// The token of an answer: in the body of a login's answer, or in the header in any form.
fn token_in(response: &Response<Vec<u8>>) -> Option<String> {
    let in_body = || {
        let body: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
        body.get("token")?.as_str().map(str::to_owned)
    };
    let in_header = || {
        let value = response.headers().get(AUTHORIZATION)?.to_str().ok()?.trim();
        let text = match value.get(..7) {
            Some(scheme)
                if scheme.eq_ignore_ascii_case("bearer ")
                    || scheme.eq_ignore_ascii_case("bearer:") =>
            {
                value.get(7..)?
            }
            _ => value,
        };
        (text.split('.').count() == 3 && !text.contains(' ')).then(|| text.to_owned())
    };
    in_body().or_else(in_header)
}
