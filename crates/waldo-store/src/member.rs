//! One session's part in a fleet.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use waldo_auth_core::{Instant, NoToken, Now, Session, SharedFailure, StoreAnswer, StoreState};

use crate::document::{Document, Time, Token};
use crate::health::{Health, Question};
use crate::seal::Seal;
use crate::store::{StoreError, Stored};

/// How long before its report a token may have begun: a call takes at most a minute by default.
const REPORT_DELAY: Duration = Duration::from_secs(60);

/// How long after a report the next one comes, if the store does not take the token.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

const START: Instant = Instant::from_start(Duration::ZERO);

/// One session's part in a fleet: what the session knows of the shared document, and whether it can
/// be asked for.
///
/// A member makes no request. A [`Claim`](crate::Claim) before a login and a
/// [`Report`](crate::Report) afterwards say what to ask the store for.
pub struct Member {
    seal: Arc<Seal>,
    health: Health,
    /// The stored token, as this session has last seen it.
    known: Option<Known>,
    /// The login from which the held token descends; 0 if the login was made without the store.
    chain: u64,
    /// When the session took its token from the store; `None` if it comes from a login.
    adopted_at: Option<Instant>,
    /// The number of the last lease that this session has asked the store to write. If its login is
    /// dropped, the lease stays in the store.
    pub(crate) own_lease: Option<u64>,
    /// Whether the last login of this session has ended with a rejection, by the server or by the
    /// store. If the circuit is closed now, `reset` has closed it.
    was_rejected: bool,
    /// Whether the session has logged in under a lease, and has not told the store yet.
    pub(crate) holds_lease: bool,
    /// The login whose stored token was refused, if sharing may have ended the token.
    suspect: Option<u64>,
    /// Until then, the session does not share.
    private_until: Instant,
    /// Before this, no response tells the store of a renewed token.
    look_at: Instant,
    jitter: fastrand::Rng,
}

/// A stored token, without its text.
#[derive(Clone, Copy, Debug)]
struct Known {
    token: u64,
    fence: u64,
    ends: Instant,
    lifetime: Duration,
}

/// A document that was read.
pub(crate) struct Opened {
    pub(crate) document: Document,
    /// The document as the store has it.
    pub(crate) seen: Option<Vec<u8>>,
    pub(crate) store_now: Time,
    /// Whether the store's clock was set back since the document was written.
    pub(crate) was_set_back: bool,
}

impl Member {
    /// The part of this session. The seed must differ from session to session.
    pub fn of(session: &Session, seed: u64) -> Self {
        Self {
            seal: Arc::new(Seal::of(session)),
            health: Health::default(),
            known: None,
            chain: 0,
            adopted_at: None,
            own_lease: None,
            was_rejected: false,
            holds_lease: false,
            suspect: None,
            private_until: START,
            look_at: START,
            jitter: fastrand::Rng::with_seed(seed),
        }
    }

    /// Notes that the session has a store, for `explain`.
    pub fn join(&self, session: &mut Session, now: Now) {
        session.set_store(self.state(now.monotonic), now);
    }

    /// The seal for the session's key pair. After a [`reset`](Session::reset) with another pair,
    /// nothing but the health of the store stays known.
    pub(crate) fn seal_of(&mut self, session: &Session) -> Arc<Seal> {
        if !self.seal.is_of(session) {
            *self = Self { health: self.health, ..Self::of(session, self.jitter.u64(..)) };
        }
        Arc::clone(&self.seal)
    }

    /// When [`has_report`](Self::has_report) may find something, at the earliest.
    pub fn report_at(&self) -> Instant {
        let outlasted = self.known.map_or(START, |known| {
            let ends = known.ends.since_start();
            Instant::from_start(ends.saturating_sub(known.lifetime * 3 / 4))
        });
        outlasted.max(self.health.ask_at()).max(self.private_until).max(self.look_at)
    }

    /// Notes that a report begins. Other responses begin none meanwhile, and if the store does not
    /// take the token, the next report comes some time later.
    pub(crate) fn note_report(&mut self, now: Instant) {
        self.look_at = now.saturating_add(LOOK_AGAIN);
    }

