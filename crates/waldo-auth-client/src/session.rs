//! The session behind a lock, and the event that wakes waiting calls.
//!
//! The lock is held around the core's methods only, never over IO, a wake-up or an emitted entry
//! (rule 19). A call that must wait starts to listen before it unlocks, so it misses no
//! notification.
//!
//! Each call takes the journal's pending entries under the lock, and emits them after it has
//! unlocked. So a slow subscriber delays a call by one batch of entries at most. Batches of several
//! threads may arrive out of order, so each entry carries its number. The increments of the
//! counters go the same way.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, Uri};
use waldo_auth_core::{
    AdmitError, Attempt, Call, Config, Counters, Credentials, Entry, Explanation, Generation, Head,
    Login, NotResumed, Now, Origin, Outcome, Session, Snapshot, Step, Verdict,
};

use crate::lead::{Lead, OnSettled};
use crate::meter::{self, Increments, Meter};
use crate::refused::Refused;
use crate::source::{CredentialSource, Supply};
use crate::sync::{Instant, RwLock, RwLockReadGuard, RwLockWriteGuard, SystemTime};
use crate::trace;
use crate::wait::{Notify, Wait};

/// A session that threads and tasks share, with its lock and its clocks.
///
/// Clones share one session. Make each call with the loop of the [crate documentation](crate).
#[derive(Clone, Debug)]
pub struct SharedSession(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: RwLock<State>,
    settled: Notify,
    /// The zero of the core's monotonic clock.
    started: Instant,
    name: Option<Box<str>>,
    origin: Origin,
    supply: Option<Supply>,
}

/// What to do with a call: the answer of [`SharedSession::admit`].
///
/// The enum is exhaustive on purpose: these four answers are the whole contract with an adapter.
#[derive(Debug)]
#[must_use = "the call does not go on by itself"]
pub enum Admission {
    /// The request carries the token. Send it right away, do not follow redirects, and pass the
    /// response to [`conclude`](SharedSession::conclude).
    Send(Attempt),
    /// Log in for all calls, and admit the call again, which the [`Wait`] returns.
    ///
    /// If the login runs in its own task or thread, the call waits for it like other calls. If the
    /// login runs in the call's own task or thread, [`Wait::into_call`] returns the call
    /// afterwards.
    Authenticate(Lead, Wait),
    /// Wait, and admit the call again, which the [`Wait`] returns.
    Wait(Wait),
    /// End the call with this error.
    Refuse(Refused),
}

#[derive(Debug)]
struct State {
    session: Session,
    /// The number of the last journal entry that a thread has taken to emit.
    emitted: u64,
    meter: Meter,
    /// The latest reading of the monotonic clock that the session has seen.
    latest: waldo_auth_core::Instant,
}

impl SharedSession {
    /// A session without a token. Its first call logs in.
    pub fn new(config: Config) -> Self {
        Self::with_source(config, None)
    }

