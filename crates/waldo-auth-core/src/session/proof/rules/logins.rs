//! The outcomes of logins, and the orders of the user (rules 6, 13 to 16).

use std::time::Duration;

use super::{Output, Rule, Step};
use crate::circuit_breaker::State as Breaker;
use crate::explain::NoToken;
use crate::session::proof::inputs::{End, Input, Led};
use crate::session::proof::state::{Circuit, State, Trust, at, now};
use crate::session::proof::tokens::Offer;
use crate::time::Instant;
use crate::token::Source;

pub(super) const ALL: &[(&str, Rule)] = &[
    ("outdated_outcome_changes_nothing", outdated_outcome_changes_nothing),
    ("granted_token_is_held_and_closes_circuit", granted_token_is_held),
    ("granted_token_has_no_evidence_yet", granted_token_has_no_evidence_yet),
    ("rejection_opens_circuit_until_probe", rejection_opens_circuit),
    ("unavailable_login_backs_off", unavailable_login_backs_off),
    ("failure_elsewhere_is_adopted", failure_elsewhere_is_adopted),
    ("failed_login_is_counted_once", failed_login_is_counted_once),
    ("abandoned_login_lets_next_call_log_in", abandoned_login_lets_next_call_log_in),
    ("reset_with_same_pair_closes_open_circuit_only", reset_with_same_pair),
    ("reset_with_other_pair_forgets", reset_with_other_pair),
    ("invalidation_needs_token_permit_and_quiet", invalidation_needs_permit),
    ("stored_token_is_held_if_it_lasts_longer", stored_token_is_held_if_it_lasts_longer),
];

/// How an outcome counts: an answer of another login is none, and a dead token is a failure.
fn counted(end: End) -> End {
    match end {
        End::MixedUp => End::Abandoned,
        End::Dead => End::Unavailable(None),
        End::Granted(_)
        | End::Rejected
        | End::Unavailable(_)
        | End::FailedElsewhere(_)
        | End::Abandoned => end,
    }
}

impl Led {
    /// Whether the outcome comes after the lease, and after something newer.
    fn is_ignored(self, state: &State) -> bool {
        !self.is_current(state) && self.is_outdated(state)
    }
}

impl Step<'_> {
    /// The login and how it ended, if it counts.
    fn ended(&self) -> Option<(Led, End)> {
        let Input::Login(led, end) = self.input else { return None };
        (!led.is_ignored(self.state)).then(|| (led, counted(end)))
    }

    /// The login and how it ended, if no other login has started since.
    fn ended_last(&self) -> Option<(Led, End)> {
        self.ended().filter(|(led, _)| !led.overtaken)
    }

    fn blocked_until(&self) -> Option<Instant> {
        self.after.circuit.blocked_until(now().monotonic)
    }

    fn is_closed(&self) -> bool {
        matches!(self.after.circuit.state(), Breaker::Closed) && self.blocked_until().is_none()
    }
}

/// How long a circuit stays open after so many rejections in a row, in seconds.
fn probe_delay(rejections: u32) -> u64 {
    (1..rejections).fold(60, |delay, _| (2 * delay).min(900))
}

/// An outcome that comes after its lease, and after a newer token or epoch, changes nothing. A
/// rejection or an abandonment also changes nothing if another login has started.
fn outdated_outcome_changes_nothing(step: &Step<'_>) -> bool {
    let Input::Login(led, end) = step.input else { return true };
    let is_overtaken = led.overtaken
        && matches!(counted(end), End::Rejected | End::FailedElsewhere(_) | End::Abandoned);
    !(led.is_ignored(step.state) || is_overtaken) || !step.changed.anything()
}