    /// Whether the session has something for the store: its token outlasts the stored one by a
    /// quarter of a lifetime, or a login of this session has shown that sharing does harm.
    ///
    /// Ask after a response has brought a new token. `resent` says that the response is a success,
    /// and that its call was sent again after a 401.
    pub fn has_report(&mut self, session: &Session, resent: bool, now: Now) -> bool {
        let is_renewed = now.monotonic >= self.look_at && self.outlasts(session, now);
        let has_news = (resent && self.suspect.is_some()) || is_renewed;
        has_news && self.may_share(now.monotonic)
    }

    /// Whether the store may be asked now.
    pub(crate) fn may_share(&self, now: Instant) -> bool {
        self.health.may_ask(now) && now >= self.private_until
    }

    /// Whether the held token outlasts the stored one by a quarter of its lifetime.
    pub(crate) fn outlasts(&self, session: &Session, now: Now) -> bool {
        let Some((left, lifetime)) = session.left(now) else { return false };
        let stored = self
            .known
            .map_or(Duration::ZERO, |known| known.ends.saturating_duration_since(now.monotonic));
        left >= stored.saturating_add(lifetime / 4)
    }

    /// Reads the document that the store has answered with. An error makes the store count as away.
    pub(crate) fn open(
        &mut self,
        session: &mut Session,
        seal: &Seal,
        answer: Result<Stored, StoreError>,
        now: Now,
    ) -> Option<Opened> {
        let stored = self.heard(session, Question::Read, answer, now)?;
        let opened = stored
            .document
            .as_deref()
            // An empty document is what a program leaves that has forgotten its token.
            .filter(|sealed| !sealed.is_empty())
            .map(|sealed| seal.open(sealed).and_then(|document| Document::from_json(&document)));
        if matches!(opened, Some(None)) {
            session.note_unreadable_store(now);
        }
        let mut document = opened.flatten().unwrap_or_default();
        let was_set_back = document.expire(stored.now);
        self.learn(session, &document, stored.now, now);
        Some(Opened { document, seen: stored.document, store_now: stored.now, was_set_back })
    }