    /// A session like [`new`](Self::new), which asks the source for another key pair when the
    /// server has rejected the present one, and before each probe.
    ///
    /// ```
    /// use waldo_auth_client::{CredentialSource, Credentials, SharedSession, config};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let [key, secret] = ["key", "secret"].map(|name| folder.path().join(name));
    /// # std::fs::write(&key, "wk.4f…\n")?;
    /// # std::fs::write(&secret, "ws.9a…\n")?;
    /// let source = CredentialSource::files(key, secret);
    /// let config = config(source.ask()?).build()?;
    /// let session = SharedSession::with_source(config, source);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_source(config: Config, source: impl Into<Option<CredentialSource>>) -> Self {
        let supply = source.into().map(Supply::new);
        let (name, origin) = (config.name().map(Box::from), config.origin().clone());
        let latest = waldo_auth_core::Instant::from_start(Duration::ZERO);
        let (session, meter) = (Session::new(config), Meter::default());
        let state = RwLock::new(State { session, emitted: 0, meter, latest });
        let (settled, started) = (Notify::new(), Instant::now());
        Self(Arc::new(Shared { state, settled, started, name, origin, supply }))
    }

    /// The name of the client, if its configuration has one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The one origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The present reading of the monotonic clock, for the deadlines of calls.
    pub fn now(&self) -> waldo_auth_core::Instant {
        waldo_auth_core::Instant::from_start(self.0.started.elapsed())
    }

    /// Says what a call must do now. If the call is to be sent, its request carries the token, and
    /// its URI has the origin's own scheme and authority. Send the request to that URI.
    ///
    /// # Errors
    /// The request goes to another origin, or has no room for the token. The call ends here.
    #[expect(
        clippy::inline_always,
        reason = "an attempt is large, and would be copied once more for each call"
    )]
    #[inline(always)]
    pub fn admit<B>(&self, call: Call, request: &mut Request<B>) -> Result<Admission, AdmitError> {
        let clocks = self.clocks();
        let (state, now) = self.read_at(clocks);
        // If entries are pending, the call goes on below, where it emits them.
        let call = if state.is_emitted() {
            match state.session.try_admit(call, request, now)? {
                Ok(attempt) => return Ok(Admission::Send(attempt)),
                Err(call) => call,
            }
        } else {
            call
        };
        drop(state);
        let (mut state, now) = self.enter_at(clocks);
        Ok(match state.session.admit(call, request, now)? {
            Step::Send(attempt) => {
                self.release(state);
                Admission::Send(attempt)
            }
            Step::Authenticate(login, then) => {
                let until = then
                    .deadline()
                    .map_or(login.expires_at(), |deadline| deadline.min(login.expires_at()));
                let wait = self.listen(until, then);
                let is_probe = state.session.is_rejected();
                // Do not emit entries here, because all calls wait for this login. The login's end
                // or a waiting call emits them.
                drop(state);
                let lead = Lead::new(self.clone(), login, now.monotonic, is_probe);
                Admission::Authenticate(lead, wait)
            }
            Step::Wait(then, until) => {
                let wait = self.listen(until, then);
                self.release(state);
                Admission::Wait(wait)
            }
            Step::Refuse(refusal) => {
                self.release(state);
                let retry_in = refusal.retry_at().saturating_duration_since(now.monotonic);
                let (client, origin) = (self.0.name.clone(), self.0.origin.clone());
                Admission::Refuse(Refused { client, origin, refusal, retry_in })
            }
        })
    }

    /// Takes the head of the response to an attempt. Keeps a renewed token, and says whether the
    /// response is the call's answer.
    ///
    /// Call `conclude` as soon as the head has come, before you read the body, because the renewed
    /// token is complete even if the body breaks off.
    ///
    /// The token stays in the response for its receiver. It is marked sensitive, so that no `Debug`
    /// shows it. If the response is no success, its extensions get the [`Generation`] of the sent
    /// token.
    ///
    /// If the HTTP stack has a response of another type, move its head into a `Response<()>`. If an
    /// error stands for a status, pass a response with this status and without headers.
    pub fn conclude<B>(&self, attempt: Attempt, response: &mut Response<B>) -> Verdict {
        self.conclude_from(attempt, response, None)
    }

    /// Like [`conclude`](Self::conclude), for a response that may come from another URI than the
    /// request's. A response from another origin proves nothing about the token, and its token is
    /// not held.
    ///
    /// An HTTP stack that follows redirects, or that has middleware, may return such a response.
    /// `None` means the URI of the request.
    pub fn conclude_from<B>(
        &self,
        attempt: Attempt,
        response: &mut Response<B>,
        uri: Option<&Uri>,
    ) -> Verdict {
        let generation = attempt.generation();
        let head = Head::from(&*response);
        let verdict = self.conclude_head(attempt, uri.map_or(head, |uri| head.with_uri(uri)));
        mark_sensitive(response.headers_mut());
        generation.attach(response.status(), response.extensions_mut());
        verdict
    }

    fn conclude_head(&self, attempt: Attempt, head: Head<'_>) -> Verdict {
        let state = self.read();
        if state.is_emitted() && state.session.is_unchanged_by(&attempt, head) {
            return Verdict::Deliver;
        }
        drop(state);
        // Decode the token without the lock, because decoding takes longer than the rest.
        let head = head.decode();
        self.with(|session, now| session.conclude(attempt, head, now))
    }

    /// Notes that an upload broke off: the connection failed during the body, and no response could
    /// be read.
    ///
    /// The server may have refused the token before it read the body, so the token is doubtful from
    /// now on.
    ///
    /// - [`Verdict::Retry`]: admit the call again, and send its body as [`Attempt::upload`] says.
    /// - [`Verdict::Deliver`]: return the first error of the HTTP stack. The error should say that
    ///   the token may have been refused.
    ///
    /// If the attempt has no body, or a body of at most 64 KiB, drop the attempt instead.
    pub fn break_off(&self, attempt: Attempt) -> Verdict {
        self.with(|session, now| session.break_off(attempt, now))
    }

    /// The time until the deadline of the attempt's call, if it has one. The sending should take no
    /// longer.
    pub fn left(&self, attempt: &Attempt) -> Option<Duration> {
        attempt.deadline().map(|deadline| deadline.saturating_duration_since(self.now()))
    }

    /// The generation of the held token, for [`invalidate`](Self::invalidate).
    pub fn generation(&self) -> Option<Generation> {
        self.with(|session, _| session.generation())
    }

    /// Gives up the token of this generation, if it is still held. Then the next call logs in.
    /// Returns whether the token was given up.
    ///
    /// Use `invalidate` after a 403 with the code `API_KEY_REVOKED`: the next login shows the state
    /// of the key. [`Generation::of`] finds the generation in the extensions of a response that
    /// [`conclude`](Self::conclude) has seen.
    ///
    /// The token stays while a login is under way or the circuit is open, and if the invalidation
    /// budget has no permit (rule 16). So any number of late 403s to one token costs one login.
    pub fn invalidate(&self, generation: impl Into<Option<Generation>>) -> bool {
        let generation = generation.into();
        generation.is_some_and(|generation| {
            self.change(|session, now| session.invalidate(generation, now))
        })
    }

    /// Replaces the key pair. The session forgets the held token, a login under way, a backoff and
    /// a rejection, because they belong to the old key pair.
    ///
    /// Calls that wait go on under the new key pair, and so do calls that are answered 401 later.
    /// For another account, use another session. With the same key pair, `reset` only closes an
    /// open circuit. Do so when the key works again.
    pub fn reset(&self, credentials: Credentials) {
        self.change(|session, now| session.reset(credentials, now));
        self.set_on_trial(false);
    }

    /// Says what the next call would do, and why. `Display` shows it in one sentence.
    pub fn explain(&self) -> Explanation {
        self.with(|session, now| session.explain(now))
    }

    /// How often each event of the session has happened. The numbers are those of one instant.
    pub fn counters(&self) -> Counters {
        *self.read().session.counters()
    }

    /// The held token for a store; `None` if no token is held.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.with(|session, now| session.snapshot(now))
    }

    /// Holds a stored token, if it lasts longer than the held token.
    ///
    /// # Errors
    /// Says why the snapshot is not used. The session is unchanged.
    pub fn resume(&self, snapshot: &Snapshot) -> Result<(), NotResumed> {
        self.change(|session, now| session.resume(snapshot, now))
    }

    /// Calls `look` with the session, for example to read its journal or its configuration. The
    /// lock is held meanwhile, so `look` must not use this session again: it would deadlock.
    pub fn inspect<R>(&self, look: impl FnOnce(&Session, Now) -> R) -> R {
        self.with(|session, now| look(session, now))
    }

    /// Ends a login, and wakes all waiting calls. If the login was rejected and the source has
    /// given another key pair, the calls go on with that pair.
    ///
    /// If there is something to do afterwards, it is done before the key pair is replaced, and
    /// nobody is woken.
    pub(crate) fn settle(
        &self,
        login: Login,
        outcome: Outcome,
        other: Option<Credentials>,
        on_settled: Option<OnSettled>,
    ) {
        if matches!(outcome, Outcome::Granted(_)) {
            self.set_on_trial(false);
        }
        let is_quiet = on_settled.is_some();
        let settle = |session: &mut Session, now| {
            session.settle(login, outcome, now);
            if let Some(on_settled) = on_settled {
                on_settled(session, now);
            }
            if let Some(other) = other {
                self.replace(session, other, now);
            }
        };
        if is_quiet { self.with(settle) } else { self.change(settle) }
    }

    /// The source of the key pair, if the session has one.
    pub(crate) fn supply(&self) -> Option<&Supply> {
        self.0.supply.as_ref()
    }

    /// Replaces a rejected key pair by another pair of the source, and leads a login with it.
    /// `None` if the present pair is not rejected any more, or is the same.
    pub(crate) fn lead_with(&self, other: Credentials) -> Option<Login> {
        let mut request = Request::new(());
        *request.uri_mut() = self.0.origin.to_string().parse().ok()?;
        self.change(|session, now| {
            if !self.replace(session, other, now) {
                return None;
            }
            match session.admit(Call::replayable(), &mut request, now) {
                Ok(Step::Authenticate(login, _)) => Some(login),
                Ok(Step::Send(_) | Step::Wait(..) | Step::Refuse(_)) | Err(_) => None,
            }
        })
    }

    fn replace(&self, session: &mut Session, other: Credentials, now: Now) -> bool {
        let is_replaced = session.is_rejected() && !session.has(&other);
        if is_replaced {
            self.set_on_trial(true);
            session.reset(other, now);
        }
        is_replaced
    }

    fn set_on_trial(&self, on_trial: bool) {
        if let Some(supply) = self.supply() {
            supply.set_on_trial(on_trial);
        }
    }

    /// Wakes all waiting calls.
    pub(crate) fn wake(&self) {
        self.0.settled.notify_all();
    }

    /// Runs a step for which other calls wait, and wakes them.
    pub(crate) fn change<R>(&self, run: impl FnOnce(&mut Session, Now) -> R) -> R {
        let (mut state, now) = self.enter();
        let result = run(&mut state.session, now);
        let pending = state.take_pending();
        drop(state);
        self.wake();
        self.emit(&pending);
        result
    }

    /// Runs a step for which no call waits.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut Session, Now) -> R) -> R {
        let (mut state, now) = self.enter();
        let result = run(&mut state.session, now);
        self.release(state);
        result
    }

    /// Unlocks, and then emits the entries that this thread has taken.
    fn release(&self, mut state: RwLockWriteGuard<'_, State>) {
        let pending = state.take_pending();
        drop(state);
        self.emit(&pending);
    }

    fn emit(&self, Pending { entries, increments }: &Pending) {
        for entry in entries {
            trace::emit(entry, self.name());
        }
        meter::emit(increments, self.name());
    }

    fn listen(&self, until: waldo_auth_core::Instant, call: Call) -> Wait {
        let until = self.0.started.checked_add(until.since_start());
        Wait { listening: self.0.settled.listen(until), call }
    }

    /// Reads the clocks, and locks the session. The clocks are read first, to hold the lock for a
    /// shorter time.
    #[inline]
    fn enter(&self) -> (RwLockWriteGuard<'_, State>, Now) {
        self.enter_at(self.clocks())
    }

    fn enter_at(&self, clocks: Now) -> (RwLockWriteGuard<'_, State>, Now) {
        // As in `read`, a poisoned lock is safe to use.
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let now = state.now(clocks);
        state.latest = now.monotonic;
        (state, now)
    }

    /// Locks the session for reading.
    #[inline]
    fn read_at(&self, clocks: Now) -> (RwLockReadGuard<'_, State>, Now) {
        let state = self.read();
        let now = state.now(clocks);
        (state, now)
    }

    #[inline]
    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A poisoned lock is safe to use, because the state of the session is valid after each
        // step, even if a step panics.
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn clocks(&self) -> Now {
        Now { monotonic: self.now(), wall: SystemTime::now() }
    }
}

