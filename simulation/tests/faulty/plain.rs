//! A small machine that keeps the invariants. With a [`Defect`] set, it breaks them in one way.
//!
//! It is the rules in their plainest form. It lacks the further parts of the shipping machine: it
//! has no journal and no snapshot of another process, and its backoff has no jitter. Each
//! [`Defect`] is one line of it, as such a line stands in real code.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use serde::Deserialize;
use waldo_auth_core::{Config, Credentials, Head, Instant, Now, Upload};
use waldo_simulation::machine::{LoginEnd, Machine, Refused, Step, Why};
use waldo_test_driver::server::Server;

use crate::defect::{Defect, Wrong};

pub(crate) struct Plain<W> {
    held: Option<Token>,
    epoch: u64,
    generations: u64,
    lease: Option<(u64, Instant)>,
    logins: u64,
    failures: u64,
    closed: Option<Closed>,
    drops: Vec<Instant>,
    /// The tokens that were refused or given up.
    given_up: Vec<String>,
    accepted: bool,
    refused_since: Option<Instant>,
    credentials: Credentials,
    wrong: PhantomData<W>,
}

#[derive(Clone, Hash)]
struct Token {
    text: String,
    /// In milliseconds.
    exp: i64,
    sent: Now,
    span: Duration,
    generation: u64,
    epoch: u64,
    from_login: bool,
}

#[derive(Clone, Copy, Hash)]
struct Closed {
    rejected: bool,
    streak: u32,
    until: Instant,
}

#[derive(Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Call {
    one_shot: bool,
    deadline: Option<Instant>,
    came: Option<(u64, u64)>,
    resent_with_newer: bool,
    resent_after_login: bool,
    has_waited: bool,
}

#[derive(Hash)]
pub(crate) struct Attempt {
    call: Call,
    token: Token,
    sent: Now,
}

#[derive(Hash)]
pub(crate) struct Login {
    number: u64,
    epoch: u64,
    generation: u64,
    sent: Now,
    expires_at: Instant,
}

const LOGIN: &str = "https://api.waldo.example/authenticate";
const WRONG_PAIR: &str = r#"{"apiKey":"wk.sandbox.none","clientSecret":"ws.sandbox.none"}"#;
const LEASE: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_millis(1500);
const BURST: usize = 5;
const EVERY: Duration = Duration::from_secs(30);

impl<W: Wrong> Plain<W> {
    fn has(defect: Defect) -> bool {
        W::DEFECT == defect
    }

    fn left(token: &Token, now: Now) -> Duration {
        let monotonic = now.monotonic.saturating_duration_since(token.sent.monotonic);
        let wall = now.wall.duration_since(token.sent.wall).unwrap_or_default();
        let elapsed = match W::DEFECT {
            Defect::WallClockOnly => wall,
            Defect::MonotonicOnly => monotonic,
            _ => monotonic.max(wall),
        };
        token.span.saturating_sub(elapsed)
    }

    fn leeway(token: &Token, one_shot: bool) -> Duration {
        if Self::has(Defect::LeewayTooLarge) {
            return Duration::from_secs(60);
        }
        let (at_most, share) = if one_shot { (300, 4) } else { (3, 10) };
        Duration::from_secs(at_most).min(token.span / share)
    }

    fn came(call: &Call) -> (u64, u64) {
        call.came.unwrap_or_default()
    }

    fn token_for(&self, call: &Call, now: Now) -> Option<&Token> {
        let token = self.held.as_ref()?;
        let left = Self::left(token, now);
        let of_own_login = token.from_login && token.epoch > Self::came(call).0;
        let good =
            left > Self::leeway(token, call.one_shot) || (of_own_login && left > Duration::ZERO);
        good.then_some(token)
    }

    fn failures_reach_limit(&self, call: &Call) -> bool {
        let failed = self.closed.is_some_and(|closed| !closed.rejected);
        let endless = Self::has(Defect::EndlessPatience);
        let patience = if Self::has(Defect::GivesUpEarly) { 1 } else { 3 };
        failed && !endless && self.failures - Self::came(call).1 >= patience
    }

