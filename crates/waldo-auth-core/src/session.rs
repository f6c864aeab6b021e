//! The state of one key pair at one origin, and the only code that moves it.
//!
//! Two rules make the rest small:
//!
//! 1. **Every input has one addressee.** What a method has to say, it says to its caller: there is
//!    no queue to drain and no timer to fire. The one broadcast there is, "something has settled,
//!    look again", is the embedder's to make after [`settle`](Session::settle),
//!    [`reset`](Session::reset), [`invalidate`](Session::invalidate) and
//!    [`resume`](Session::resume).
//! 2. **Permits are values that move.** [`Call`], [`Attempt`] and [`Login`] are used up by the step
//!    they permit. The session keeps no list of them, so dropping one needs no message, and its
//!    size does not depend on how many there are.
//!
//! What is held changes in four places only. Three hold another token, under a new generation: a
//! login is granted, a renewal is adopted, a snapshot is resumed. The fourth holds nothing: after a
//! 401, `invalidate` or `reset`. Everything that arrives names the generation and the epoch it was
//! sent under, and is weighed against what is held *now*. So the order of arrival cannot bring
//! an older token back, nor take a newer one away.
//!
//! Each change is noted in the journal before it is made, because a token that is dropped may run
//! code of the user's, such as the bytes of a header, which may panic.

mod acceptance;
mod decision;
mod identity;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderValue, Request};

use self::decision::{Decision, granted_since};
use crate::admit_error::AdmitError;
use crate::call::{Arrival, Attempt, Body, Call, Step, Upload, Verdict};
use crate::circuit_breaker::CircuitBreaker;
use crate::config::Config;
use crate::credentials::Credentials;
use crate::evidence::Evidence;
use crate::explain::{Explanation, NoToken};
use crate::failure::{Reason, Unavailable};
use crate::generation::Generation;
use crate::given_up::GivenUpTokens;
use crate::journal::{Challenge, Event, Ignored, Journal};
use crate::lifetime::Lifetime;
use crate::login::{Grant, Lease, Login, Outcome};
use crate::rate_limiter::RateLimiter;
use crate::snapshot::{NotResumed, Snapshot};
use crate::time::Now;
use crate::token::{Source, Token};
use crate::wire::{self, Claims, Head, LastDate};

/// The authentication state of one key pair at one origin.
///
/// It is a plain value: adapters that share it put it behind a lock, and hold that lock around
/// these methods only, never over IO. See the [crate documentation](crate) for the loop around it.
#[derive(Debug)]
pub struct Session {
    /// Tells this session's attempts and logins from those of any other; nothing else is decided
    /// by it.
    number: usize,
    /// Apart, as it is large and seldom looked at as a whole.
    config: Box<Config>,
    /// The token that calls are sent with, usable or not.
    held: Option<Token>,
    /// Why nothing is held; said to those who ask, and never decided by.
    no_token: NoToken,
    /// The tokens that were given up last, so that neither a cache nor a store brings them back.
    given_up: GivenUpTokens,
    /// The generation that a 401 dropped last; 0 before the first.
    refused: u64,
    /// What responses have shown of the last login's tokens.
    evidence: Evidence,
    /// Counts granted logins, resets, invalidations and resumptions: the descent of tokens.
    epoch: u64,
    /// Counts the tokens that were ever held.
    generation: u64,
    /// The login under way.
    lease: Option<Lease>,
    /// Counts the logins that were ever started.
    logins: u64,
    circuit: CircuitBreaker,
    invalidations: RateLimiter,
    /// Spares reading a `Date` again. Nothing is decided by it.
    last_date: LastDate,
    journal: Journal,
}

