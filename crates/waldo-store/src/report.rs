//! What a session tells the store after a login or a renewal.

use std::sync::Arc;

use waldo_auth_core::{Now, Session, SharedFailure, Snapshot, StoreAnswer};

use crate::claim::{Claim, Replacement};
use crate::document::{Document, Time};
use crate::health::Question;
use crate::key::Key;
use crate::member::{Member, Opened};
use crate::seal::Seal;
use crate::store::{StoreError, Stored};

/// How often a document is read again, because another program has replaced it in between.
const TRIES: u32 = 5;

/// News for the store: a token, a failed login, or a login that has lost a token because of sharing.
///
/// A report makes no request. Carry out what it says, and pass the result back, as for a
/// [`Claim`](crate::Claim). `None` ends the report.
#[derive(Debug)]
pub struct Report {
    seal: Arc<Seal>,
    news: News,
    ends_lease: bool,
    tries: u32,
    pending: Option<(Document, Time)>,
}

#[derive(Clone, Debug)]
enum News {
    /// The token of a login.
    Token(Snapshot, u64),
    /// A token that a response has brought.
    Renewed(Snapshot, u64),
    Failure(SharedFailure, u64),
    /// The login that has lost a token because of sharing, and the new token.
    Harm(u64, Snapshot, u64),
}

/// What to do next for a report.
#[derive(Debug)]
#[must_use = "a report does not go on by itself"]
pub enum Tell {
    /// Read the document.
    Read,
    /// Replace the document, if it still is the one that was read.
    Replace(Replacement),
}

impl Report {
    /// The result of the login that followed a claim; `None` if the store cannot be told.
    pub fn of_login(
        claim: &Claim,
        member: &mut Member,
        session: &Session,
        now: Now,
    ) -> Option<Self> {
        let seal = member.seal_of(session);
        if !claim.is_under(&seal) {
            // The key pair was replaced, so the session knows nothing about this login.
            return None;
        }
        let leased = claim.leased();
        let ends_lease = leased.is_some();
        member.note_ended(session, now);
        let news = if let Some(failure) = session.failure(now) {
            News::Failure(failure, leased?)
        } else {
            let fence = leased.unwrap_or(0);
            member.note_held(fence, None);
            // Sharing may have ended the last token. So the call that is sent again uses the new one
            // first, or another session could end that one, too.
            if member.is_suspicious() {
                member.holds_lease = ends_lease;
                return None;
            }
            News::Token(session.snapshot(now)?, fence)
        };
        member.may_share(now.monotonic).then(|| Self::new(seal, news, ends_lease))
    }

    /// What [`Member::has_report`] has found; `None` if another thread has told it.
    pub fn of_response(
        member: &mut Member,
        session: &Session,
        resent: bool,
        now: Now,
    ) -> Option<Self> {
        let seal = member.seal_of(session);
        if !member.has_report(session, resent, now) {
            return None;
        }
        let news = match member.take_suspect().filter(|_| resent) {
            Some(fence) => News::Harm(fence, session.snapshot(now)?, member.chain()),
            None => News::Renewed(session.snapshot(now)?, member.chain()),
        };
        let ends_lease = std::mem::take(&mut member.holds_lease);
        member.note_report(now.monotonic);
        Some(Self::new(seal, news, ends_lease))
    }

    /// Whether this report ends a lease. Then other sessions may wait for it.
    pub fn ends_lease(&self) -> bool {
        self.ends_lease
    }

    /// The name of the document.
    pub fn key(&self) -> &Key {
        self.seal.key()
    }

    fn new(seal: Arc<Seal>, news: News, ends_lease: bool) -> Self {
        Self { seal, news, ends_lease, tries: 0, pending: None }
    }

    /// Takes the answer to [`Tell::Read`], with which every report begins.
    pub fn read(
        &mut self,
        member: &mut Member,
        session: &mut Session,
        answer: Result<Stored, StoreError>,
        now: Now,
    ) -> Option<Tell> {
        let Opened { mut document, seen, store_now, .. } =
            member.open(session, &self.seal, answer, now)?;
        let before = document.clone();
        member.note_stored(&document, store_now, now);
        match &self.news {
            // Another session has told the store in between, and its token lasts about as long.
            News::Renewed(..) if !member.outlasts(session, now) => {}
            News::Token(snapshot, fence) | News::Renewed(snapshot, fence) => {
                document.publish(snapshot.clone(), *fence, snapshot.left(now), store_now);
            }
            News::Failure(failure, fence) => document.fail(failure.clone(), *fence, store_now),
            News::Harm(harmed, snapshot, fence) => {
                document.harm(*harmed, store_now);
                document.publish(snapshot.clone(), *fence, snapshot.left(now), store_now);
            }
        }
        if document == before {
            member.note_served(session, now);
            return None;
        }
        self.tries += 1;
        if self.tries > TRIES {
            return None;
        }
        let replacement = Replacement {
            seen,
            document: self.seal.seal(&document.to_json())?,
            keep: document.keep(store_now),
        };
        self.pending = Some((document, store_now));
        Some(Tell::Replace(replacement))
    }

    /// Takes the answer to [`Tell::Replace`].
    pub fn replaced(
        &mut self,
        member: &mut Member,
        session: &mut Session,
        answer: Result<bool, StoreError>,
        now: Now,
    ) -> Option<Tell> {
        let (document, store_now) = self.pending.take()?;
        if !member.heard(session, Question::Replace, answer, now)? {
            session.count_store(StoreAnswer::Conflict);
            return Some(Tell::Read);
        }
        session.count_store(StoreAnswer::Written);
        member.note_stored(&document, store_now, now);
        // Sharing may have ended with this report.
        member.learn(session, &document, store_now, now);
        None
    }
}

#[cfg(test)]
mod tests;
