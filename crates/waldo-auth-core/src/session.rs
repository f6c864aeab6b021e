//! The state of one key pair at one origin, and the only code that changes the state.
//!
//! Two rules keep the state small:
//!
//! 1. **Each method answers its caller.** There is no queue to drain and no timer to fire. The
//!    embedder makes the one broadcast: it wakes everyone who waits after
//!    [`settle`](Session::settle), [`reset`](Session::reset), [`invalidate`](Session::invalidate)
//!    and [`resume`](Session::resume).
//! 2. **Permissions are values that move.** The step that a [`Call`], an [`Attempt`] or a [`Login`]
//!    permits uses up that value. The session keeps no list of these values. So a drop needs no
//!    message, and the size of the session does not depend on the number of values.
//!
//! The held token changes in four cases only. In three cases the session holds another token under
//! a new generation: a login is granted, a token is renewed, or a snapshot is resumed. In the
//! fourth case the session drops its token: after a 401, `invalidate` or `reset`. Each response
//! names the generation and the epoch of its request, and the session compares them with the token
//! that it holds *now*. So no order of arrival brings an older token back or takes a newer token
//! away.
//!
//! Journal before mutating: dropping a token drops its header, which may run user code and panic.

mod acceptance;
mod decision;
mod digest;
#[cfg(test)]
mod proof;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request};

use self::decision::{Decision, granted_since};
use crate::admit_error::AdmitError;
use crate::call::{Arrival, Attempt, Body, Call, Step, Upload, Verdict};
use crate::circuit_breaker::CircuitBreaker;
use crate::config::Config;
use crate::counters::Counters;
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
use crate::shared_failure::SharedFailure;
use crate::snapshot::{NotResumed, Snapshot};
use crate::store::{StoreAnswer, StoreState};
use crate::time::Now;
use crate::token::{Source, Token};
use crate::wire::{self, Claims, Head, LastDate};

/// The authentication state of one key pair at one origin.
///
/// A session is a plain value. An adapter that shares a session puts it behind a lock, and holds
/// the lock around these methods only, never over IO. See the [crate documentation](crate) for the
/// loop around a session.
#[derive(Debug)]
pub struct Session {
    /// Tells this session's attempts and logins from the attempts and logins of another session. It
    /// has no other use.
    number: usize,
    /// Boxed, because a configuration is large and seldom read.
    config: Box<Config>,
    /// The token that calls are sent with. It may be too old to use.
    held: Option<Token>,
    /// Why no token is held. `explain` shows the reason, and `grant` reads whether it was a 401.
    no_token: NoToken,
    /// The tokens that were given up last, so that neither a cache nor a store brings them back.
    given_up: GivenUpTokens,
    /// The generation of the last token that a 401 dropped; 0 before the first such token.
    refused: u64,
    /// What responses have shown of the last login's tokens.
    evidence: Evidence,
    /// Counts granted logins, resets, invalidations and resumptions. A renewed token has the epoch
    /// of its predecessor.
    epoch: u64,
    /// Counts the tokens that the session has held.
    generation: u64,
    /// The login under way.
    lease: Option<Lease>,
    /// Counts the logins that the session has started.
    logins: u64,
    circuit: CircuitBreaker,
    invalidations: RateLimiter,
    /// A cache, so that an equal `Date` is not parsed again. It changes no decision.
    last_date: LastDate,
    /// For `explain` only.
    store: StoreState,
    journal: Journal,
    /// Boxed, because they are large and seldom changed.
    counters: Box<Counters>,
}

