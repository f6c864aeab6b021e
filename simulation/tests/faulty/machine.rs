//! The reference as a machine. With a [`Defect`] set, the machine breaks the invariants in one way.
//!
//! The rules are those of the [`reference`], which the walk of the core compares with the shipping
//! session. Most defects are a wrong number, or one wrong line between the rules and the
//! caller. The others change what the rules remember, as a wrong line in the rules would.

#[path = "answers.rs"]
mod answers;
#[path = "../../../crates/waldo-auth-core/tests/rules/reference/mod.rs"]
#[expect(dead_code, reason = "the walk compares more than the search does")]
mod reference;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::marker::PhantomData;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use waldo_auth_core::{Config, Credentials, Head, Instant, NoToken, Now, Reason, Upload};
use waldo_simulation::machine::{LoginEnd, Machine, Refused, Step, Why};
use waldo_test_driver::server::Server;

use self::answers::{answer, date, renewal};
use self::reference::{
    Answer, Caller, HOUR, Held, Leading, Limits, MILLI, Minted, Nanos, Reference, Renewal, SECOND,
    Source, Time, duration, nanos,
};
use crate::defect::{Defect, Wrong};

pub(crate) struct Faulty<W> {
    rules: Reference,
    wrong: PhantomData<W>,
}

#[derive(Hash)]
pub(crate) struct Call {
    caller: Caller,
    has_waited: bool,
}

#[derive(Hash)]
pub(crate) struct Attempt {
    call: Call,
    token: Held,
    sent: Time,
    upload: Upload,
}

const HOST: &str = "api.waldo.example";
const LOGIN: &str = "https://api.waldo.example/authenticate";
const WRONG_PAIR: &str = r#"{"apiKey":"wk.sandbox.none","clientSecret":"ws.sandbox.none"}"#;
/// As long as no run lasts.
const FOREVER: Nanos = 1_000_000 * HOUR;
/// How long some defects wait for nothing.
const WHILE: Nanos = 1500 * MILLI;
/// How long [`Defect::KeepsUnknownTokens`] keeps a token that nothing accepts.
const MINUTES: Nanos = 120 * SECOND;

impl<W: Wrong> Faulty<W> {
    fn has(defect: Defect) -> bool {
        W::defect() == defect
    }

    fn limits() -> Limits {
        let documented = Limits::DOCUMENTED;
        match W::defect() {
            Defect::LeewayTooLarge => {
                Limits { leeway: (60 * SECOND, 1), one_shot_leeway: (60 * SECOND, 1), ..documented }
            }
            Defect::PermanentOpenCircuit => Limits { probe: (FOREVER, FOREVER), ..documented },
            Defect::NoOpenCircuit => Limits { probe: (SECOND, SECOND), ..documented },
            Defect::WaitersLogInInTurn => Limits { backoff: (0, 0), ..documented },
            Defect::BacksOffForHours => Limits { backoff: (24 * HOUR, 24 * HOUR), ..documented },
            Defect::RetryAfterIgnored => Limits { retry_after_cap: 0, ..documented },
            Defect::DropsWithoutBudget => Limits { drops: (1_000_000, MILLI), ..documented },
            Defect::EndlessWaiting => Limits { failures_per_call: u32::MAX, ..documented },
            Defect::GivesUpEarly => Limits { failures_per_call: 1, ..documented },
            Defect::LeaseWithoutEnd => Limits { lease: FOREVER, ..documented },
            _ => documented,
        }
    }

    fn wait(mut call: Call, until: Nanos, now: Time) -> Step<Self> {
        let latest = until + if Self::has(Defect::DeadlineTooEarly) { 30 * SECOND } else { 0 };
        if call.caller.deadline.is_some_and(|deadline| deadline < latest) {
            return refuse(Why::Deadline, until);
        }
        call.has_waited = true;
        Step::Wait(call, instant(if Self::has(Defect::BusyLoop) { now.mono } else { until }))
    }

