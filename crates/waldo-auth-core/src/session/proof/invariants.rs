//! What holds in every state of a session, at every time.

use std::time::Duration;

use http::HeaderValue;

use crate::circuit_breaker::State as Circuit;
use crate::evidence::Evidence;
use crate::explain::NoToken;
use crate::given_up::GivenUpTokens;
use crate::session::Session;
use crate::time::{Instant, Now};
use crate::token::Source;
use crate::wire::Jwt;

type Invariant = fn(&Session, Now) -> bool;

/// The invariants, with their names.
pub(super) const ALL: [(&str, Invariant); 16] = [
    ("held_token_is_newest", held_token_is_newest),
    ("held_token_is_of_present_epoch", held_token_is_of_present_epoch),
    ("held_token_was_not_refused", held_token_was_not_refused),
    ("held_token_is_in_the_one_form", held_token_is_in_the_one_form),
    ("usable_time_excludes_leeway", usable_time_excludes_leeway),
    ("latest_exp_covers_held_token", latest_exp_covers_held_token),
    ("first_token_of_epoch_has_no_predecessor", first_token_of_epoch_has_no_predecessor),
    ("renewed_token_is_accepted", renewed_token_is_accepted),
    ("given_up_token_comes_back_by_login_only", given_up_token_comes_back_by_login_only),
    ("dropped_token_has_reason", dropped_token_has_reason),
    ("dropped_token_is_remembered", dropped_token_is_remembered),
    ("refused_token_is_last_token", refused_token_is_last_token),
    ("lease_is_of_last_login", lease_is_of_last_login),
    ("lease_began_while_circuit_allowed_login", lease_began_while_circuit_allowed_login),
    ("block_has_bound", block_has_bound),
    ("budget_owes_at_most_its_burst", budget_owes_at_most_its_burst),
];

/// The name of the first invariant that the session breaks.
pub(super) fn broken(session: &Session, now: Now) -> Option<&'static str> {
    ALL.iter().find(|(_, holds)| !holds(session, now)).map(|(name, _)| *name)
}

/// The held token is the last token that the session has counted.
fn held_token_is_newest(session: &Session, _: Now) -> bool {
    let generation = session.generation;
    session.held.as_ref().is_none_or(|held| held.generation == generation && generation > 0)
}

/// The held token is of the present epoch, and an epoch has begun.
fn held_token_is_of_present_epoch(session: &Session, _: Now) -> bool {
    let epoch = session.epoch;
    session.held.as_ref().is_none_or(|held| held.epoch == epoch && epoch > 0)
}

/// A token that a 401 dropped is not held.
fn held_token_was_not_refused(session: &Session, _: Now) -> bool {
    session.held.as_ref().is_none_or(|held| held.generation != session.refused)
}

/// The held header is a scheme and a JWT, marked sensitive.
fn held_token_is_in_the_one_form(session: &Session, _: Now) -> bool {
    let is_jwt = |header: &HeaderValue| {
        header.as_bytes().strip_prefix(b"Bearer ").is_some_and(|jwt| Jwt::read(jwt).is_ok())
    };
    session.held.as_ref().is_none_or(|held| held.header.is_sensitive() && is_jwt(&held.header))
}

/// The precomputed end of the held token is its lifetime without the leeway.
fn usable_time_excludes_leeway(session: &Session, _: Now) -> bool {
    let leeway = session.config.limits.leeway;
    session.held.as_ref().is_none_or(|held| held.usable == held.lifetime.minus(leeway))
}

/// No token held since the login ends later than the latest known `exp`.
fn latest_exp_covers_held_token(session: &Session, _: Now) -> bool {
    session
        .held
        .as_ref()
        .is_none_or(|held| Jwt::read(held.jwt()).is_ok_and(|jwt| jwt.claims.exp <= held.latest_exp))
}

/// A granted or resumed token does not inherit the latest `exp` of an earlier epoch.
fn first_token_of_epoch_has_no_predecessor(session: &Session, _: Now) -> bool {
    session.held.as_ref().is_none_or(|held| {
        held.source == Source::Renewal
            || Jwt::read(held.jwt()).is_ok_and(|jwt| jwt.claims.exp >= held.latest_exp)
    })
}