impl Session {
    /// A session that holds nothing yet: its first call logs in.
    pub fn new(config: Config) -> Self {
        static SESSIONS: AtomicUsize = AtomicUsize::new(0);
        Self {
            number: SESSIONS.fetch_add(1, Ordering::Relaxed),
            held: None,
            no_token: NoToken::NeverLoggedIn,
            given_up: GivenUpTokens::none(),
            refused: 0,
            evidence: Evidence::none(),
            epoch: 0,
            generation: 0,
            lease: None,
            logins: 0,
            circuit: CircuitBreaker::closed(config.limits.jitter_seed),
            invalidations: RateLimiter::full(),
            last_date: LastDate::default(),
            journal: Journal::new(),
            config: Box::new(config),
        }
    }

    /// Says what a call is to do now; when that is to send, the request carries the token.
    ///
    /// Then `Authorization: Bearer <jwt>` has replaced any other `Authorization`, and the URI has
    /// the origin's own scheme and authority (rule 3): send to that URI. Call `admit` again with
    /// the same call after a wait, after a login, and for a resend.
    ///
    /// # Errors
    /// The request goes to another origin, or has no room for the token. The call ends here.
    pub fn admit<B>(
        &mut self,
        mut call: Call,
        request: &mut Request<B>,
        now: Now,
    ) -> Result<Step, AdmitError> {
        self.config.origin.normalize(request.uri_mut())?;
        if let Some(lease) = self.lease.take_if(|lease| lease.has_expired(now.monotonic)) {
            self.expire(lease, now);
        }
        call.arrival.get_or_insert(self.arrival());
        // Both halves of `decide`: nearly every call is sent at once, and is to pay for nothing
        // else.
        if let Some(token) = self.token_for(&call, now) {
            let upload = self.attach(token, &mut call, request)?;
            return Ok(Step::Send(self.attempt(token, call, upload, now)));
        }
        Ok(match self.decide_without_token(&call, now) {
            Decision::Send(token) => {
                let upload = self.attach(token, &mut call, request)?;
                Step::Send(self.attempt(token, call, upload, now))
            }
            Decision::LogIn => Step::Authenticate(self.lead(now), call),
            Decision::WaitForLogin(lease, until) => {
                if call.waited_for != lease.login {
                    call.waited_for = lease.login;
                    self.note(Event::Coalesced { login: lease.login }, now);
                }
                Step::Wait(call, until)
            }
            Decision::BackOff(until) => Step::Wait(call, until),
            Decision::Refuse(refusal) => Step::Refuse(refusal),
        })
    }