    /// Sends the call with the held token.
    fn send(&self, mut call: Call, request: &mut Request<Vec<u8>>, now: Time) -> Step<Self> {
        if request.uri().host() != Some(HOST) && !Self::has(Defect::SendsAnywhere) {
            let past = Self::has(Defect::RefersToThePast);
            return refuse(Why::Foreign, if past { 0 } else { now.mono });
        }
        match (W::defect(), call.caller.deadline) {
            (Defect::RefusesWhatItHolds, Some(deadline)) => {
                return refuse(Why::Deadline, deadline);
            }
            (Defect::QueuesCalls, _) => return Self::wait(call, now.mono + WHILE, now),
            (Defect::CallsTheLogin, _) => {
                *request = Request::post(LOGIN).body(WRONG_PAIR.into()).unwrap();
            }
            _ => {}
        }
        let upload = self.rules.upload(&mut call.caller);
        let token = self.rules.held.clone().unwrap();
        let value = HeaderValue::try_from(format!("Bearer {}", token.token.text)).unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
        Step::Send(Attempt { call, token, sent: now, upload })
    }

    fn log_in(&mut self, mut call: Call, now: Time) -> Step<Self> {
        let waits_first = match W::defect() {
            Defect::WaitsForNothing => !call.has_waited,
            Defect::WaitsForEver => {
                self.rules.logins > 0 && self.rules.held.is_none() && self.rules.cause.is_none()
            }
            _ => false,
        };
        if waits_first {
            return Self::wait(call, now.mono + WHILE, now);
        }
        call.has_waited = false;
        Step::Authenticate(self.rules.lead(now), call)
    }

    fn renew(&mut self, attempt: &Attempt, headers: &HeaderMap) {
        let date = date(headers);
        for value in headers.get_all(AUTHORIZATION) {
            let renewal = renewal(value);
            let forced = match (W::defect(), &renewal) {
                (Defect::RenewalsIgnored, _) => return,
                (Defect::BlankRenewalHeld, Renewal::Malformed(_)) => {
                    Some(Minted { text: String::new(), exp: Some(i64::MAX / 2), iat: None })
                }
                (Defect::LastResponseWins, Renewal::Token(token)) => Some(token.clone()),
                (Defect::ExpiryCompareOnly, Renewal::Token(token)) => {
                    let held = self.rules.held.as_ref();
                    if held.is_some_and(|held| token.exp <= held.token.exp) {
                        continue;
                    }
                    Some(token.clone())
                }
                _ => None,
            };
            if Self::has(Defect::TakesGivenUpTokens) {
                self.rules.given_up.clear();
            }
            let is_sent = |token: &Minted| token.text == attempt.token.token.text;
            let is_held = |token: &Minted| {
                self.rules.held.as_ref().is_some_and(|held| held.token.text == token.text)
            };
            match forced.filter(|token| !is_sent(token) && !is_held(token)) {
                Some(token) if self.rules.held.is_some() => {
                    let lifetime = self.rules.lifetime(&token, date, attempt.sent);
                    self.rules.hold(&token, lifetime, Source::Renewal);
                }
                _ => self.rules.renew(&attempt.token, attempt.sent, &renewal, date),
            }
        }
    }

    /// What a 401 means for the call.
    fn challenge(&mut self, attempt: Attempt, headers: &HeaderMap, now: Time) -> Option<Call> {
        let Attempt { mut call, token: sent, .. } = attempt;
        let newer = self.rules.held.as_ref().map(|held| held.generation > sent.generation);
        match (W::defect(), newer) {
            (Defect::RetryWithoutBound, _) => return Some(call),
            (Defect::UnconditionalDrop, Some(true)) => self.rules.held = None,
            (Defect::KeepsRefusedToken, _) | (Defect::GivesUpWithNewerToken, Some(true)) => {
                return None;
            }
            (Defect::DropsUnknownTokens, _) => self.rules.accepted = true,
            (Defect::KeepsUnknownTokens, Some(false)) if !self.rules.accepted => {
                let since = *self.rules.refused_since.get_or_insert(now.mono);
                if now.mono - since < MINUTES {
                    return None;
                }
            }
            _ => {}
        }
        let one_shot = call.caller.one_shot;
        call.caller.one_shot &= !Self::has(Defect::OneShotSentAgain);
        let again = self.rules.challenge(&mut call.caller, &sent, true, date(headers), now);
        call.caller.one_shot = one_shot;
        again.then_some(call)
    }