    fn wait(mut call: Call, until: Instant, now: Now) -> Step<Self> {
        let latest = until.saturating_add(match W::DEFECT {
            Defect::DeadlineTooEarly => LEASE,
            _ => Duration::ZERO,
        });
        let too_late = call.deadline.is_some_and(|deadline| deadline <= latest);
        if too_late && !Self::has(Defect::WaitsBeyondDeadline) {
            return refuse(Why::Deadline, until);
        }
        call.has_waited = true;
        Step::Wait(call, if Self::has(Defect::BusyLoop) { now.monotonic } else { until })
    }

    fn hold(&mut self, text: String, claims: &Claims, sent: Now, from_login: bool) {
        self.generations += 1;
        let span = Duration::from_secs_f64(claims.exp - claims.iat);
        #[expect(clippy::cast_possible_truncation, reason = "the model's dates are small")]
        let exp = (claims.exp * 1000.0) as i64;
        let (generation, epoch) = (self.generations, self.epoch);
        self.held = Some(Token { text, exp, sent, span, generation, epoch, from_login });
    }

    fn renew(&mut self, attempt: &Attempt, headers: &HeaderMap) {
        let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return;
        };
        let text = value.trim().trim_start_matches("Bearer ").to_owned();
        if text.is_empty() && Self::has(Defect::BlankAdopted) {
            let claims = Claims { exp: 2e9, iat: 2e9 - 3600.0 };
            return self.hold(text, &claims, attempt.sent, false);
        }
        let Ok(claims) = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(&text) else {
            return;
        };
        let Some(held) = &self.held else { return };
        #[expect(clippy::cast_possible_truncation, reason = "the model's dates are small")]
        let ends_later = (claims.exp * 1000.0) as i64 > held.exp;
        let succeeds = held.generation == attempt.token.generation;
        let adopt = match W::DEFECT {
            Defect::LastResponseWins => true,
            Defect::ExpiryCompareOnly => ends_later,
            Defect::RenewalsIgnored => false,
            _ => attempt.token.epoch == self.epoch && (succeeds || ends_later),
        };
        let given_up = self.given_up.contains(&text) && !Self::has(Defect::TakesGivenUpTokens);
        if adopt && !given_up && text != held.text && text != attempt.token.text {
            self.hold(text, &claims, attempt.sent, false);
        }
    }

    /// What a 401 means for the call.
    fn challenge(&mut self, attempt: Attempt, now: Now) -> Option<Call> {
        let Attempt { mut call, token: sent, .. } = attempt;
        if Self::has(Defect::KeepsRefusedToken) {
            return None;
        }
        if Self::has(Defect::RetryWithoutBound) {
            return Some(call);
        }
        let newer = self.held.as_ref().map(|held| held.generation > sent.generation);
        let mut resend = &mut call.resent_after_login;
        match newer {
            Some(true) if Self::has(Defect::UnconditionalDrop) => self.held = None,
            Some(true) if Self::has(Defect::GivesUpWithNewerToken) => return None,
            Some(true) => resend = &mut call.resent_with_newer,
            Some(false) => {
                let came = call.came.unwrap_or_default();
                let ended = Self::left(&sent, now) <= Duration::from_secs(2).min(sent.span / 2);
                if sent.from_login && sent.epoch > came.0 && !ended {
                    return None;
                }
                let since = *self.refused_since.get_or_insert(now.monotonic);
                let lasted = now.monotonic.saturating_duration_since(since);
                let grace = if Self::has(Defect::KeepsUnknownTokens) { GRACE * 80 } else { GRACE };
                let unknown =
                    !self.accepted && lasted < grace && !Self::has(Defect::DropsUnknownTokens);
                if !ended && (unknown || !self.pay(now)) {
                    return None;
                }
                self.give_up();
            }
            None => {}
        }
        let again = !std::mem::replace(resend, true);
        (again && (!call.one_shot || Self::has(Defect::OneShotSentAgain))).then_some(call)
    }

    fn give_up(&mut self) {
        self.given_up.extend(self.held.take().map(|token| token.text));
    }

    fn pay(&mut self, now: Now) -> bool {
        if Self::has(Defect::DropsWithoutBudget) {
            return true;
        }
        self.drops.retain(|drop| now.monotonic.saturating_duration_since(*drop) < EVERY * 5);
        let there_is_one = self.drops.len() < BURST;
        if there_is_one {
            self.drops.push(now.monotonic);
        }
        there_is_one
    }

    fn forget(&mut self) {
        self.give_up();
        self.epoch += 1;
        self.lease = None;
    }

    fn is_rejected(&self) -> bool {
        self.closed.is_some_and(|closed| closed.rejected)
    }

    fn close(&mut self, rejected: bool, asked: Duration, now: Now) {
        let again = self.closed.filter(|closed| closed.rejected == rejected);
        let streak = again.map_or(0, |closed| closed.streak + 1);
        let own = if rejected {
            Duration::from_secs(60 << streak.min(4)).min(Duration::from_secs(900))
        } else {
            Duration::from_millis(200 << streak.min(6))
        };
        let own = match W::DEFECT {
            Defect::PermanentOpenCircuit if rejected => Duration::from_secs(u64::from(u32::MAX)),
            Defect::NoOpenCircuit if rejected => Duration::from_secs(1),
            Defect::WaitersLogInInTurn => Duration::ZERO,
            Defect::BacksOffForHours if !rejected => Duration::from_secs(2 * 60 * 60),
            _ => own,
        };
        let asked = if Self::has(Defect::RetryAfterIgnored) { Duration::ZERO } else { asked };
        self.closed =
            Some(Closed { rejected, streak, until: now.monotonic.saturating_add(own.max(asked)) });
    }

    /// A login brought no token. The current one counts as a failure; an overtaken one closes
    /// nothing.
    fn fail(&mut self, login: &Login, current: bool, asked: Duration, now: Now) {
        self.failures += u64::from(current);
        if login.number == self.logins {
            let circuit_open = self.closed.is_some_and(|closed| closed.rejected);
            self.close(circuit_open, asked, now);
        }
    }
}