    /// Admits a call if the held token can be sent at once; otherwise gives the call back for
    /// [`admit`](Self::admit).
    ///
    /// Nothing changes in the session. So threads that share a session behind a read-write lock call
    /// this function first, under the read lock.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn try_admit<B>(
        &self,
        mut call: Call,
        request: &mut Request<B>,
        now: Now,
    ) -> Result<Result<Attempt, Call>, AdmitError> {
        self.config.origin.normalize(request.uri_mut())?;
        // Before the call arrives, the lease must expire: it counts as a failed login for the calls
        // that came earlier, and not for this one.
        if self.lease.is_some_and(|lease| lease.has_expired(now.monotonic)) {
            return Ok(Err(call));
        }
        call.arrival.get_or_insert(self.arrival());
        let Some(token) = self.token_for(&call, now) else { return Ok(Err(call)) };
        let upload = self.attach(token, &mut call, request)?;
        Ok(Ok(self.attempt(token, call, upload, now)))
    }

    /// Whether [`conclude`](Self::conclude) would deliver this response and change nothing.
    ///
    /// That is so for a success from the origin that brings no other token than the held one. Threads
    /// that share a session behind a read-write lock call this function first, under the read lock.
    pub fn is_unchanged_by(&self, attempt: &Attempt, response: Head<'_>) -> bool {
        response.status.is_success()
            && attempt.session == self.number
            && response.uri.is_none_or(|uri| self.config.origin.contains(uri))
            && self.is_trusted()
            && response.renewals().all(|value| self.repeats_held(attempt, value))
    }

    /// Takes the head of the response to an attempt: keeps a fresh token, and says whether the
    /// response is the call's answer.
    pub fn conclude(&mut self, attempt: Attempt, response: Head<'_>, now: Now) -> Verdict {
        if attempt.session != self.number {
            self.ignore(Ignored::OtherSession, now);
            return Verdict::Deliver;
        }
        if response.uri.is_some_and(|uri| !self.config.origin.contains(uri)) {
            self.ignore(Ignored::ForeignOrigin, now);
            return Verdict::Deliver;
        }
        if response.status.is_success() {
            for value in response.renewals() {
                if !self.repeats_held(&attempt, value) {
                    self.renew(&attempt, value, response, now);
                }
            }
            if attempt.epoch == self.epoch && !self.is_trusted() {
                self.note_acceptance(&attempt, response, now);
            }
        } else if self.config.limits.challenges.contain(response.status) {
            return self.challenge(attempt, response, now);
        } else if attempt.epoch == self.epoch
            && !self.evidence.is_accepted()
            && !response.status.is_server_error()
        {
            self.note(Event::Accepted { generation: attempt.generation }, now);
            self.evidence = self.evidence.after_answer();
        }
        Verdict::Deliver
    }

    /// Takes note that an upload broke off: the connection failed while the body was being sent,
    /// and no response could be read.
    ///
    /// The server may have refused the token before it read the body. So the token is doubtful from
    /// now on, and the next upload asks the server first.
    ///
    /// - [`Verdict::Retry`]: admit the call again. Its next attempt is a
    ///   [`HeadOnly`](Upload::HeadOnly), or goes out with another token, as after a 401.
    /// - [`Verdict::Deliver`]: the call ends with the first error of its HTTP stack.
    ///
    /// If an upload that asked first breaks off too, the token is dropped, as after a 401 (rule
    /// 16). The next call logs in.
    ///
    /// If an attempt has no body, or a short one, drop the attempt instead (rule 24).
    pub fn break_off(&mut self, attempt: Attempt, now: Now) -> Verdict {
        if attempt.session != self.number {
            self.ignore(Ignored::OtherSession, now);
            return Verdict::Deliver;
        }
        let Attempt { mut call, generation, epoch, upload, .. } = attempt;
        self.note(Event::UploadBrokeOff { generation }, now);
        let outcome = match &mut self.held {
            Some(held) if held.generation == generation => {
                held.doubtful = true;
                match upload {
                    Upload::Send => {
                        call.broke_off = generation;
                        return Verdict::Retry(call);
                    }
                    // The second upload in a row broke off, and the server does not answer the
                    // question.
                    Upload::ExpectContinue => self.drop_doubtful(generation, now),
                    // A call probes once: a second probe would most likely break off, too.
                    Upload::HeadOnly => {}
                }
                return Verdict::Deliver;
            }
            held if self.refused == generation => {
                if held.is_some() {
                    Challenge::NewerHeld
                } else {
                    Challenge::NothingHeld
                }
            }
            // The token was replaced, and never refused: nothing shows why the upload broke off.
            _ => return Verdict::Deliver,
        };
        // Another attempt with this token was answered 401. So the server most likely refused this
        // attempt, too.
        self.resend(call, outcome, epoch, false)
    }

    /// Ends a login. Afterwards, wake everyone who waits.
    #[expect(clippy::needless_pass_by_value, reason = "a login that is settled is used up")]
    pub fn settle(&mut self, login: Login, outcome: Outcome, now: Now) {
        if login.session != self.number {
            return self.ignore(Ignored::OtherSession, now);
        }
        let number = login.number;
        // Another key pair's, perhaps. The login has ended all the same, and has brought nothing.
        let mixed_up = matches!(&outcome, Outcome::Granted(grant)
            if (grant.login, grant.session) != (number, login.session));
        let outcome = if mixed_up { Outcome::Abandoned } else { outcome };
        // A grant counts however late it is; a failure or a verdict only until another login has
        // started. And nothing of one that is not current counts once something newer has
        // come: a grant, a reset, an invalidation or a renewal.
        let lease = self.lease.take_if(|lease| lease.login == number);
        let newer_held = self.held.as_ref().is_some_and(|held| held.generation > login.generation);
        if lease.is_none() && (login.epoch != self.epoch || newer_held) {
            return self.ignore(Ignored::LateLogin, now);
        }
        let standing = match &lease {
            Some(_) => Standing::Current,
            None if number == self.logins => Standing::Late,
            None => Standing::Overtaken,
        };
        match outcome {
            Outcome::Granted(grant) => self.grant(&login, grant, standing, now),
            Outcome::Unavailable(failure) => self.fail(number, failure, standing, now),
            Outcome::Rejected(_) | Outcome::Abandoned if standing == Standing::Overtaken => {
                self.ignore(Ignored::LateLogin, now);
            }
            Outcome::Rejected(rejection) => {
                let (status, code) = (rejection.status, rejection.code.name());
                self.note(Event::LoginRejected { login: number, status, code }, now);
                let until = self.circuit.open(rejection, &self.config.limits, now.monotonic);
                let wait = until.saturating_duration_since(now.monotonic);
                self.note(Event::CircuitOpened { wait }, now);
            }
            Outcome::Abandoned => {
                self.note(Event::LoginAbandoned { login: number }, now);
                // A leader that found a token in a store has no need of its login, which is no
                // giving up.
                if !newer_held {
                    self.circuit.abandon(login.expires_at, &self.config.limits, now.monotonic);
                }
            }
        }
    }

    /// Replaces the credentials. Afterwards, wake everyone who waits.
    ///
    /// Other credentials forget the held token, a login under way, a backoff and a rejection,
    /// because these belong to the old credentials. Calls that wait, and calls that are answered
    /// 401 afterwards, go on under the new credentials. For another account, use another
    /// session.
    ///
    /// The same credentials only end a rejection (rule 15), for when the key is known to work
    /// again.
    pub fn reset(&mut self, credentials: Credentials, now: Now) {
        self.note(Event::Reset, now);
        if *self.config.credentials == credentials {
            if self.circuit.is_open() {
                self.circuit.close();
            }
            return;
        }
        self.config.credentials = Arc::new(credentials);
        self.circuit.close();
        self.forget(NoToken::Reset);
    }

    /// The held token, usable or not, for [`invalidate`](Self::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        let generation = self.held.as_ref()?.generation;
        Some(Generation { session: self.number, number: generation })
    }

    /// Gives up the token of this generation, if it is held. Then the next call logs in. Returns
    /// whether the token was given up; if so, wake everyone who waits.
    ///
    /// Nothing changes while a login is under way, or the credentials are rejected (rule 15): the
    /// next token comes anyway, or not at all. So many late responses to one token cost one login.
    /// It costs a permit of the budget for refused tokens (rule 16), and does nothing without
    /// one.
    pub fn invalidate(&mut self, generation: Generation, now: Now) -> bool {
        let is_settled = self.lease.is_none_or(|lease| lease.has_expired(now.monotonic));
        if self.generation() != Some(generation) || !is_settled || self.circuit.is_open() {
            return false;
        }
        let is_paid = self.pay_for_drop(0, now);
        if is_paid {
            self.note(Event::Invalidated, now);
            self.forget(NoToken::Invalidated);
        } else {
            self.note(Event::Throttled { generation: generation.number }, now);
        }
        is_paid
    }

    /// Says what the next call would do, and why.
    pub fn explain(&self, now: Now) -> Explanation {
        let at = now.monotonic;
        match self.decide(&Call::replayable(), now) {
            Decision::Send(token) => {
                let (generation, left, doubtful) =
                    (token.generation, token.lifetime.left(now), token.doubtful);
                Explanation::Send { generation, left, doubtful }
            }
            Decision::LogIn => {
                let why = if self.held.is_some() { NoToken::Expired } else { self.no_token };
                Explanation::Authenticate { why }
            }
            Decision::WaitForLogin(lease, until) => Explanation::WaitForLogin {
                login: lease.login,
                at_most: until.saturating_duration_since(at),
            },
            Decision::BackOff(until) => {
                Explanation::BackOff { wait: until.saturating_duration_since(at) }
            }
            Decision::Refuse(refusal) => {
                let remaining = refusal.retry_at().saturating_duration_since(at);
                Explanation::Refuse { refusal, remaining }
            }
        }
    }

    /// The held token for a store, if there is one.
    pub fn snapshot(&self, now: Now) -> Option<Snapshot> {
        let token = self.held.as_ref()?;
        // By the wall clock of this moment, and not of the request's: it may have been set right in
        // between.
        let spent = token.lifetime.span().saturating_sub(token.lifetime.left(now));
        Some(Snapshot {
            origin: self.config.origin.clone(),
            key: self.config.credentials.fingerprint(),
            token: std::str::from_utf8(token.jwt()).ok()?.to_owned(),
            began: now.wall.checked_sub(spent)?,
            lifetime: token.lifetime.span(),
        })
    }

    /// Holds a token from a store, if it is worth holding. Afterwards, wake everyone who waits.
    ///
    /// A leader that shares a store with other processes locks the store, reads it again, resumes
    /// what it finds, and settles its login as [`Outcome::Abandoned`] when that worked.
    ///
    /// # Errors
    /// Why the snapshot is not used. The session is as it was.
    pub fn resume(&mut self, snapshot: &Snapshot, now: Now) -> Result<(), NotResumed> {
        let (jwt, header, lifetime) = self.accept_stored(snapshot, now)?;
        self.epoch += 1;
        self.note(
            Event::Resumed { generation: self.next_generation(), left: lifetime.left(now) },
            now,
        );
        self.evidence.resume();
        self.hold(header, jwt.claims, lifetime, Source::Snapshot);
        Ok(())
    }

    /// What the session has done lately.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The configuration, with the credentials in use.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// What a login that has ended is to those who wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its lease stands: they wait for it.
    Current,
    /// Its lease has expired.
    Late,
    /// Its lease has expired, and another login has started.
    Overtaken,
}