/// The entries and the increments that one thread has taken to emit.
struct Pending {
    entries: Vec<Entry>,
    increments: Increments,
}

/// Marks every token in the headers of a response as sensitive, so that no `Debug` shows it.
fn mark_sensitive(headers: &mut HeaderMap) {
    // Do not use `entry`: it reserves room for one more header, and panics if the map is full.
    let tokens = headers.iter_mut().filter(|(name, _)| *name == AUTHORIZATION);
    tokens.for_each(|(_, token)| token.set_sensitive(true));
}

impl State {
    /// The time of a step, from a reading of the clocks.
    ///
    /// Another thread may read the clocks later and lock earlier. The later reading counts for both
    /// threads, so the core never sees time run backwards.
    #[inline]
    fn now(&self, clocks: Now) -> Now {
        Now { monotonic: clocks.monotonic.max(self.latest), ..clocks }
    }

    fn is_emitted(&self) -> bool {
        self.session.journal().written() == self.emitted
    }

    /// Takes the pending entries and increments. Each of them is emitted by one thread only.
    fn take_pending(&mut self) -> Pending {
        // Do not emit during a panic: a second panic in the subscriber would abort the process. The
        // next step takes what is pending.
        if std::thread::panicking() {
            return Pending { entries: Vec::new(), increments: Increments::default() };
        }
        let increments = self.meter.take(self.session.counters());
        Pending { entries: self.take_entries(), increments }
    }