    /// Notes whether the store has answered.
    pub(crate) fn heard<T>(
        &mut self,
        session: &mut Session,
        question: Question,
        answer: Result<T, StoreError>,
        now: Now,
    ) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.health.answered(question);
                session.set_store(self.state(now.monotonic), now);
                Some(answer)
            }
            Err(error) => {
                session.count_store(StoreAnswer::Error);
                self.health.failed(question, error.problem(), now.monotonic);
                // The store does not know the token yet. Its health says when to ask it again.
                self.look_at = START;
                session.set_store(self.state(now.monotonic), now);
                None
            }
        }
    }

    /// Notes that the store has what the session needs, so the session has nothing to write. Then a
    /// store that could not be written counts as back.
    pub(crate) fn note_served(&mut self, session: &mut Session, now: Now) {
        self.health.answered(Question::Replace);
        session.set_store(self.state(now.monotonic), now);
    }

    /// Notes what the document says about the fleet.
    pub(crate) fn learn(
        &mut self,
        session: &mut Session,
        document: &Document,
        store_now: Time,
        now: Now,
    ) {
        session.owe_invalidations(document.debt(store_now), now);
        let private = document.private_for(store_now);
        if !private.is_zero() {
            self.private_until = now.monotonic.saturating_add(private);
        }
        session.set_store(self.state(now.monotonic), now);
    }

    fn state(&self, now: Instant) -> StoreState {
        match self.health.problem() {
            Some(problem) => StoreState::Away(problem),
            None if now < self.private_until => StoreState::Private,
            None => StoreState::Shared,
        }
    }

    /// Whether the session has given up this stored token, or a token of the same login. A server
    /// that refuses one of them has most likely revoked them all.
    pub(crate) fn has_given_up(&self, session: &Session, token: &Token) -> bool {
        let is_of_this_login = self.chain > 0 && self.chain == token.fence;
        let was_refused = matches!(
            session.no_token(),
            NoToken::Refused | NoToken::Doubtful | NoToken::Invalidated
        );
        session.has_given_up(token.snapshot.fingerprint()) || (was_refused && is_of_this_login)
    }

    /// Whether a stored token is older than the one that this session took from the store and that the
    /// server refused. An honest store does not go back, and a call must not meet one dead token after
    /// the other: it is sent three times at most.
    pub(crate) fn is_outdated(
        &self,
        session: &Session,
        token: &Token,
        store_now: Time,
        now: Now,
    ) -> bool {
        let age = token.snapshot.lifetime().saturating_sub(token.left(store_now));
        session.no_token() == NoToken::Refused
            && self.adopted_at.is_some_and(|adopted_at| {
                let since = now.monotonic.saturating_duration_since(adopted_at);
                age > since.saturating_add(REPORT_DELAY)
            })
    }

    /// Notes why the session has to log in, before it reads the store: sharing may have ended its
    /// token.
    ///
    /// This is so if the server refused the very token that the session took from the store. If the
    /// server had accepted it, the session would have its successor.
    pub(crate) fn suspect(&mut self, session: &Session, now: Now) {
        let refused = self.known.filter(|known| {
            let left = known.ends.saturating_duration_since(now.monotonic);
            self.adopted_at.is_some()
                && self.chain > 0
                && self.chain == known.fence
                && session.no_token() == NoToken::Refused
                && session.has_given_up(known.token)
                && left > known.lifetime / 2
        });
        self.suspect = refused.map(|known| known.fence);
    }

    pub(crate) fn is_suspicious(&self) -> bool {
        self.suspect.is_some()
    }

    /// The login whose token sharing has ended, once.
    pub(crate) fn take_suspect(&mut self) -> Option<u64> {
        self.suspect.take()
    }

    /// Whether a login elsewhere has ended the token of this session: the fleet has a token of a
    /// newer login, and nobody has given up the one that this session knew.
    pub(crate) fn was_ended_by(
        &self,
        session: &Session,
        document: &Document,
        token: &Token,
    ) -> bool {
        let known = self.known.filter(|known| known.fence == self.chain);
        session.no_token() == NoToken::Refused
            && self.chain > 0
            && token.fence > self.chain
            && known.is_some_and(|known| !document.has_refused(known.token))
    }

    /// Notes the token that the store holds now.
    pub(crate) fn note_stored(&mut self, document: &Document, store_now: Time, now: Now) {
        self.known = document.token().map(|token| Known {
            token: token.snapshot.fingerprint(),
            fence: token.fence,
            ends: now.monotonic.saturating_add(token.left(store_now)),
            lifetime: token.snapshot.lifetime(),
        });
    }

    /// Notes from which login the held token descends, and when the session took it from the store.
    ///
    /// After a login of this session, the stored token is of no use to the session. So if the store
    /// cannot be told now, the session tells it as soon as it is back.
    pub(crate) fn note_held(&mut self, fence: u64, adopted_at: Option<Instant>) {
        self.known.take_if(|_| adopted_at.is_none());
        // The report may end the lease for which other sessions wait.
        self.look_at = START;
        (self.chain, self.adopted_at) = (fence, adopted_at);
    }

    /// Notes how a login of this session has ended. A login that was dropped shows nothing.
    pub(crate) fn note_ended(&mut self, session: &Session, now: Now) {
        match session.failure(now) {
            Some(failure) => self.note_failed(&failure),
            None if session.left(now).is_some() => self.was_rejected = false,
            None => {}
        }
    }

    /// Notes that a login has failed, of this session or of another one.
    pub(crate) fn note_failed(&mut self, failure: &SharedFailure) {
        self.was_rejected = failure.is_rejection();
    }

    /// Notes that the store has spared the session a login.
    pub(crate) fn note_resumed(&mut self) {
        self.was_rejected = false;
    }

    /// Whether `reset` has closed the circuit since the last login. Then a rejection in the store
    /// does not count for this session (rule 15).
    pub(crate) fn is_reset(&self, session: &Session) -> bool {
        self.was_rejected && !session.is_rejected()
    }

    pub(crate) fn chain(&self) -> u64 {
        self.chain
    }

    /// A random time between a half of this time and the whole.
    pub(crate) fn jittered(&mut self, time: Duration) -> Duration {
        time.mul_f64(self.jitter.f64().mul_add(0.5, 0.5))
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("key", self.seal.key())
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}