impl Session {
    /// What a call notes that comes in now.
    fn arrival(&self) -> Arrival {
        Arrival { epoch: self.epoch, failed_logins: self.circuit.failed_logins() }
    }

    /// Puts the token on the request of a call, and says how its body is sent.
    #[inline]
    fn attach<B>(
        &self,
        token: &Token,
        call: &mut Call,
        request: &mut Request<B>,
    ) -> Result<Upload, AdmitError> {
        token.attach(request)?;
        if call.broke_off != 0 && call.broke_off == self.refused && call.spend_any_resend() {
            call.broke_off = 0;
        }
        Ok(match call.broke_off {
            0 if token.doubtful => Upload::ExpectContinue,
            0 => Upload::Send,
            _ => Upload::HeadOnly,
        })
    }

    #[inline]
    fn attempt(&self, token: &Token, call: Call, upload: Upload, now: Now) -> Attempt {
        let (session, generation, epoch) = (self.number, token.generation, token.epoch);
        Attempt { call, session, generation, epoch, sent: now, untouched: false, upload }
    }

    fn lead(&mut self, now: Now) -> Login {
        self.logins += 1;
        let lease = Lease::new(self.logins, self.config.limits.lease, now.monotonic);
        self.lease = Some(lease);
        self.note(Event::LoginStarted { login: lease.login }, now);
        Login {
            number: lease.login,
            epoch: self.epoch,
            generation: self.generation,
            sent: now,
            expires_at: lease.expires_at,
            session: self.number,
            uri: self.config.login_uri.clone(),
            credentials: Arc::clone(&self.config.credentials),
            retry_after_cap: self.config.limits.retry_after_cap,
            verify: self.config.limits.verify,
        }
    }