/// A granted token is held at once, and the circuit closes. Its lifetime begins when the login was
/// sent.
fn granted_token_is_held(step: &Step<'_>) -> bool {
    let Input::Login(led, _) = step.input else { return true };
    match step.ended() {
        Some((_, End::Granted(_))) => {
            let left = step.state.logins.lease.filter(|_| !led.overtaken).unwrap_or(-1000);
            let spent = Duration::from_millis((30_000 - left).unsigned_abs());
            step.brought().is_some_and(|held| {
                held.source == Source::Login
                    && !held.doubtful
                    && held.lifetime.left(now()) + spent == held.lifetime.span()
            }) && step.is_closed()
        }
        _ => step.brought().is_none(),
    }
}

/// After a login, no response has shown anything of its tokens. Logins that a 401 caused, and whose
/// predecessors were never accepted, are counted.
fn granted_token_has_no_evidence_yet(step: &Step<'_>) -> bool {
    let (state, trust) = (step.state, step.state.trust);
    let is_caused_by_401 = state.held.is_none() && state.past.no_token == NoToken::Refused;
    let unaccepted = match (is_caused_by_401, trust.accepted) {
        (false, _) => 1,
        (true, true) => 0,
        (true, false) => trust.unaccepted + 1,
    };
    let expected = Trust { accepted: false, refused_for: None, unaccepted, ..trust };
    let is_granted = matches!(step.input, Input::Login(..)) && step.brought().is_some();
    !is_granted || step.after.evidence == expected.build()
}

/// A rejection opens the circuit until the next probe. The delay doubles with each further
/// rejection.
fn rejection_opens_circuit(step: &Step<'_>) -> bool {
    let Some((_, End::Rejected)) = step.ended_last() else { return true };
    let rejections = match step.state.logins.circuit {
        Circuit::Open(rejections) => rejections + 1,
        Circuit::Closed | Circuit::BackingOff(_) => 1,
    };
    let until = now().monotonic.saturating_add(Duration::from_secs(probe_delay(rejections)));
    let Breaker::Open { rejections: counted, .. } = step.after.circuit.state() else {
        return false;
    };
    *counted == rejections && step.blocked_until() == Some(until)
}

/// After an unavailable login, all calls back off. An open circuit stays open. The server can make
/// the wait longer, but not shorter.
fn unavailable_login_backs_off(step: &Step<'_>) -> bool {
    let Some((led, End::Unavailable(asked))) = step.ended() else { return true };
    if led.overtaken {
        return !step.changed.circuit;
    }
    let asked = Duration::from_secs(asked.unwrap_or(0));
    let from_now = |delay| now().monotonic.saturating_add(delay);
    let until = step.blocked_until().unwrap_or(now().monotonic);
    match (step.state.logins.circuit, step.after.circuit.state()) {
        (Circuit::Open(before), Breaker::Open { rejections, .. }) => {
            let delay = Duration::from_secs(probe_delay(before)).max(asked);
            *rejections == before && until == from_now(delay)
        }
        (Circuit::Closed | Circuit::BackingOff(_), Breaker::BackingOff { failures, .. }) => {
            let before = match step.state.logins.circuit {
                Circuit::BackingOff(before) => before,
                Circuit::Closed | Circuit::Open(_) => 0,
            };
            let bound = (0..before).fold(250, |bound, _| (2 * bound).min(30_000));
            *failures == before + 1
                && until >= from_now(asked)
                && until
                    < from_now(Duration::from_millis(bound).max(asked + Duration::from_nanos(1)))
                && (asked > Duration::ZERO || until > now().monotonic)
        }
        _ => false,
    }
}

/// The failure of another session is adopted as it is: its cause, its count and its wait.
fn failure_elsewhere_is_adopted(step: &Step<'_>) -> bool {
    let Some((_, End::FailedElsewhere(rejected))) = step.ended_last() else { return true };
    let is_adopted = match step.after.circuit.state() {
        Breaker::Open { rejections, .. } => rejected && *rejections == 3,
        Breaker::BackingOff { failures, .. } => !rejected && *failures == 3,
        Breaker::Closed => false,
    };
    is_adopted && step.blocked_until() == Some(at(10_000))
}

