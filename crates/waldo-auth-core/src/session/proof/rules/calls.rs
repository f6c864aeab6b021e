//! The answers to calls (rules 3, 11 to 15, 24).

use std::time::Duration;

use super::{Output, Rule, Step};
use crate::call::{self, Arrival, Body, Upload};
use crate::failure::Refusal;
use crate::session::proof::inputs::{Caller, Input};
use crate::session::proof::state::{Circuit, Gate, State, at, failed_logins_before, now};
use crate::time::Instant;
use crate::token::Source;

pub(super) const ALL: &[(&str, Rule)] = &[
    ("call_changes_only_leases", call_changes_only_leases),
    ("sent_token_is_held_and_usable", sent_token_is_held_and_usable),
    ("upload_is_sent_as_rule_24_says", upload_is_sent_as_rule_24_says),
    ("good_token_is_sent_at_once", good_token_is_sent_at_once),
    ("spare_token_is_sent_if_no_login_can_start", spare_token_is_sent),
    ("login_starts_only_if_none_is_under_way_or_blocked", login_starts_only_if_allowed),
    ("login_starts_if_it_is_needed_and_allowed", login_starts_if_needed),
    ("wait_ends_at_its_cause_or_deadline", wait_ends_at_its_cause),
    ("open_circuit_refuses_before_probe", open_circuit_refuses),
    ("call_is_refused_for_a_reason", call_is_refused_for_a_reason),
    ("expired_lease_is_one_failure", expired_lease_is_one_failure),
    ("call_keeps_its_arrival_and_deadline", call_keeps_its_arrival_and_deadline),
    ("call_to_other_origin_ends", call_to_other_origin_ends),
];

/// No wait is longer, because no setting allows it.
const HOUR: Duration = Duration::from_secs(3600);

impl State {
    /// Whether the call may use the held token, as rule 11 says.
    fn has_good_token(&self, caller: Caller) -> bool {
        self.held.is_some_and(|held| {
            let is_own_login =
                held.source == Source::Login && caller.arrival.is_some_and(|came| came.epochs > 0);
            held.stage.left() > if is_own_login { 0 } else { held.stage.leeway(caller.one_shot) }
        })
    }

    /// Whether a one-shot call may use the held token if no login can start.
    fn has_spare_token(&self) -> bool {
        self.held.is_some_and(|held| held.stage.left() > held.stage.leeway(false))
    }

    /// Whether the held token is a spare token only.
    pub(super) fn lacks_one_shot_leeway(&self) -> bool {
        let caller = Caller { one_shot: true, ..Caller::FRESH };
        self.has_spare_token() && !self.has_good_token(caller)
    }

    fn has_expired_lease(&self) -> bool {
        self.logins.lease.is_some() && !self.has_live_lease()
    }

    /// Whether the last logins were unavailable. An expired lease is one of them.
    fn is_backing_off(&self) -> bool {
        match self.logins.circuit {
            Circuit::Closed => self.has_expired_lease(),
            Circuit::BackingOff(_) => true,
            Circuit::Open(_) => false,
        }
    }

    /// Whether the call has waited for the maximum of failed logins.
    fn has_waited_enough(&self, caller: Caller) -> bool {
        let expired = usize::from(self.has_expired_lease());
        self.is_backing_off() && caller.arrival.is_some_and(|came| came.failures + expired >= 3)
    }
}

impl Caller {
    /// Whether the deadline of the call comes first.
    fn ends_by(self, until: Instant) -> bool {
        self.deadline.is_some_and(|deadline| at(deadline) <= until)
    }
}

/// The call and the answer, if the input is a call.
fn answer<'a>(step: &'a Step<'_>) -> Option<(Caller, &'a call::Step)> {
    match (step.input, step.output) {
        (Input::Call(caller), Output::Call(Ok(answer), _)) => Some((caller, answer)),
        _ => None,
    }
}

/// A call starts a login, ends an expired lease, and changes nothing else.
fn call_changes_only_leases(step: &Step<'_>) -> bool {
    let changed = step.changed;
    answer(step).is_none()
        || !(changed.held || changed.doubt || changed.refused || changed.generation)
}