    /// A login that has had no answer for so long has failed those who waited for it (rule 13).
    fn expire(&mut self, lease: Lease, now: Now) {
        self.circuit.expire();
        self.note(Event::LeaseExpired { login: lease.login }, now);
    }

    fn grant(&mut self, login: &Login, grant: Grant, standing: Standing, now: Now) {
        let limits = &self.config.limits;
        let lifetime = Lifetime::of(grant.claims, grant.date, login.sent, limits.assumed_lifetime);
        if !lifetime.usable(limits.leeway, now) {
            // Used, it would be refused; dropped silently, every call would log in again at once.
            return self.fail(login.number, Unavailable::new(Reason::DeadOnArrival), standing, now);
        }
        let generation = self.next_generation();
        self.note(
            Event::LoginGranted { login: login.number, generation, lifetime: lifetime.span() },
            now,
        );
        self.evidence.grant(self.held.is_none() && self.no_token == NoToken::Refused);
        self.epoch += 1;
        self.circuit.close();
        self.hold(grant.header, grant.claims, lifetime, Source::Login);
    }

    fn fail(&mut self, login: u64, failure: Unavailable, standing: Standing, now: Now) {
        // One that has expired has failed those who waited already.
        if standing == Standing::Current {
            self.circuit.count_failed_login();
        }
        self.note(Event::LoginUnavailable { login, reason: failure.reason() }, now);
        if standing != Standing::Overtaken {
            self.circuit.back_off(failure, &self.config.limits, now.monotonic);
        }
    }