/// A failed login counts once for the calls that waited for it: now, or when its lease expired.
fn failed_login_is_counted_once(step: &Step<'_>) -> bool {
    let Input::Login(led, end) = step.input else { return true };
    let fails = matches!(counted(end), End::Unavailable(_) | End::FailedElsewhere(_))
        && led.is_current(step.state);
    let failed = step.after.circuit.failed_logins();
    failed.since(step.before.circuit.failed_logins()) == u32::from(fails)
}

/// After an abandoned login, the next call logs in at once, a few times in a row. A probe waits
/// until its lease would have ended.
fn abandoned_login_lets_next_call_log_in(step: &Step<'_>) -> bool {
    let Some((led, End::Abandoned)) = step.ended_last() else { return true };
    let left = step.state.logins.lease.unwrap_or(-1000);
    let wait = match step.state.logins.circuit {
        // The leader has resumed a stored token instead.
        _ if step.state.held.is_some() && led.generations > 0 => 0,
        Circuit::Open(_) => left,
        // Twenty logins were abandoned, and five permits come with the first ones.
        Circuit::Closed | Circuit::BackingOff(_) if step.state.logins.failovers_spent => {
            left.min(4000)
        }
        Circuit::Closed | Circuit::BackingOff(_) => 0,
    };
    let is_same = matches!(
        (step.before.circuit.state(), step.after.circuit.state()),
        (Breaker::Closed, Breaker::Closed)
            | (Breaker::BackingOff { .. }, Breaker::BackingOff { .. })
            | (Breaker::Open { .. }, Breaker::Open { .. })
    );
    is_same && step.blocked_until() == (wait > 0).then(|| at(wait))
}

/// `reset` with the same key pair closes an open circuit, and changes nothing else.
fn reset_with_same_pair(step: &Step<'_>) -> bool {
    if !matches!(step.input, Input::Reset(false)) {
        return true;
    }
    let is_open = matches!(step.state.logins.circuit, Circuit::Open(_));
    let changed = super::Changed { circuit: false, ..step.changed };
    !changed.anything() && if is_open { step.is_closed() } else { !step.changed.circuit }
}

/// `reset` with another key pair forgets the token, the login and the failures. It adds no permit.
fn reset_with_other_pair(step: &Step<'_>) -> bool {
    !matches!(step.input, Input::Reset(true))
        || (step.after.held.is_none()
            && step.after.lease.is_none()
            && step.is_closed()
            && !step.changed.budget)
}

/// `invalidate` drops the held token of its generation, if no login is under way, the circuit is
/// not open, and a permit is left.
fn invalidation_needs_permit(step: &Step<'_>) -> bool {
    let Input::Invalidate(ago) = step.input else { return true };
    let state = step.state;
    let drops = state.held.is_some()
        && ago == 0
        && !state.has_live_lease()
        && !matches!(state.logins.circuit, Circuit::Open(_))
        && state.permits > 0;
    matches!(step.output, Output::Invalidated(dropped) if *dropped == drops)
        && step.drops() == drops
        && (drops || !step.changed.anything())
}

/// A stored token is held if it is of this key pair, is usable, was not given up, and lasts longer
/// than the held token.
fn stored_token_is_held_if_it_lasts_longer(step: &Step<'_>) -> bool {
    let Input::Resume(stored) = step.input else { return true };
    let state = step.state;
    let is_known = match stored.offer {
        Offer::Same => state.held.is_some(),
        Offer::GivenUp => state.past.given_up,
        Offer::Malformed | Offer::NoExp | Offer::Older | Offer::NotLater | Offer::Newer => false,
    };
    let is_good = stored.own
        && (3001..=3_660_000).contains(&stored.left)
        && !is_known
        && state.held.is_none_or(|held| held.stage.left() < stored.left);
    let expected = Trust { accepted: true, renewed: false, refused_for: None, unaccepted: 1 };
    let is_held = step.brought().is_some_and(|held| held.source == Source::Snapshot);
    matches!(step.output, Output::Resumed(resumed) if resumed.is_ok() == is_good)
        && if is_good {
            is_held && step.after.evidence == expected.build()
        } else {
            !step.changed.anything()
        }
}