/// A sent call carries the held token, which lasts longer than the leeway of the call.
fn sent_token_is_held_and_usable(step: &Step<'_>) -> bool {
    let Some((caller, call::Step::Send(attempt))) = answer(step) else { return true };
    let Output::Call(_, header) = step.output else { return false };
    step.before.held.as_ref().is_some_and(|held| {
        (attempt.generation, attempt.epoch) == (held.generation, held.epoch)
            && attempt.session == step.before.number
            && attempt.sent == now()
            && !attempt.untouched
            && header.as_ref() == Some(&held.header)
    }) && (step.state.has_good_token(caller) || step.state.has_spare_token())
}

/// An upload asks first if the token is doubtful. If the upload has broken off, only its head is
/// sent, unless another call has shown that the server refused the token.
fn upload_is_sent_as_rule_24_says(step: &Step<'_>) -> bool {
    let Some((caller, call::Step::Send(attempt))) = answer(step) else { return true };
    let broke_off = caller.broke_off_with(step.state);
    let was_refused = broke_off != 0 && broke_off == step.state.past.refused;
    let has_resend = !caller.resent_with_newer || !caller.resent_after_login;
    let goes_on = was_refused && !caller.one_shot && has_resend;
    let expected = match step.state.held {
        _ if broke_off != 0 && !goes_on => Upload::HeadOnly,
        Some(held) if held.doubtful => Upload::ExpectContinue,
        _ => Upload::Send,
    };
    let call = &attempt.call;
    let resends =
        |with_newer: bool, after_login: bool| u8::from(with_newer) + u8::from(after_login);
    attempt.upload == expected
        && call.broke_off == if goes_on { 0 } else { broke_off }
        && resends(call.resent_with_newer, call.resent_after_login)
            == resends(caller.resent_with_newer, caller.resent_after_login) + u8::from(goes_on)
}

/// A call with a good token is sent at once.
fn good_token_is_sent_at_once(step: &Step<'_>) -> bool {
    answer(step).is_none_or(|(caller, answer)| {
        !step.state.has_good_token(caller) || matches!(answer, call::Step::Send(_))
    })
}

/// A one-shot call uses a token within its larger leeway only if it would have to wait, as rule 11
/// says.
fn spare_token_is_sent(step: &Step<'_>) -> bool {
    answer(step).is_none_or(|(caller, answer)| {
        let state = step.state;
        let is_spare = caller.one_shot && state.has_spare_token() && !state.has_good_token(caller);
        let no_login = if state.has_live_lease() {
            caller.deadline.is_some() || state.has_waited_enough(caller)
        } else {
            state.logins.gate == Gate::Blocked
                || caller.ends_by(at(0))
                || state.has_waited_enough(caller)
        };
        !is_spare || matches!(answer, call::Step::Send(_)) == no_login
    })
}

/// A login starts only if no other login is under way, and neither a backoff nor a rejection
/// blocks it. It then has the lease.
fn login_starts_only_if_allowed(step: &Step<'_>) -> bool {
    let Some((caller, call::Step::Authenticate(login, _))) = answer(step) else { return true };
    let state = step.state;
    let lease = step.after.lease;
    let expires_at = at(30_000);
    !state.has_live_lease()
        && state.logins.gate != Gate::Blocked
        && !state.has_good_token(caller)
        && !state.has_waited_enough(caller)
        && !caller.ends_by(at(0))
        && lease.is_some_and(|lease| (lease.login, lease.expires_at) == (login.number, expires_at))
        && login.number == step.before.logins + 1
        && (login.epoch, login.generation) == (step.before.epoch, step.before.generation)
        && (login.expires_at, login.sent, login.session) == (expires_at, now(), step.before.number)
        && login.credentials == step.before.config.credentials
}

/// If no token is good and a login may start, then it starts.
fn login_starts_if_needed(step: &Step<'_>) -> bool {
    answer(step).is_none_or(|(caller, answer)| {
        let state = step.state;
        let is_needed = !state.has_good_token(caller)
            && !state.has_live_lease()
            && state.logins.gate != Gate::Blocked
            && !state.has_waited_enough(caller)
            && !caller.ends_by(at(0));
        !is_needed || matches!(answer, call::Step::Authenticate(..))
    })
}