    /// Weighs a 401 (rules 7, 8, 16, 17).
    fn challenge(&mut self, attempt: Attempt, response: Head<'_>, now: Now) -> Verdict {
        let Attempt { call, generation, epoch, untouched, .. } = attempt;
        let outcome = match &self.held {
            Some(held) if held.generation > generation => Challenge::NewerHeld,
            Some(sent) => {
                let is_over = sent.has_ended_by(response.own_date());
                // A refusal that the token's own end explains is free, as lives bound how often
                // that happens.
                let has_ended = sent.lifetime.may_have_ended(is_over, now);
                let is_fresh = granted_since(&call, sent);
                self.evidence.refuse(now.monotonic);
                match self.evidence.reserve(self.config.limits.invalidation_burst, now.monotonic) {
                    _ if has_ended => Challenge::Dropped,
                    _ if is_fresh => Challenge::FreshFromLogin,
                    None => Challenge::NotAccepted,
                    Some(reserve) if self.pay_for_drop(reserve, now) => Challenge::Dropped,
                    Some(_) => {
                        self.note(Event::Throttled { generation }, now);
                        return Verdict::Deliver;
                    }
                }
            }
            None => Challenge::NothingHeld,
        };
        self.note(Event::Challenged { generation, outcome }, now);
        if outcome == Challenge::Dropped {
            self.no_token = NoToken::Refused;
            self.refused = generation;
            self.drop_held();
        }
        self.resend(call, outcome, epoch, untouched)
    }

    /// Whether a call whose token of `epoch` was refused is to be sent again (rules 8, 17).
    fn resend(&self, mut call: Call, outcome: Challenge, epoch: u64, untouched: bool) -> Verdict {
        let is_whole = call.body == Body::Replayable || (untouched && call.broke_off == 0);
        call.broke_off = 0;
        let resend = match outcome {
            _ if !is_whole => false,
            // A newer token may be as dead; then a login that another call has made meanwhile is
            // this one's too.
            Challenge::NewerHeld => {
                call.spend_resend_with_newer()
                    || (self.epoch > epoch && call.spend_resend_after_login())
            }
            Challenge::Dropped | Challenge::NothingHeld => call.spend_resend_after_login(),
            Challenge::FreshFromLogin | Challenge::NotAccepted => false,
        };
        if resend { Verdict::Retry(call) } else { Verdict::Deliver }
    }

    /// Gives a doubtful token up, unless the budget is spent.
    fn drop_doubtful(&mut self, generation: u64, now: Now) {
        let reserve = self.config.limits.invalidation_burst / 2;
        if self.pay_for_drop(reserve, now) {
            self.note(Event::DoubtfulDropped { generation }, now);
            self.no_token = NoToken::Doubtful;
            self.drop_held();
        } else {
            self.note(Event::Throttled { generation }, now);
        }
    }

