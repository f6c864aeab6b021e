//! What a session does with the store before it logs in.

use std::sync::Arc;
use std::time::Duration;

use waldo_auth_core::{Now, Session, SharedFailure, StoreAnswer};

use crate::document::{Claimant, Claimed, Document, Time, Token, Worth};
use crate::health::Question;
use crate::key::Key;
use crate::member::{Member, Opened};
use crate::seal::Seal;
use crate::store::{StoreError, Stored};

/// How often a document is read again, because another program has replaced it in between.
const TRIES: u32 = 5;

/// The first pause before the store is asked again, while another session logs in. Each further
/// pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A question to the store, asked before a login: is there a token, and if not, who logs in?
///
/// A claim makes no request. Carry out what it says, and pass the result back:
///
/// | it says | do | then call |
/// |---|---|---|
/// | [`Ask::Read`] | [`Store::read`](crate::Store::read) | [`read`](Self::read) |
/// | [`Ask::Replace`] | [`Store::replace`](crate::Store::replace) | [`replaced`](Self::replaced) |
/// | [`Ask::Wait`] | wait | [`waited`](Self::waited) |
///
/// Every other answer ends the claim.
#[derive(Debug)]
pub struct Claim {
    seal: Arc<Seal>,
    /// How long a login takes at most.
    span: Duration,
    /// When the session stops waiting for others.
    patient_until: waldo_auth_core::Instant,
    pause: Duration,
    tries: u32,
    /// What becomes of the claim when the document is replaced.
    pending: Option<Pending>,
    /// The number of the login that the session makes for the fleet.
    leased: Option<u64>,
}

#[derive(Debug)]
struct Pending {
    document: Document,
    store_now: Time,
    claimed: Claimed,
    /// The session's own lease in the document that was read.
    last_lease: Option<u64>,
}

/// What to do next for a claim.
#[derive(Debug)]
#[must_use = "a claim does not go on by itself"]
pub enum Ask {
    /// Read the document.
    Read,
    /// Replace the document, if it still is the one that was read.
    Replace(Replacement),
    /// Wait so long, because another session logs in. The session's own login starts anew then: see
    /// [`Session::restart`].
    Wait(Duration),
    /// Log in, and report the result afterwards.
    LogIn,
    /// The session has a token from the store. Settle the login as
    /// [`Outcome::Abandoned`](waldo_auth_core::Outcome::Abandoned).
    Resumed,
    /// Another session has failed to log in. Settle the login as
    /// [`Outcome::FailedElsewhere`](waldo_auth_core::Outcome::FailedElsewhere).
    Failed(SharedFailure),
}

/// A document for [`Store::replace`](crate::Store::replace).
#[derive(Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The document that was read, byte for byte.
    pub seen: Option<Vec<u8>>,
    /// The document to write.
    pub document: Vec<u8>,
    /// The time after which the store may forget the document.
    pub keep: Duration,
}

impl std::fmt::Debug for Replacement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replacement").field("keep", &self.keep).finish_non_exhaustive()
    }
}

impl Claim {
    /// Begins a claim for a login that takes at most `span`.
    pub fn begin(
        member: &mut Member,
        session: &mut Session,
        span: Duration,
        now: Now,
    ) -> (Self, Ask) {
        let seal = member.seal_of(session);
        member.holds_lease = false;
        member.suspect(session, now);
        let claim = Self {
            seal,
            span,
            // The lease of a leader that has disappeared may have to end twice.
            patient_until: now.monotonic.saturating_add(span.saturating_mul(2)),
            pause: FIRST_PAUSE,
            tries: 0,
            pending: None,
            leased: None,
        };
        let ask = if member.may_share(now.monotonic) { Ask::Read } else { Ask::LogIn };
        (claim, ask)
    }

    /// The name of the document.
    pub fn key(&self) -> &Key {
        self.seal.key()
    }

    pub(crate) fn leased(&self) -> Option<u64> {
        self.leased
    }

    /// Whether the claim belongs to the key pair of this seal of its member.
    pub(crate) fn is_under(&self, seal: &Arc<Seal>) -> bool {
        Arc::ptr_eq(&self.seal, seal)
    }

