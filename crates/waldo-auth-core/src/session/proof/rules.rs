//! What holds of every step: which input may change what, and what it must change.
//!
//! The rules read the state in the words of the protocol ([`State`]), and not the session.

mod agreement;
mod calls;
mod changes;
mod logins;
mod responses;

use std::sync::LazyLock;

use http::{HeaderValue, Request, Uri};

use super::inputs::Input;
use super::state::{State, digest};
use super::tokens::{Offer, Tokens};
use crate::admit_error::AdmitError;
use crate::call::{self, Verdict};
use crate::rate_limiter::RateLimiter;
use crate::session::Session;
use crate::snapshot::NotResumed;
use crate::token::Token;

/// What the session answered.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one output exists at a time")]
pub(super) enum Output {
    /// The answer to a call, with the token on its request.
    Call(Result<call::Step, AdmitError>, Option<HeaderValue>),
    Verdict(Verdict),
    Invalidated(bool),
    Resumed(Result<(), NotResumed>),
    Nothing,
}

/// One input in one state.
pub(super) struct Step<'a> {
    pub(super) state: &'a State,
    pub(super) tokens: &'a Tokens,
    pub(super) before: &'a Session,
    pub(super) input: Input,
    pub(super) output: &'a Output,
    pub(super) after: &'a Session,
    pub(super) changed: Changed,
    /// Whether the step has written to the journal.
    pub(super) noted: bool,
}

/// What a step has changed.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the state")]
pub(super) struct Changed {
    pub(super) credentials: bool,
    /// Another token is held, or none.
    pub(super) held: bool,
    pub(super) doubt: bool,
    pub(super) no_token: bool,
    pub(super) given_up: bool,
    pub(super) refused: bool,
    pub(super) evidence: bool,
    pub(super) epoch: bool,
    pub(super) generation: bool,
    pub(super) lease: bool,
    pub(super) logins: bool,
    pub(super) circuit: bool,
    pub(super) budget: bool,
}

impl Changed {
    pub(super) fn between(before: &Session, after: &Session) -> Self {
        let facts = |token: &Token| (token.generation, token.epoch, token.lifetime, token.source);
        let (old, new) = (before.held.as_ref(), after.held.as_ref());
        let is_doubtful = |held: Option<&Token>| held.is_some_and(|held| held.doubtful);
        Self {
            credentials: before.config.credentials != after.config.credentials,
            held: old.map(facts) != new.map(facts)
                || old.map(|held| &held.header) != new.map(|held| &held.header),
            doubt: is_doubtful(old) != is_doubtful(new),
            no_token: before.no_token != after.no_token,
            given_up: before.given_up != after.given_up,
            refused: before.refused != after.refused,
            evidence: before.evidence != after.evidence,
            epoch: before.epoch != after.epoch,
            generation: before.generation != after.generation,
            lease: before.lease != after.lease,
            logins: before.logins != after.logins,
            circuit: digest(&before.circuit) != digest(&after.circuit),
            budget: before.invalidations != after.invalidations,
        }
    }

    pub(super) fn anything(self) -> bool {
        let Self {
            credentials,
            held,
            doubt,
            no_token,
            given_up,
            refused,
            evidence,
            epoch,
            generation,
            lease,
            logins,
            circuit,
            budget,
        } = self;
        [credentials, held, doubt, no_token, given_up, refused, evidence, epoch, generation]
            .into_iter()
            .chain([lease, logins, circuit, budget])
            .any(|part| part)
    }
}

impl Step<'_> {
    /// Whether the step has dropped the held token and holds no other.
    fn drops(&self) -> bool {
        self.before.held.is_some() && self.after.held.is_none()
    }

    /// The token that the step holds anew.
    fn brought(&self) -> Option<&Token> {
        self.after.held.as_ref().filter(|_| self.changed.held)
    }

    /// Whether the offered token is held after the step.
    fn holds(&self, offer: Offer) -> bool {
        let header = self.tokens.offer(self.state, offer);
        self.after.held.as_ref().is_some_and(|held| held.header == *header)
    }

    /// The budget after one permit was taken.
    fn budget_less_one(&self) -> RateLimiter {
        let limits = &self.before.config.limits;
        let mut budget = self.before.invalidations;
        let now = super::state::now().monotonic;
        budget.take(limits.invalidation_burst, limits.invalidation_interval, now);
        budget
    }
}

type Rule = fn(&Step<'_>) -> bool;

/// The name of the first rule that the step breaks.
pub(super) fn broken(step: &Step<'_>) -> Option<&'static str> {
    let rules = [changes::ALL, calls::ALL, responses::ALL, logins::ALL, agreement::ALL];
    let mut rules = rules.into_iter().flatten();
    rules.find(|(_, holds)| !holds(step)).map(|(name, _)| *name)
}

/// The request of a call, to the session's origin or to another one.
pub(super) fn request(foreign: bool) -> Request<()> {
    static OURS: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("https://api.waldo.ai/"));
    let mut request = Request::new(());
    request.uri_mut().clone_from(if foreign { elsewhere() } else { &OURS });
    request
}

/// A URI of another origin.
pub(super) fn elsewhere() -> &'static Uri {
    static OTHER: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("https://elsewhere.example/"));
    &OTHER
}