    /// Takes a permit to drop a token, if so many are left afterwards.
    fn pay_for_drop(&mut self, reserve: u32, now: Now) -> bool {
        let limits = &self.config.limits;
        self.invalidations.take(
            limits.invalidation_burst.saturating_sub(reserve),
            limits.invalidation_interval,
            now.monotonic,
        )
    }

    /// Whether the held token is accepted and not refused since, so that a success shows nothing
    /// more.
    fn is_trusted(&self) -> bool {
        self.evidence.is_clear() && self.held.as_ref().is_none_or(|held| !held.doubtful)
    }

    /// A success shows that the server accepts the token, unless it repeats one that was given up:
    /// that is a cache's.
    #[cold]
    fn note_acceptance(&mut self, attempt: &Attempt, response: Head<'_>, now: Now) {
        let values =
            response.renewals().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        if values.into_iter().any(|value| self.given_up.contain(wire::bearer_credentials(value))) {
            return;
        }
        let ends_doubt = self
            .held
            .as_ref()
            .is_some_and(|held| held.doubtful && held.generation == attempt.generation);
        let evidence = self.evidence.after_success();
        if evidence == self.evidence && !ends_doubt {
            return;
        }
        self.note(Event::Accepted { generation: attempt.generation }, now);
        self.evidence = evidence;
        if let Some(held) = self.held.as_mut().filter(|_| ends_doubt) {
            held.doubtful = false;
        }
    }

    fn drop_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.given_up.push(held.jwt());
        }
    }

    /// Takes a value of a successful response's `Authorization` header, if it is worth holding
    /// (rules 4, 5, 6).
    fn renew(&mut self, attempt: &Attempt, value: &HeaderValue, response: Head<'_>, now: Now) {
        match self.accept_renewal(attempt, value) {
            Ok(Some((jwt, header))) => {
                // Measured from the sending, a slow answer costs the successor as much lifetime;
                // when in between it was issued cannot be known.
                let date = response.own_date_after(&mut self.last_date);
                let lifetime = Lifetime::of(
                    jwt.claims,
                    date,
                    attempt.sent,
                    self.config.limits.assumed_lifetime,
                );
                self.note(
                    Event::Renewed {
                        generation: self.next_generation(),
                        lifetime: lifetime.span(),
                    },
                    now,
                );
                self.evidence.renew();
                self.hold(header, jwt.claims, lifetime, Source::Renewal);
            }
            Ok(None) => {}
            Err(why) => match wire::joined(value) {
                Some(values) => values.for_each(|value| self.renew(attempt, &value, response, now)),
                None => self.ignore(why, now),
            },
        }
    }

    /// The generation that the next token that is held will have.
    fn next_generation(&self) -> u64 {
        self.generation + 1
    }

    fn hold(&mut self, header: HeaderValue, claims: Claims, lifetime: Lifetime, source: Source) {
        self.generation = self.next_generation();
        let predecessor = self.held.take().filter(|held| held.epoch == self.epoch);
        let latest_exp = claims.exp.max(predecessor.and_then(|held| held.latest_exp));
        let usable = lifetime.minus(self.config.limits.leeway);
        let (generation, epoch) = (self.generation, self.epoch);
        self.held = Some(Token {
            header,
            generation,
            epoch,
            source,
            latest_exp,
            lifetime,
            usable,
            doubtful: false,
        });
    }

    fn forget(&mut self, why: NoToken) {
        self.no_token = why;
        self.epoch += 1;
        self.lease = None;
        self.drop_held();
    }

    fn ignore(&mut self, why: Ignored, now: Now) {
        self.note(Event::Ignored { why }, now);
    }

    fn note(&mut self, event: Event, now: Now) {
        self.journal.note(event, now.monotonic);
    }
}