    /// Takes the answer to [`Ask::Read`].
    pub fn read(
        &mut self,
        member: &mut Member,
        session: &mut Session,
        answer: Result<Stored, StoreError>,
        now: Now,
    ) -> Ask {
        let opened = member.open(session, &self.seal, answer, now);
        let Some(Opened { mut document, seen, store_now, was_set_back }) = opened else {
            return Ask::LogIn;
        };
        let before = document.clone();
        let claimed = document.claim(
            |token| {
                if member.has_given_up(session, token) {
                    Worth::GivenUp
                } else if !member.is_outdated(session, token, store_now, now)
                    && session.can_resume(&token.anchored(store_now, now), now)
                {
                    Worth::Usable
                } else {
                    Worth::Useless
                }
            },
            Claimant {
                span: self.span,
                debt: session.invalidation_debt(now),
                own_lease: member.own_lease,
                is_reset: member.is_reset(session),
            },
            store_now,
        );
        // Only a lease, a refused token and a clock that was set back are worth a write. An end of a
        // time is not. If the new times were not written, each read would move the old ones
        // again, and nothing would end.
        let must_write =
            matches!(claimed, Claimed::Yours(..)) || document != before || was_set_back;
        if !must_write {
            return self.end(member, session, &document, store_now, claimed, now);
        }
        self.tries += 1;
        let sealed = self.seal.seal(&document.to_json()).filter(|_| self.tries <= TRIES);
        let Some(sealed) = sealed else { return Ask::LogIn };
        let keep = document.keep(store_now);
        let last_lease = member.own_lease;
        if let Claimed::Yours(fence, _) = claimed {
            // Remember the lease before the store writes it: this claim may be dropped meanwhile.
            member.own_lease = Some(fence);
        }
        self.pending = Some(Pending { document, store_now, claimed, last_lease });
        Ask::Replace(Replacement { seen, document: sealed, keep })
    }

    /// Takes the answer to [`Ask::Replace`].
    pub fn replaced(
        &mut self,
        member: &mut Member,
        session: &mut Session,
        answer: Result<bool, StoreError>,
        now: Now,
    ) -> Ask {
        let pending = self.pending.take();
        match (member.heard(session, Question::Replace, answer, now), pending) {
            (Some(true), Some(Pending { document, store_now, claimed, .. })) => {
                self.end(member, session, &document, store_now, claimed, now)
            }
            // Another program was faster. Its lease may have the number that this session asked for.
            (Some(false), pending) => {
                member.own_lease = pending.and_then(|pending| pending.last_lease);
                session.count_store(StoreAnswer::Conflict);
                Ask::Read
            }
            _ => Ask::LogIn,
        }
    }

    /// Goes on after [`Ask::Wait`].
    pub fn waited(&mut self) -> Ask {
        self.tries = 0;
        Ask::Read
    }

    fn end(
        &mut self,
        member: &mut Member,
        session: &mut Session,
        document: &Document,
        store_now: Time,
        claimed: Claimed,
        now: Now,
    ) -> Ask {
        session.count_store(match claimed {
            Claimed::Token(_) => StoreAnswer::Token,
            Claimed::Yours(..) => StoreAnswer::Lease,
            Claimed::Theirs(_) => StoreAnswer::Busy,
            Claimed::Closed(_) => StoreAnswer::Failure,
            Claimed::Private => StoreAnswer::Private,
        });
        match claimed {
            Claimed::Token(token) => Self::adopt(member, session, document, &token, store_now, now),
            Claimed::Yours(fence, failure) => {
                if let Some(failure) = failure {
                    session.adopt_failure(&failure, now);
                }
                member.note_stored(document, store_now, now);
                self.leased = Some(fence);
                Ask::LogIn
            }
            Claimed::Theirs(ends_in) => {
                if now.monotonic >= self.patient_until {
                    return Ask::LogIn;
                }
                let pause = member.jittered(self.pause).min(ends_in.max(FIRST_PAUSE));
                self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
                Ask::Wait(pause)
            }
            Claimed::Closed(failure) => {
                member.note_failed(&failure);
                Ask::Failed(failure)
            }
            Claimed::Private => Ask::LogIn,
        }
    }

    fn adopt(
        member: &mut Member,
        session: &mut Session,
        document: &Document,
        token: &Token,
        store_now: Time,
        now: Now,
    ) -> Ask {
        if member.was_ended_by(session, document, token) {
            session.note_single_session(now);
        }
        if token.fence > member.chain() {
            // A newer login has ended the token, and not sharing.
            member.take_suspect();
        }
        let snapshot = token.anchored(store_now, now);
        let resumed = if document.has_failure() {
            session.resume(&snapshot, now)
        } else {
            session.resume_after_grant(&snapshot, now)
        };
        if resumed.is_err() {
            return Ask::LogIn;
        }
        member.note_stored(document, store_now, now);
        member.note_held(token.fence, Some(now.monotonic));
        member.note_resumed();
        member.note_served(session, now);
        Ask::Resumed
    }
}