impl Session {
    /// A session without a token. Its first call logs in.
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
            store: StoreState::None,
            journal: Journal::new(),
            counters: Box::default(),
            config: Box::new(config),
        }
    }

    /// Says what a call must do now. If the call is to be sent, its request carries the token.
    ///
    /// The header `Authorization: Bearer <jwt>` then replaces any other `Authorization`, and the
    /// URI has the origin's own scheme and authority (rule 3). Send the request to that URI. Call
    /// `admit` again with the same call after a wait, after a login, and for a resend.
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
        // These are the two halves of `decide`. Nearly every call is sent at once, so the fast path
        // runs the first half only.
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
            Decision::BackOff(until) => {
                self.counters.count_backoff();
                Step::Wait(call, until)
            }
            Decision::Refuse(refusal) => {
                self.counters.count_refusal(&refusal);
                Step::Refuse(refusal)
            }
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

    /// Takes the head of the response to an attempt. Keeps a renewed token, and says whether the
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

    /// Notes that an upload broke off: the connection failed during the body, and no response could
    /// be read.
    ///
    /// The server may have refused the token before it read the body. So the token is doubtful from
    /// now on, and the next upload asks the server first (`Expect: 100-continue`).
    ///
    /// - [`Verdict::Retry`]: admit the call again. Its next attempt is
    ///   [`HeadOnly`](Upload::HeadOnly), or carries another token as after a 401.
    /// - [`Verdict::Deliver`]: the call ends with the first error of its HTTP stack.
    ///
    /// If an upload that asked first breaks off too, the session drops the token as after a 401
    /// (rule 16). The next call logs in.
    ///
    /// If the attempt has no body or a short body, drop the attempt instead (rule 24).
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
                    // A call makes one head-only attempt, because a second one would most likely
                    // break off too.
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
            // The token was replaced and never refused, so the upload may have broken off for any
            // reason.
            _ => return Verdict::Deliver,
        };
        // Another attempt with this token was answered 401. So the server most likely refused this
        // attempt, too.
        self.resend(call, outcome, epoch, false, false)
    }

    /// Ends a login. Afterwards, wake everyone who waits.
    #[expect(clippy::needless_pass_by_value, reason = "a login that is settled is used up")]
    pub fn settle(&mut self, login: Login, outcome: Outcome, now: Now) {
        if login.session != self.number {
            return self.ignore(Ignored::OtherSession, now);
        }
        let number = login.number;
        // The grant belongs to another login, perhaps of another key pair. This login has ended
        // without an answer.
        let mixed_up = matches!(&outcome, Outcome::Granted(grant)
            if (grant.login, grant.session) != (number, login.session));
        let outcome = if mixed_up { Outcome::Abandoned } else { outcome };
        // Late outcomes: a grant counts at any time. A failure, a rejection or an abandonment
        // counts until another login has started. No late outcome counts after a newer grant,
        // reset, invalidation or renewal.
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
            Outcome::Rejected(_) | Outcome::Abandoned | Outcome::FailedElsewhere(_)
                if standing == Standing::Overtaken =>
            {
                self.ignore(Ignored::LateLogin, now);
            }
            Outcome::Rejected(rejection) => {
                let (status, code) = (rejection.status, rejection.code.name());
                self.note(Event::LoginRejected { login: number, status, code }, now);
                let until = self.circuit.open(rejection, &self.config.limits, now.monotonic);
                let wait = until.saturating_duration_since(now.monotonic);
                self.note(Event::CircuitOpened { wait }, now);
            }
            Outcome::FailedElsewhere(failure) => {
                if standing == Standing::Current {
                    self.circuit.count_failed_login();
                }
                let wait = failure.wait;
                self.note(Event::LoginFailedElsewhere { login: number, wait }, now);
                self.circuit.adopt(&failure, now.monotonic);
            }
            // A leader that resumed a stored token does not need its login. This is no failover.
            Outcome::Abandoned if newer_held => {
                self.note(Event::LoginSpared { login: number }, now);
            }
            Outcome::Abandoned => {
                self.note(Event::LoginAbandoned { login: number }, now);
                self.circuit.abandon(login.expires_at, &self.config.limits, now.monotonic);
            }
        }
    }

    /// Replaces the credentials. Afterwards, wake everyone who waits.
    ///
    /// With other credentials, the session forgets the held token, a login under way, a backoff and
    /// a rejection, because they belong to the old credentials. Calls that wait go on under the new
    /// credentials, and so do calls that are answered 401 later. For another account, use another
    /// session.
    ///
    /// With the same credentials, `reset` only closes an open circuit (rule 15). Do so when the key
    /// works again.
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

    /// Whether this is the key pair of the session.
    pub fn has(&self, credentials: &Credentials) -> bool {
        *self.config.credentials == *credentials
    }

    /// Whether the server has rejected the key pair, and no login was granted since: the circuit is
    /// open (rule 15).
    pub fn is_rejected(&self) -> bool {
        self.circuit.is_open()
    }

    /// The generation of the held token, for [`invalidate`](Self::invalidate). The token may be too
    /// old to use.
    pub fn generation(&self) -> Option<Generation> {
        let generation = self.held.as_ref()?.generation;
        Some(Generation { session: self.number, number: generation })
    }

    /// Gives up the token of this generation, if it is held. Then the next call logs in. Returns
    /// whether the token was given up. If so, wake everyone who waits.
    ///
    /// The token stays while a login is under way or the circuit is open (rule 15), and if the
    /// invalidation budget has no permit (rule 16). Each success takes a permit. So any number of
    /// late responses to one token costs one login.
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
                let why = self.no_token();
                Explanation::Authenticate { why, store: self.store }
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

    /// The held token for a store; `None` if no token is held.
    pub fn snapshot(&self, now: Now) -> Option<Snapshot> {
        let token = self.held.as_ref()?;
        // Count back from the present wall clock. The clock at the time of the request may have
        // been wrong, and set right since.
        let spent = token.lifetime.span().saturating_sub(token.lifetime.left(now));
        Some(Snapshot {
            origin: self.config.origin.clone(),
            key: self.config.credentials.fingerprint(),
            token: std::str::from_utf8(token.jwt()).ok()?.to_owned(),
            began: now.wall.checked_sub(spent)?,
            lifetime: token.lifetime.span(),
        })
    }

    /// Holds a stored token, if it lasts longer than the held token. Afterwards, wake everyone who
    /// waits.
    ///
    /// A leader that shares a store with other processes locks the store, reads it again, and
    /// resumes the snapshot. If `resume` succeeds, the leader settles its login as
    /// [`Outcome::Abandoned`].
    ///
    /// # Errors
    /// Says why the snapshot is not used. The session is unchanged.
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

    /// Like [`resume`](Self::resume), for a stored token that shows that the last login of the fleet
    /// was granted. So earlier failures do not matter: the backoff ends, and the circuit closes.
    ///
    /// # Errors
    /// Says why the snapshot is not used. The session is unchanged.
    pub fn resume_after_grant(&mut self, snapshot: &Snapshot, now: Now) -> Result<(), NotResumed> {
        self.resume(snapshot, now)?;
        self.circuit.close();
        Ok(())
    }

    /// Starts the lease of a login anew, because its leader has waited for a store until now.
    ///
    /// The login then has its whole time for its request, and the token's lifetime is measured from
    /// now. An expired lease stays expired.
    pub fn restart(&mut self, login: &mut Login, now: Now) {
        let is_current = login.session == self.number
            && self.lease.is_some_and(|lease| {
                lease.login == login.number && !lease.has_expired(now.monotonic)
            });
        if is_current {
            self.note(Event::LoginPostponed { login: login.number }, now);
            let lease = Lease::new(login.number, self.config.limits.lease, now.monotonic);
            self.lease = Some(lease);
            login.sent = now;
            login.expires_at = lease.expires_at;
        }
    }

    /// The failed logins since the last granted one, for the other sessions of a fleet; `None` if
    /// no login has failed since.
    pub fn failure(&self, now: Now) -> Option<SharedFailure> {
        self.circuit.failure(now.monotonic)
    }

    /// Takes over the count of failed logins of the fleet, before this session logs in for the fleet.
    /// If the login fails too, the next delay is as long as if one session had made all these
    /// logins.
    pub fn adopt_failure(&mut self, failure: &SharedFailure, now: Now) {
        let own = self.circuit.failure(now.monotonic).map_or(0, |own| own.in_a_row);
        if failure.in_a_row > own {
            self.note(Event::FailuresAdopted { in_a_row: failure.in_a_row }, now);
            self.circuit.adopt(failure, now.monotonic);
        }
    }

    /// The time until the invalidation budget is full again (rule 16). The sessions of a fleet share
    /// one budget.
    pub fn invalidation_debt(&self, now: Now) -> Duration {
        self.invalidations.debt(now.monotonic)
    }

    /// Counts the drops of the other sessions of a fleet, as their
    /// [`invalidation_debt`](Self::invalidation_debt). A smaller debt than the session's own changes
    /// nothing, and no debt is larger than the whole budget.
    pub fn owe_invalidations(&mut self, debt: Duration, now: Now) {
        let limits = &self.config.limits;
        let whole = limits.invalidation_interval.saturating_mul(limits.invalidation_burst);
        let debt = debt.min(whole);
        if debt > self.invalidation_debt(now) {
            self.note(Event::BudgetShared { debt }, now);
            self.invalidations.owe(debt, now.monotonic);
        }
    }

    /// Calls `derive` with the origin, the API key and the client secret, so that a store can name
    /// and seal its document. Keep no copy of them.
    #[doc(hidden)]
    pub fn derive<R>(&self, derive: impl FnOnce(&str, &str, &str) -> R) -> R {
        let origin = self.config.origin.to_string();
        self.config.credentials.derive(|api_key, secret| derive(&origin, api_key, secret))
    }

    /// The rest of the held token's lifetime, and the whole; `None` if no token is held.
    pub fn left(&self, now: Now) -> Option<(Duration, Duration)> {
        self.held.as_ref().map(|held| (held.lifetime.left(now), held.lifetime.span()))
    }

    /// Whether [`resume`](Self::resume) would hold the token of a snapshot.
    pub fn can_resume(&self, snapshot: &Snapshot, now: Now) -> bool {
        self.accept_stored(snapshot, now).is_ok()
    }

    /// Whether the session has given up the token with this
    /// [`fingerprint`](Snapshot::fingerprint), most often because the server refused it.
    pub fn has_given_up(&self, fingerprint: u64) -> bool {
        self.given_up.contain_fingerprint(fingerprint)
    }

    /// Why no usable token is held.
    pub fn no_token(&self) -> NoToken {
        if self.held.is_some() { NoToken::Expired } else { self.no_token }
    }

    /// Notes how the session stands to the store of its fleet, for the journal and `explain`.
    pub fn set_store(&mut self, store: StoreState, now: Now) {
        if store == self.store {
            return;
        }
        match (self.store, store) {
            (_, StoreState::Away(problem)) => self.note(Event::StoreAway { problem }, now),
            (StoreState::Away(_), StoreState::Shared) => self.note(Event::StoreBack, now),
            (_, StoreState::Private) => self.note(Event::SharingHarmful, now),
            (_, StoreState::None | StoreState::Shared) => {}
        }
        self.store = store;
    }

    /// Counts a request to the store.
    pub fn count_store(&mut self, answer: StoreAnswer) {
        self.counters.count_store(answer);
    }

    /// Notes that the document in the store cannot be read.
    pub fn note_unreadable_store(&mut self, now: Now) {
        self.note(Event::StoreUnreadable, now);
    }

    /// Notes that a login of another session has ended the token of this session.
    pub fn note_single_session(&mut self, now: Now) {
        self.note(Event::SingleSession, now);
    }

    /// The recent events of the session.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// How often each event of the session has happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Whether calls still wait for a login that has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its lease is valid, and calls wait for it.
    Current,
    /// Its lease has expired.
    Late,
    /// Its lease has expired, and another login has started.
    Overtaken,
}