impl<W: Wrong> Machine for Plain<W> {
    type Call = Call;
    type Attempt = Attempt;
    type Login = Login;

    fn begin(_: Config) -> Self {
        Self {
            held: None,
            epoch: 0,
            generations: 0,
            lease: None,
            logins: 0,
            failures: 0,
            closed: None,
            drops: Vec::new(),
            given_up: Vec::new(),
            accepted: false,
            refused_since: None,
            credentials: first_pair(),
            wrong: PhantomData,
        }
    }

    fn call(one_shot: bool, deadline: Option<Instant>) -> Call {
        Call {
            one_shot,
            deadline,
            came: None,
            resent_with_newer: false,
            resent_after_login: false,
            has_waited: false,
        }
    }

    fn admit(&mut self, mut call: Call, request: &mut Request<Vec<u8>>, now: Now) -> Step<Self> {
        if self.lease.take_if(|(_, expires_at)| *expires_at <= now.monotonic).is_some()
            && !Self::has(Defect::ExpiryForgotten)
        {
            self.failures += 1;
            if self.closed.is_none() {
                self.closed = Some(Closed { rejected: false, streak: 0, until: now.monotonic });
            }
        }
        call.came.get_or_insert((self.epoch, self.failures));
        let looks = !(Self::has(Defect::NoSecondLook) && call.has_waited && self.lease.is_none());
        if let Some(token) = self.token_for(&call, now).filter(|_| looks) {
            let here = request.uri().host() == Some("api.waldo.example");
            if !here && !Self::has(Defect::SendsAnywhere) {
                let past = Instant::from_start(Duration::ZERO);
                return refuse(
                    Why::Foreign,
                    if Self::has(Defect::RefersToThePast) { past } else { now.monotonic },
                );
            }
            match (W::DEFECT, call.deadline) {
                (Defect::RefusesWhatItHolds, Some(deadline)) => {
                    return refuse(Why::Deadline, deadline);
                }
                (Defect::QueuesCalls, _) => {
                    return Self::wait(call, now.monotonic.saturating_add(GRACE), now);
                }
                (Defect::CallsTheLogin, _) => {
                    *request = Request::post(LOGIN).body(WRONG_PAIR.into()).unwrap();
                }
                _ => {}
            }
            let value = HeaderValue::try_from(format!("Bearer {}", token.text)).unwrap();
            request.headers_mut().insert(AUTHORIZATION, value);
            let token = token.clone();
            return Step::Send(Attempt { call, token, sent: now });
        }
        if self.failures_reach_limit(&call) {
            let closed =
                self.closed.map_or(now.monotonic, |closed| closed.until.max(now.monotonic));
            return refuse(Why::Unavailable, closed);
        }
        if let Some((_, expires_at)) = self.lease.filter(|_| !Self::has(Defect::OneLoginPerWaiter))
        {
            return Self::wait(call, expires_at, now);
        }
        if let Some(closed) = self.closed.filter(|closed| closed.until > now.monotonic) {
            if closed.rejected || Self::has(Defect::FailureIsRejection) {
                return refuse(Why::Rejected, closed.until);
            }
            return Self::wait(call, closed.until, now);
        }
        if call.deadline.is_some_and(|deadline| deadline <= now.monotonic) {
            return refuse(Why::Deadline, now.monotonic);
        }
        let waits_first = match W::DEFECT {
            Defect::WaitsForNothing => !call.has_waited,
            Defect::WaitsForEver => self.logins > 0 && self.held.is_none() && self.closed.is_none(),
            _ => false,
        };
        if waits_first {
            return Self::wait(call, now.monotonic.saturating_add(GRACE), now);
        }
        call.has_waited = false;
        self.logins += 1;
        let length = if Self::has(Defect::LeaseWithoutEnd) { Duration::MAX } else { LEASE };
        let expires_at = now.monotonic.saturating_add(length);
        self.lease = Some((self.logins, expires_at));
        let (number, epoch, generation) = (self.logins, self.epoch, self.generations);
        Step::Authenticate(Login { number, epoch, generation, sent: now, expires_at }, call)
    }