/// A wait ends in the future: with the login under way or the call's deadline, or with the
/// backoff.
fn wait_ends_at_its_cause(step: &Step<'_>) -> bool {
    let Some((caller, call::Step::Wait(call, until))) = answer(step) else { return true };
    let state = step.state;
    let now = now().monotonic;
    let cause = if state.has_live_lease() {
        let expires_at = at(state.logins.lease.unwrap_or_default());
        let is_noted = step.before.lease.is_some_and(|lease| lease.login == call.waited_for);
        is_noted && *until == caller.deadline.map_or(expires_at, at).min(expires_at)
    } else {
        step.before.circuit.blocked_until(now) == Some(*until)
            && !caller.ends_by(*until)
            && !matches!(state.logins.circuit, Circuit::Open(_))
    };
    cause && now < *until && *until <= now.saturating_add(HOUR)
}

/// After a rejection, a call without a token is refused until the probe is due.
fn open_circuit_refuses(step: &Step<'_>) -> bool {
    answer(step).is_none_or(|(caller, answer)| {
        let state = step.state;
        let is_blocked =
            matches!(state.logins.circuit, Circuit::Open(_)) && state.logins.gate == Gate::Blocked;
        let is_refused = matches!(answer, call::Step::Refuse(Refusal::Rejected { retry_at, .. })
                if step.before.circuit.blocked_until(now().monotonic) == Some(*retry_at));
        let has_token =
            state.has_good_token(caller) || (caller.one_shot && state.has_spare_token());
        has_token || is_refused == is_blocked
    })
}

/// A call is refused if its key pair was rejected, if it has waited enough, or if its deadline
/// comes first. The advice lies between now and an hour from now.
fn call_is_refused_for_a_reason(step: &Step<'_>) -> bool {
    let Some((caller, call::Step::Refuse(refusal))) = answer(step) else { return true };
    let state = step.state;
    let now = now().monotonic;
    let blocked_until = step.before.circuit.blocked_until(now);
    let reason = match refusal {
        Refusal::Rejected { .. } => matches!(state.logins.circuit, Circuit::Open(_)),
        Refusal::Unavailable { .. } => {
            state.has_waited_enough(caller) && refusal.retry_at() == blocked_until.unwrap_or(now)
        }
        Refusal::Deadline { .. } if state.has_live_lease() => {
            let latest = at(state.logins.lease.unwrap_or_default());
            caller.ends_by(now) && refusal.retry_at() == at(1000).min(latest)
        }
        Refusal::Deadline { failure, .. } => {
            let until = blocked_until.unwrap_or(now);
            caller.ends_by(until)
                && refusal.retry_at() == until
                && failure.is_some() == (blocked_until.is_some() && state.is_backing_off())
        }
    };
    reason && now <= refusal.retry_at() && refusal.retry_at() <= now.saturating_add(HOUR)
}

/// An expired lease counts as one failed login, without a further backoff, and leaves an open
/// circuit open.
fn expired_lease_is_one_failure(step: &Step<'_>) -> bool {
    use crate::circuit_breaker::State as Breaker;

    let has_expired = step.state.has_expired_lease();
    answer(step).is_none() || {
        let (before, after) = (&step.before.circuit, &step.after.circuit);
        let now = now().monotonic;
        let is_backing_off = matches!(after.state(), Breaker::BackingOff { .. });
        after.failed_logins().since(before.failed_logins()) == u32::from(has_expired)
            && before.blocked_until(now) == after.blocked_until(now)
            && before.is_open() == after.is_open()
            && is_backing_off == step.state.is_backing_off()
    }
}

/// A call remembers the session as it was when the call came in.
fn call_keeps_its_arrival_and_deadline(step: &Step<'_>) -> bool {
    let Some((caller, answer)) = answer(step) else { return true };
    let call = match answer {
        call::Step::Send(attempt) => &attempt.call,
        call::Step::Authenticate(_, call) | call::Step::Wait(call, _) => call,
        call::Step::Refuse(_) => return true,
    };
    let epoch = step.state.past.epoch - caller.arrival.map_or(0, |came| came.epochs);
    let failed_logins = match caller.arrival {
        Some(came) => failed_logins_before(came.failures),
        None => step.after.circuit.failed_logins(),
    };
    call.arrival == Some(Arrival { epoch, failed_logins })
        && call.deadline == caller.deadline.map(at)
        && (call.body == Body::OneShot) == caller.one_shot
}

/// A call to another origin ends with an error, and its request carries no token.
fn call_to_other_origin_ends(step: &Step<'_>) -> bool {
    match (step.input, step.output) {
        (Input::ForeignCall(_), Output::Call(answer, header)) => {
            answer.is_err() && header.is_none()
        }
        (Input::Call(_), Output::Call(answer, _)) => answer.is_ok(),
        _ => true,
    }
}