    /// What the rules remember, as the defect has it.
    fn misremember(&mut self) {
        self.rules.said.clear();
        self.rules.limits = Self::limits();
        if let Some(held) = &mut self.rules.held {
            match W::defect() {
                Defect::WallClockOnly => held.lifetime.from.mono = FOREVER,
                Defect::MonotonicOnly => held.lifetime.from.wall = Nanos::MAX / 2,
                _ => {}
            }
        }
    }
}

impl<W: Wrong> Machine for Faulty<W> {
    type Call = Call;
    type Attempt = Attempt;
    type Login = Leading;

    fn begin(_: Config) -> Self {
        Self { rules: Reference::new(Self::limits()), wrong: PhantomData }
    }

    fn call(one_shot: bool, deadline: Option<Instant>) -> Call {
        let deadline = deadline.map(|deadline| nanos(deadline.since_start()));
        let deadline = deadline.filter(|_| !Self::has(Defect::WaitsBeyondDeadline));
        Call { caller: Caller::new(one_shot, deadline), has_waited: false }
    }

    fn admit(&mut self, mut call: Call, request: &mut Request<Vec<u8>>, now: Now) -> Step<Self> {
        let now = Time::from(now);
        let ignores_lease = match W::defect() {
            Defect::ExpiryForgotten => {
                self.rules.lease.as_ref().is_some_and(|lease| lease.expires_at <= now.mono)
            }
            Defect::OneLoginPerWaiter => true,
            _ => false,
        };
        if ignores_lease {
            self.rules.lease = None;
        }
        let overlooks =
            Self::has(Defect::NoSecondLook) && call.has_waited && self.rules.lease.is_none();
        let overlooked = if overlooks { self.rules.held.take() } else { None };
        let answer = self.rules.admit(&mut call.caller, now);
        let step = match answer {
            Answer::Send { .. } => self.send(call, request, now),
            Answer::LogIn { .. } => self.log_in(call, now),
            Answer::Wait { until, login: None } if Self::has(Defect::FailureIsRejection) => {
                refuse(Why::Rejected, until)
            }
            Answer::Wait { until, .. } => Self::wait(call, until, now),
            Answer::Refuse { why, retry_at } => refuse(
                match why {
                    reference::Why::Rejected => Why::Rejected,
                    reference::Why::Unavailable => Why::Unavailable,
                    reference::Why::Deadline(_) => Why::Deadline,
                },
                retry_at,
            ),
        };
        if overlooks {
            self.rules.held = overlooked;
        }
        self.misremember();
        step
    }

    fn upload(attempt: &Attempt) -> Upload {
        if Self::has(Defect::HeadOnlyUnasked) { Upload::HeadOnly } else { attempt.upload }
    }

    fn break_off(&mut self, attempt: Attempt, now: Now) -> Option<Call> {
        let Attempt { mut call, token, upload, .. } = attempt;
        let now = Time::from(now);
        if Self::has(Defect::BrokenUploadSentAgain) {
            return Some(call);
        }
        let goes_on = self.rules.break_off(&mut call.caller, &token, upload, now);
        self.misremember();
        goes_on.then_some(call)
    }

    fn conclude(&mut self, mut attempt: Attempt, head: Head<'_>, now: Now) -> Option<Call> {
        let (status, now) = (head.status.as_u16(), Time::from(now));
        let foreign = head.uri().is_some_and(|uri| uri.host() != Some(HOST));
        let trusted = match W::defect() {
            Defect::RenewsFromAnyOrigin => true,
            Defect::TrustsForeign401 => status == 401,
            _ => false,
        };
        if foreign && !trusted {
            return None;
        }
        let again = match status {
            401 => self.challenge(attempt, head.headers, now),
            403 if Self::has(Defect::ForbiddenIsUnauthorized) => {
                self.challenge(attempt, head.headers, now)
            }
            500 if Self::has(Defect::ErrorsSentAgain) && !attempt.call.caller.sent_for_newer => {
                attempt.call.caller.sent_for_newer = true;
                Some(attempt.call)
            }
            200..=299 => {
                self.renew(&attempt, head.headers);
                let renewals: Vec<_> =
                    head.headers.get_all(AUTHORIZATION).iter().map(renewal).collect();
                self.rules.succeed(&attempt.token, &renewals);
                None
            }
            500 if Self::has(Defect::RenewalsFromErrors) => {
                self.renew(&attempt, head.headers);
                None
            }
            500.. => None,
            _ => {
                self.rules.answer(&attempt.token);
                None
            }
        };
        self.misremember();
        again
    }