    fn upload(_: &Attempt) -> Upload {
        if Self::has(Defect::ProbesUnasked) { Upload::HeadOnly } else { Upload::Send }
    }

    fn break_off(&mut self, attempt: Attempt, _: Now) -> Option<Call> {
        Self::has(Defect::BrokenUploadSentAgain).then_some(attempt.call)
    }

    fn conclude(&mut self, attempt: Attempt, head: Head<'_>, now: Now) -> Option<Call> {
        let status = head.status.as_u16();
        let foreign = head.uri().is_some_and(|uri| uri.host() != Some("api.waldo.example"));
        let trusted = match W::DEFECT {
            Defect::AdoptsFromAnyOrigin => true,
            Defect::TrustsForeign401 => status == 401,
            _ => false,
        };
        if foreign && !trusted {
            return None;
        }
        match status {
            401 => self.challenge(attempt, now),
            403 if Self::has(Defect::ForbiddenIsUnauthorized) => self.challenge(attempt, now),
            500 if Self::has(Defect::ErrorsSentAgain) && !attempt.call.resent_with_newer => {
                Some(Call { resent_with_newer: true, ..attempt.call })
            }
            200..=299 => {
                if attempt.token.epoch == self.epoch {
                    (self.accepted, self.refused_since) = (true, None);
                }
                self.renew(&attempt, head.headers);
                None
            }
            500 if Self::has(Defect::RenewalsFromErrors) => {
                self.renew(&attempt, head.headers);
                None
            }
            500.. => None,
            _ => {
                self.accepted |= attempt.token.epoch == self.epoch;
                None
            }
        }
    }