    fn take_entries(&mut self) -> Vec<Entry> {
        if self.is_emitted() {
            return Vec::new();
        }
        let journal = self.session.journal();
        let emitted = std::mem::replace(&mut self.emitted, journal.written());
        // A renewed token comes with every response. Copy its entry only if a subscriber listens,
        // because the copy allocates.
        if trace::is_enabled() { journal.since(emitted).copied().collect() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
    use std::thread;

    use http::{HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn shared() -> SharedSession {
        let credentials = Credentials::new("k", "s").unwrap();
        SharedSession::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap())
    }

    fn admit(session: &SharedSession, call: Call) -> Admission {
        let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
        session.admit(call, &mut request).unwrap()
    }

    fn lead(session: &SharedSession) -> Lead {
        let admission = admit(session, Call::replayable());
        let Admission::Authenticate(lead, _) = admission else {
            panic!("nothing is held, and nobody leads: {admission:?}")
        };
        lead
    }

    fn wait(session: &SharedSession, call: Call) -> Wait {
        let admission = admit(session, call);
        let Admission::Wait(wait) = admission else { panic!("another leads: {admission:?}") };
        wait
    }

    fn reject(lead: Lead) {
        let head = HeaderMap::new();
        lead.answer(Head::new(StatusCode::UNAUTHORIZED, &head), br#"{"code":"INVALID_API_KEY"}"#);
    }

    /// Seen in kent8192/reinhardt-web#1662: One thread's panic poisons the lock for all.
    #[test]
    fn rule_19_a_poisoned_lock_is_recovered() {
        let session = shared();
        let leader = lead(&session);
        let poisoning =
            catch_unwind(AssertUnwindSafe(|| session.with(|_, _| panic!("on purpose"))));
        assert!(poisoning.is_err());
        assert!(session.0.state.write().is_err());
        let follower = wait(&session, Call::replayable());
        drop(leader);
        drop(follower.block());
        reject(lead(&session));
        let admission = admit(&session, Call::replayable());
        assert!(
            matches!(&admission, Admission::Refuse(refused) if refused.is_rejected()),
            "{admission:?}"
        );
        let explanation = session.explain();
        assert!(
            !matches!(explanation, Explanation::WaitForLogin { .. } | Explanation::Send { .. }),
            "{explanation}"
        );
    }

    /// Two threads may read the clock in one order, and lock the session in the other order.
    #[test]
    fn rule_19_time_never_runs_backwards_in_a_session() {
        let session = shared();
        let now = |secs| Now::new(Duration::from_secs(secs), SystemTime::UNIX_EPOCH);
        let seen = [10, 20, 15, 30].map(|secs| session.enter_at(now(secs)).1.monotonic);
        assert_eq!(seen, [10, 20, 20, 30].map(|secs| now(secs).monotonic));
        let seen = [25, 35, 5].map(|secs| session.read_at(now(secs)).1.monotonic);
        assert_eq!(seen, [30, 35, 30].map(|secs| now(secs).monotonic));
    }

    #[test]
    fn rule_20_each_token_is_marked_in_headers_however_full() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer one"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer two"));
        for fill in [0, usize::MAX] {
            let names =
                (0..fill).map(|number| HeaderName::try_from(format!("x-{number}")).unwrap());
            for name in names {
                if headers.try_insert(name, HeaderValue::from_static("x")).is_err() {
                    break;
                }
            }
            headers.values_mut().for_each(|value| value.set_sensitive(false));
            mark_sensitive(&mut headers);
            assert!(headers.get_all(AUTHORIZATION).iter().all(HeaderValue::is_sensitive));
            assert_eq!(headers.values().filter(|value| value.is_sensitive()).count(), 2);
        }
        assert!(headers.len() > 20_000, "{} headers are not full", headers.len());
    }

