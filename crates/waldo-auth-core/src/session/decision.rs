//! Decides what a call must do, without a change of the session.
//!
//! [`Session::admit`] acts on the decision and [`Session::explain`] shows it, so `explain` always
//! agrees with `admit`.

use std::time::Duration;

use super::Session;
use crate::call::{Body, Call};
use crate::circuit_breaker::State;
use crate::failure::Refusal;
use crate::lifetime::Leeway;
use crate::login::Lease;
use crate::time::{Instant, Now};
use crate::token::{Source, Token};

/// How long after a refusal a call should try again, if its deadline ended during a login. By then
/// the login has most likely ended; if not, the call waits for it.
const REJOIN: Duration = Duration::from_secs(1);

/// What a call must do now.
pub(super) enum Decision<'a> {
    Send(&'a Token),
    LogIn,
    WaitForLogin(Lease, Instant),
    BackOff(Instant),
    Refuse(Refusal),
}

impl Session {
    /// Decides what the call must do now.
    pub(super) fn decide(&self, call: &Call, now: Now) -> Decision<'_> {
        match self.token_for(call, now) {
            Some(token) => Decision::Send(token),
            None => self.decide_without_token(call, now),
        }
    }

    /// The held token, if it lasts long enough for the call.
    #[inline]
    pub(super) fn token_for(&self, call: &Call, now: Now) -> Option<&Token> {
        let token = self.held.as_ref()?;
        let is_good = match call.body {
            // This call waited for the login of this token. Use the token to its end, or the call
            // would log in again and again.
            _ if granted_since(call, token) => token.lifetime.usable(Leeway::NONE, now),
            Body::Replayable => token.usable.holds(now),
            // A one-shot call often cannot be sent again, so it needs a larger leeway (rule 11).
            Body::OneShot => {
                token.usable.holds(now)
                    && token.lifetime.usable(self.config.limits.one_shot_leeway, now)
            }
        };
        is_good.then_some(token)
    }

    /// Decides what the call must do now, if the held token does not last long enough for the call.
    #[cold]
    pub(super) fn decide_without_token(&self, call: &Call, now: Now) -> Decision<'_> {
        let spare = self.held.as_ref().filter(|token| token.usable.holds(now));
        match (self.decide_login(call, now.monotonic), spare) {
            // A one-shot call prefers a larger leeway. If no login can start, the call uses the
            // held token.
            (Decision::BackOff(_) | Decision::Refuse(_), Some(token)) => Decision::Send(token),
            // The request needs the time before its deadline, so the call does not wait for another
            // call's login.
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
            // The login may end long before its lease, so a call with an earlier deadline waits
            // too.
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

    /// Whether the call has waited through the maximum number of failed logins (rule 14).
    fn has_waited_enough(&self, call: &Call) -> bool {
        let failures = call
            .arrival
            .map_or(0, |arrival| self.circuit.failed_logins().since(arrival.failed_logins));
        failures >= self.config.limits.failures_per_call
    }
}

/// Whether the token came straight from a login that was granted after the call came in. A renewed
/// token does not count.
pub(super) fn granted_since(call: &Call, token: &Token) -> bool {
    token.source == Source::Login && call.arrival.is_some_and(|arrival| token.epoch > arrival.epoch)
}