    fn request(_: &Login) -> Request<Vec<u8>> {
        let body =
            serde_json::json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET });
        let mut request = Request::post(LOGIN).body(body.to_string().into_bytes()).unwrap();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match W::DEFECT {
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

    fn expires_at(login: &Login) -> Instant {
        let length = match W::DEFECT {
            Defect::LeaseWithoutEnd => LEASE,
            Defect::LeaseOfADay => Duration::from_secs(24 * 60 * 60),
            Defect::LeaseOfNothing => Duration::ZERO,
            _ => return login.expires_at,
        };
        login.sent.monotonic.saturating_add(length)
    }

    fn settle(&mut self, login: Login, end: LoginEnd<'_>, now: Now) {
        let current = self.lease.take_if(|(number, _)| *number == login.number).is_some();
        let newer = self.held.as_ref().is_some_and(|held| held.generation > login.generation);
        let late_is_fine = Self::has(Defect::LateGrantWins);
        if !current && !late_is_fine && (newer || login.epoch != self.epoch) {
            return;
        }
        match end {
            LoginEnd::Answer(head, body) => {
                let body: Body = serde_json::from_slice(body).unwrap_or_default();
                let asked = head
                    .headers
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                if let Some(text) = body.token.filter(|_| head.status.is_success()) {
                    let claims =
                        jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(&text).unwrap();
                    let arrived = now.elapsed_since(login.sent);
                    let span = Duration::from_secs_f64(claims.exp - claims.iat);
                    if span.saturating_sub(arrived) <= Duration::from_secs(3).min(span / 10) {
                        return self.fail(&login, current, Duration::ZERO, now);
                    }
                    self.epoch += 1;
                    self.closed = None;
                    (self.accepted, self.refused_since) = (false, None);
                    self.given_up.retain(|given_up| *given_up != text);
                    self.hold(text, &claims, login.sent, true);
                } else if matches!(head.status.as_u16(), 400 | 401 | 403) && body.code.is_some() {
                    if login.number == self.logins {
                        self.close(true, Duration::ZERO, now);
                    }
                } else {
                    self.fail(&login, current, Duration::from_secs(asked.unwrap_or(0)), now);
                }
            }
            LoginEnd::Transport => self.fail(&login, current, Duration::ZERO, now),
            LoginEnd::Abandoned => {}
        }
    }

    fn reset(&mut self, credentials: Credentials, _: Now) {
        let is_other = std::mem::replace(&mut self.credentials, credentials.clone()) != credentials;
        if is_other || self.is_rejected() {
            self.closed = None;
        }
        if is_other && Self::has(Defect::ResetKeepsToken) {
            self.epoch += 1;
            self.lease = None;
        } else if is_other || Self::has(Defect::ResetForgetsAlways) {
            self.forget();
        }
    }

    fn invalidate(&mut self, now: Now) {
        let is_led = self.lease.is_some_and(|(_, expires_at)| expires_at > now.monotonic);
        let helps = self.held.is_some() && !is_led && !self.is_rejected() && self.pay(now);
        if helps || Self::has(Defect::InvalidationEndsLogin) {
            self.forget();
        }
    }

    fn holds(&self, _: Now) -> bool {
        self.held.is_some()
    }

    fn digest(&self) -> u64 {
        let Self { held, epoch, generations, lease, logins, failures, closed, .. } = self;
        let mut state = DefaultHasher::new();
        (held, epoch, generations, lease, logins, failures, closed).hash(&mut state);
        (&self.drops, &self.given_up, self.accepted, self.refused_since).hash(&mut state);
        (self.credentials == first_pair()).hash(&mut state);
        state.finish()
    }

    fn say(&self, _: Now) -> String {
        match (&self.held, W::DEFECT) {
            (Some(token), Defect::SpeaksOfTokens) => format!("cache hit: {}", token.text),
            (_, Defect::SpeaksOfKeys) => format!("logged in as {}", Server::KEY_ID),
            (_, Defect::SpeaksOfSecrets) => format!("the password is {}", Server::KEY_SECRET),
            (held, _) => format!("generation {:?}", held.as_ref().map(|held| held.generation)),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    iat: f64,
}

#[derive(Default, Deserialize)]
struct Body {
    token: Option<String>,
    code: Option<String>,
}

fn first_pair() -> Credentials {
    Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap()
}

fn refuse<M: Machine>(why: Why, retry_at: Instant) -> Step<M> {
    Step::Refuse(Refused { why, retry_at, message: format!("{why:?}") })
}