    #[test]
    fn it_goes_to_any_thread_and_through_a_panic() {
        fn shared<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
        shared::<SharedSession>();
    }

    #[test]
    fn a_thread_that_ends_can_still_make_calls() {
        struct Exporter(SharedSession);

        impl Drop for Exporter {
            fn drop(&mut self) {
                drop(admit(&self.0, Call::replayable()));
            }
        }

        thread_local! {
            static EXPORTER: Cell<Option<Exporter>> = const { Cell::new(None) };
        }
        let session = shared();
        lead(&session).answer(Head::from(&Response::new(())), br#"{"token":"e30.e30.e30"}"#);
        let shared = session.clone();
        let thread = thread::spawn(move || {
            EXPORTER.set(Some(Exporter(shared.clone())));
            (0..3).for_each(|_| drop(admit(&shared, Call::replayable())));
        });
        thread.join().unwrap();
        assert!(matches!(session.explain(), Explanation::Send { .. }));
    }

    #[test]
    fn entries_without_a_listener_are_not_copied() {
        let session = shared();
        let (mut state, _) = session.enter();
        state.session.reset(
            Credentials::new("k", "other").unwrap(),
            Now::new(Duration::ZERO, SystemTime::now()),
        );
        assert!(!state.is_emitted());
        assert!(state.take_pending().entries.is_empty());
        assert_eq!(state.emitted, state.session.journal().written());
        drop(state);
    }
}
