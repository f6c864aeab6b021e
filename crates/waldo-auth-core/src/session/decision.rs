//! What a call has to do, decided from the state without changing it.
//!
//! [`Session::admit`] acts on the decision and [`Session::explain`] tells it, so the two cannot
//! differ.

use std::time::Duration;

use super::Session;
use crate::call::{Body, Call};
use crate::circuit_breaker::State;
use crate::failure::Refusal;
use crate::lifetime::Leeway;
use crate::login::Lease;
use crate::time::{Instant, Now};
use crate::token::{Source, Token};

/// When a call makes sense again that had too little time for the login under way. The login is
/// most likely over by then, and otherwise the call waits for it.
const REJOIN: Duration = Duration::from_secs(1);

/// One of five things that a call can have to do now.
pub(super) enum Decision<'a> {
    Send(&'a Token),
    LogIn,
    WaitForLogin(Lease, Instant),
    BackOff(Instant),
    Refuse(Refusal),
}

impl Session {
    /// What the call has to do now.
    pub(super) fn decide(&self, call: &Call, now: Now) -> Decision<'_> {
        match self.token_for(call, now) {
            Some(token) => Decision::Send(token),
            None => self.decide_without_token(call, now),
        }
    }

    /// The held token, if it is what the call asks for.
    #[inline]
    pub(super) fn token_for(&self, call: &Call, now: Now) -> Option<&Token> {
        let token = self.held.as_ref()?;
        let is_good = match call.body {
            // The token of a login that this very call went through is the best there is: as long
            // as it lives, asking for a better one would never end.
            _ if granted_since(call, token) => token.lifetime.usable(Leeway::NONE, now),
            Body::Replayable => token.usable.holds(now),
            // A one-shot call cannot be healed, so it asks for a larger reserve (rule 11).
            Body::OneShot => {
                token.usable.holds(now)
                    && token.lifetime.usable(self.config.limits.one_shot_leeway, now)
            }
        };
        is_good.then_some(token)
    }

    /// What the call has to do now, as the held token is not what it asks for.
    #[cold]
    pub(super) fn decide_without_token(&self, call: &Call, now: Now) -> Decision<'_> {
        let spare = self.held.as_ref().filter(|token| token.usable.holds(now));
        match (self.decide_login(call, now.monotonic), spare) {
            // A larger reserve is a wish: where no login can fulfil it, the token that is good
            // enough is used.
            (Decision::BackOff(_) | Decision::Refuse(_), Some(token)) => Decision::Send(token),
            // Nor is a deadline, which the request itself will need, spent on waiting for somebody
            // else's login.
            (Decision::WaitForLogin(..), Some(token)) if call.deadline.is_some() => {
                Decision::Send(token)
            }
            (way, _) => way,
        }
    }

    fn decide_login(&self, call: &Call, now: Instant) -> Decision<'_> {
        let blocked_until = self.circuit.blocked_until(now);
        let retry_at = blocked_until.unwrap_or(now);
        if let State::BackingOff { failure, .. } = self.circuit.state()
            && self.has_waited_enough(call)
        {
            return Decision::Refuse(Refusal::Unavailable { failure: failure.clone(), retry_at });
        }
        if let Some(lease) = self.lease.filter(|lease| !lease.has_expired(now)) {
            // The login may end long before its lease does, so a deadline in between is worth
            // waiting for.
            let until =
                call.deadline.map_or(lease.expires_at, |deadline| deadline.min(lease.expires_at));
            if until <= now {
                let retry_at = now.saturating_add(REJOIN).min(lease.expires_at);
                return Decision::Refuse(Refusal::Deadline { retry_at, failure: None });
            }
            return Decision::WaitForLogin(lease, until);
        }
        let failure = match self.circuit.state() {
            State::Open { rejection, .. } if blocked_until.is_some() => {
                return Decision::Refuse(Refusal::Rejected {
                    rejection: rejection.clone(),
                    retry_at,
                });
            }
            State::BackingOff { failure, .. } if blocked_until.is_some() => Some(failure),
            State::Closed | State::BackingOff { .. } | State::Open { .. } => None,
        };
        if call.deadline.is_some_and(|deadline| deadline <= retry_at) {
            return Decision::Refuse(Refusal::Deadline { retry_at, failure: failure.cloned() });
        }
        blocked_until.map_or(Decision::LogIn, Decision::BackOff)
    }

    /// Whether the call has waited for as many failed logins as a call may (rule 14).
    fn has_waited_enough(&self, call: &Call) -> bool {
        let failures = call
            .arrival
            .map_or(0, |arrival| self.circuit.failed_logins().since(arrival.failed_logins));
        failures >= self.config.limits.failures_per_call
    }
}

/// Whether the token came straight from a login that was granted after the call came in.
pub(super) fn granted_since(call: &Call, token: &Token) -> bool {
    token.source == Source::Login && call.arrival.is_some_and(|arrival| token.epoch > arrival.epoch)
}