    fn request(_: &Leading) -> Request<Vec<u8>> {
        let body =
            serde_json::json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET });
        let mut request = Request::post(LOGIN).body(body.to_string().into_bytes()).unwrap();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match W::defect() {
            Defect::LoginByGet => *request.method_mut() = Method::GET,
            Defect::LoginElsewhere => {
                *request.uri_mut() = Uri::from_static("https://waldo.example/authenticate");
            }
            Defect::LoginAsText => drop(request.headers_mut().remove(CONTENT_TYPE)),
            Defect::LoginWithToken => {
                request
                    .headers_mut()
                    .insert(AUTHORIZATION, HeaderValue::from_static("Bearer none"));
            }
            _ => {}
        }
        request
    }

    fn expires_at(login: &Leading) -> Instant {
        instant(match W::defect() {
            Defect::LeaseWithoutEnd => login.sent.mono + 30 * SECOND,
            Defect::LeaseOfADay => login.sent.mono + 24 * HOUR,
            Defect::LeaseOfNothing => login.sent.mono,
            _ => login.expires_at,
        })
    }

    fn settle(&mut self, mut login: Leading, end: LoginEnd<'_>, now: Now) {
        if Self::has(Defect::LateGrantWins) {
            (login.epoch, login.generation) = (self.rules.epoch, self.rules.generation);
        }
        // A login's token is usable to a leeway that is right, so the defect shows in later calls.
        self.rules.limits.leeway = Limits::DOCUMENTED.leeway;
        let ending = match end {
            LoginEnd::Answer(head, body) => answer(head, body),
            LoginEnd::Transport => reference::Ending::Unavailable(Reason::Transport, None),
            LoginEnd::Abandoned => reference::Ending::Abandoned,
        };
        self.rules.settle(&login, ending, Time::from(now));
        self.misremember();
    }

    fn reset(&mut self, credentials: Credentials, _: Now) {
        let held = self.rules.held.clone().filter(|_| Self::has(Defect::ResetKeepsToken));
        let first = Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap();
        self.rules.reset(u8::from(credentials != first), 0);
        if Self::has(Defect::ResetForgetsAlways) {
            self.rules.forget(NoToken::Reset);
        }
        self.rules.held = self.rules.held.take().or(held);
        self.misremember();
    }

    fn invalidate(&mut self, now: Now) {
        if Self::has(Defect::InvalidationEndsLogin) {
            self.rules.forget(NoToken::Invalidated);
        } else {
            self.rules.invalidate(now.into());
        }
        self.misremember();
    }

    fn holds(&self, _: Now) -> bool {
        self.rules.held.is_some()
    }

    fn digest(&self) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(&self.rules)
    }

    fn say(&self, _: Now) -> String {
        match (&self.rules.held, W::defect()) {
            (Some(held), Defect::SpeaksOfTokens) => format!("cache hit: {}", held.token.text),
            (_, Defect::SpeaksOfKeys) => format!("logged in as {}", Server::KEY_ID),
            (_, Defect::SpeaksOfSecrets) => format!("the password is {}", Server::KEY_SECRET),
            (held, _) => format!("generation {:?}", held.as_ref().map(|held| held.generation)),
        }
    }
}

fn instant(nanos: Nanos) -> Instant {
    Instant::from_start(duration(nanos))
}

fn refuse<M: Machine>(why: Why, retry_at: Nanos) -> Step<M> {
    Step::Refuse(Refused { why, retry_at: instant(retry_at), message: format!("{why:?}") })
}