/// A renewed token shows that the server accepts the login, and renews; a stored token counts as
/// accepted.
fn renewed_token_is_accepted(session: &Session, now: Now) -> bool {
    session.held.as_ref().is_none_or(|held| match held.source {
        Source::Login => true,
        Source::Snapshot => session.evidence.is_accepted(),
        Source::Renewal => {
            session.evidence.is_accepted() && has_renewed(session.evidence, now.monotonic)
        }
    })
}

/// Whether the server has once renewed a token: then a success alone does not end a refusal.
pub(super) fn has_renewed(mut evidence: Evidence, now: Instant) -> bool {
    evidence.refuse(now);
    !evidence.after_success().is_clear()
}

/// Only a login brings a token back that was given up.
fn given_up_token_comes_back_by_login_only(session: &Session, _: Now) -> bool {
    session
        .held
        .as_ref()
        .is_none_or(|held| held.source == Source::Login || !session.given_up.contain(held.jwt()))
}

/// If a session has held a token and holds none, it knows why.
fn dropped_token_has_reason(session: &Session, _: Now) -> bool {
    match session.no_token {
        NoToken::NeverLoggedIn => {
            session.held.is_some() || (session.generation, session.epoch) == (0, 0)
        }
        // An expired token is still held.
        NoToken::Expired => false,
        NoToken::Refused | NoToken::Doubtful | NoToken::Invalidated => session.generation > 0,
        NoToken::Reset => session.epoch > 0,
    }
}

/// If a session has held a token and holds none, it remembers the dropped token.
fn dropped_token_is_remembered(session: &Session, _: Now) -> bool {
    let remembers_any = session.given_up != GivenUpTokens::none();
    session.held.is_some() || session.generation == 0 || remembers_any
}

/// If a 401 was the reason for the last drop, it refused the last token; no later token was
/// refused.
fn refused_token_is_last_token(session: &Session, _: Now) -> bool {
    let is_last = session.refused == session.generation;
    session.refused <= session.generation
        && (session.held.is_some() || session.no_token != NoToken::Refused || is_last)
}

/// A lease belongs to the last login that has started, and ends in time.
fn lease_is_of_last_login(session: &Session, now: Now) -> bool {
    let latest = now.monotonic.saturating_add(session.config.limits.lease);
    session.lease.is_none_or(|lease| {
        lease.login == session.logins && lease.login > 0 && lease.expires_at <= latest
    })
}

/// While a login is under way, no backoff or rejection is newer than the login.
fn lease_began_while_circuit_allowed_login(session: &Session, _: Now) -> bool {
    session.lease.is_none_or(|lease| {
        let length = session.config.limits.lease;
        let began = Instant::from_start(lease.expires_at.since_start().saturating_sub(length));
        session.circuit.blocked_until(began).is_none()
    })
}

/// The time until the next login has a bound, which the result of the last login decides.
fn block_has_bound(session: &Session, now: Now) -> bool {
    let limits = &session.config.limits;
    let longest = match session.circuit.state() {
        Circuit::Closed => limits.lease,
        Circuit::BackingOff { .. } => limits.backoff_cap.max(limits.retry_after_cap),
        Circuit::Open { .. } => limits.probe_cap.max(limits.retry_after_cap),
    };
    let blocked_until = session.circuit.blocked_until(now.monotonic);
    blocked_until.is_none_or(|until| until.saturating_duration_since(now.monotonic) <= longest)
}

/// The invalidation budget is full again after the time that all of its permits take.
fn budget_owes_at_most_its_burst(session: &Session, now: Now) -> bool {
    let limits = &session.config.limits;
    let (burst, every) = (limits.invalidation_burst, limits.invalidation_interval);
    let full = now.monotonic.saturating_add(every.saturating_mul(burst));
    session.invalidations.clone().take(1, Duration::ZERO, full)
}