impl Session {
    /// The state that a new call remembers.
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

    /// An expired lease counts as a failed login for its waiters (rule 13).
    fn expire(&mut self, lease: Lease, now: Now) {
        self.circuit.expire();
        self.note(Event::LeaseExpired { login: lease.login }, now);
    }

    fn grant(&mut self, login: &Login, grant: Grant, standing: Standing, now: Now) {
        let limits = &self.config.limits;
        let lifetime = Lifetime::of(grant.claims, grant.date, login.sent, limits.assumed_lifetime);
        if !lifetime.usable(limits.leeway, now) {
            // If the session held the dead token, the server would refuse it. If the session
            // dropped it without a backoff, every call would log in again at once.
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
        // An expired lease was counted when it expired.
        if standing == Standing::Current {
            self.circuit.count_failed_login();
        }
        self.note(Event::LoginUnavailable { login, reason: failure.reason() }, now);
        if standing != Standing::Overtaken {
            self.circuit.back_off(failure, &self.config.limits, now.monotonic);
        }
    }

    /// Decides what follows from a 401 (rules 7, 8, 16, 17).
    fn challenge(&mut self, attempt: Attempt, response: Head<'_>, now: Now) -> Verdict {
        let Attempt { call, generation, epoch, untouched, .. } = attempt;
        let mut was_stored = false;
        let outcome = match &self.held {
            Some(held) if held.generation > generation => Challenge::NewerHeld,
            Some(sent) => {
                was_stored = sent.source == Source::Snapshot;
                let is_over = sent.has_ended_by(response.own_date());
                // If the token has reached its end, the drop needs no permit, because lifetimes
                // bound how often that happens.
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
        self.resend(call, outcome, epoch, untouched, was_stored)
    }

    /// Whether a call is sent again after its token of `epoch` was refused (rules 8, 17).
    fn resend(
        &self,
        mut call: Call,
        outcome: Challenge,
        epoch: u64,
        untouched: bool,
        was_stored: bool,
    ) -> Verdict {
        let is_whole = call.body == Body::Replayable || (untouched && call.broke_off == 0);
        call.broke_off = 0;
        let resend = match outcome {
            _ if !is_whole => false,
            // The newer token may be dead too. If another call has logged in meanwhile, that login
            // counts as this call's login.
            Challenge::NewerHeld => {
                call.spend_resend_with_newer()
                    || (self.epoch > epoch && call.spend_resend_after_login())
            }
            // A stored token may be older than the token that was refused before it, so it does not
            // take the place of a login.
            Challenge::Dropped if was_stored && call.spend_resend_with_newer() => true,
            Challenge::Dropped | Challenge::NothingHeld => call.spend_resend_after_login(),
            Challenge::FreshFromLogin | Challenge::NotAccepted => false,
        };
        if resend { Verdict::Retry(call) } else { Verdict::Deliver }
    }

    /// Drops a doubtful token, if the first half of the budget has a permit.
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

    /// Takes a permit to drop a token, if at least `reserve` permits remain.
    fn pay_for_drop(&mut self, reserve: u32, now: Now) -> bool {
        let limits = &self.config.limits;
        self.invalidations.take(
            limits.invalidation_burst.saturating_sub(reserve),
            limits.invalidation_interval,
            now.monotonic,
        )
    }

    /// Whether the held token is accepted and not refused since. Then a success is no new evidence.
    fn is_trusted(&self) -> bool {
        self.evidence.is_clear() && self.held.as_ref().is_none_or(|held| !held.doubtful)
    }

    /// Notes that a success shows that the server accepts the token. A success that repeats a token
    /// that was given up comes from a cache, and does not count.
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

    /// Holds the token in an `Authorization` header of a successful response, if the rules accept
    /// it (rules 4, 5, 6).
    fn renew(&mut self, attempt: &Attempt, value: &HeaderValue, response: Head<'_>, now: Now) {
        match self.accept_renewal(attempt, value, response) {
            Ok(Some((jwt, header))) => {
                // Measure from the sending of the request: the server may have issued the token at
                // any time since. A slow answer thus shortens the lifetime.
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

    /// The generation of the next token.
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
        self.counters.count(&event);
        self.journal.note(event, now.monotonic);
    }
}
