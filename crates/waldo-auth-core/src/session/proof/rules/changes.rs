//! Which step may change which part of the state.

use super::{Rule, Step};
use crate::call;
use crate::explain::NoToken;
use crate::session::proof::inputs::{End, Input};
use crate::session::proof::rules::Output;
use crate::token::Token;

pub(super) const ALL: &[(&str, Rule)] = &[
    ("change_is_journalled", change_is_journalled),
    ("counters_never_fall", counters_never_fall),
    ("epoch_begins_with_login_reset_invalidation_or_snapshot", epoch_begins),
    ("generation_counts_held_tokens", generation_counts_held_tokens),
    ("token_comes_from_response_login_or_store", token_comes_from_outside),
    ("token_is_dropped_by_401_broken_upload_or_user", token_is_dropped_for_a_reason),
    ("drop_is_recorded", drop_is_recorded),
    ("drop_outside_of_last_seconds_takes_one_permit", drop_takes_one_permit),
    ("permit_is_taken_by_drops_only", permit_is_taken_by_drops_only),
    ("refused_generation_is_set_by_401_that_drops", refused_is_set_by_401),
    ("login_is_counted_when_it_starts", login_is_counted),
    ("lease_changes_with_its_login_only", lease_changes_with_its_login_only),
    ("circuit_changes_with_logins_and_reset_only", circuit_changes_with_logins_only),
    ("evidence_comes_from_responses_and_tokens", evidence_comes_from_responses),
    ("credentials_change_by_reset_only", credentials_change_by_reset_only),
    ("foreign_input_changes_nothing", foreign_input_changes_nothing),
];

/// Every change of the state has an entry in the journal.
fn change_is_journalled(step: &Step<'_>) -> bool {
    step.noted || !step.changed.anything()
}

/// The generation, the epoch and the number of logins never fall.
fn counters_never_fall(step: &Step<'_>) -> bool {
    step.after.generation >= step.before.generation
        && step.after.epoch >= step.before.epoch
        && step.after.logins >= step.before.logins
}

/// An epoch begins, one at a time, with a granted login, another key pair, an invalidation or a
/// resumed snapshot.
fn epoch_begins(step: &Step<'_>) -> bool {
    let begins = match step.input {
        Input::Login(..) => step.changed.generation,
        Input::Resume(_) => matches!(step.output, Output::Resumed(Ok(()))),
        Input::Invalidate(_) => matches!(step.output, Output::Invalidated(true)),
        Input::Reset(other) => other,
        Input::Call(_)
        | Input::ForeignCall(_)
        | Input::Response(..)
        | Input::BreakOff(_)
        | Input::OtherSession => false,
    };
    step.after.epoch == step.before.epoch + u64::from(begins)
}

/// A new generation is held, and every newly held token has a new generation.
fn generation_counts_held_tokens(step: &Step<'_>) -> bool {
    let brought = step.brought().map(|held| held.generation);
    match brought {
        Some(generation) => generation > step.before.generation,
        None => !step.changed.generation,
    }
}

/// A session holds another token only if a response, a login or a store has brought it.
fn token_comes_from_outside(step: &Step<'_>) -> bool {
    step.brought().is_none()
        || match step.input {
            Input::Response(_, response) => response.offers.iter().any(|offer| step.holds(*offer)),
            Input::Login(_, End::Granted(offer)) => step.holds(offer),
            Input::Resume(stored) => step.holds(stored.offer),
            Input::Login(..)
            | Input::Call(_)
            | Input::ForeignCall(_)
            | Input::BreakOff(_)
            | Input::Reset(_)
            | Input::Invalidate(_)
            | Input::OtherSession => false,
        }
}

/// Only a 401 or a broken upload with this very token, an invalidation of it, or another key pair
/// drops a token. So no late response drops a newer token.
fn token_is_dropped_for_a_reason(step: &Step<'_>) -> bool {
    !step.drops()
        || match step.input {
            Input::Response(sent, response) => sent.generations == 0 && response.refuses(),
            Input::BreakOff(sent) => sent.generations == 0,
            Input::Invalidate(ago) => ago == 0,
            Input::Reset(other) => other,
            Input::Login(..)
            | Input::Call(_)
            | Input::ForeignCall(_)
            | Input::Resume(_)
            | Input::OtherSession => false,
        }
}

/// The session remembers a dropped token and the reason; nothing else is remembered as dropped.
fn drop_is_recorded(step: &Step<'_>) -> bool {
    let why = match step.input {
        Input::Response(..) => NoToken::Refused,
        Input::BreakOff(_) => NoToken::Doubtful,
        Input::Invalidate(_) => NoToken::Invalidated,
        Input::Reset(_) => NoToken::Reset,
        Input::Login(..)
        | Input::Call(_)
        | Input::ForeignCall(_)
        | Input::Resume(_)
        | Input::OtherSession => step.before.no_token,
    };
    let forgets = step.drops() || matches!(step.input, Input::Reset(true));
    let given_up = step.before.held.as_ref().filter(|_| step.drops()).map(Token::jwt);
    step.changed.given_up == step.drops()
        && given_up.is_none_or(|jwt| step.after.given_up.contain(jwt))
        && step.after.no_token == if forgets { why } else { step.before.no_token }
}

/// A drop takes one permit, except for another key pair, and in the last seconds of a lifetime.
fn drop_takes_one_permit(step: &Step<'_>) -> bool {
    let is_free = match step.input {
        Input::Reset(_) => true,
        Input::Response(_, response) => step.may_have_ended(response.over),
        Input::Call(_)
        | Input::ForeignCall(_)
        | Input::BreakOff(_)
        | Input::Login(..)
        | Input::Invalidate(_)
        | Input::Resume(_)
        | Input::OtherSession => false,
    };
    !step.drops()
        || if is_free {
            !step.changed.budget
        } else {
            step.state.permits > 0 && step.after.invalidations == step.budget_less_one()
        }
}

/// Nothing but a drop takes a permit, and nothing gives a permit back before its time.
fn permit_is_taken_by_drops_only(step: &Step<'_>) -> bool {
    step.drops() || !step.changed.budget
}

/// The refused generation is the one that a 401 has dropped last.
fn refused_is_set_by_401(step: &Step<'_>) -> bool {
    let is_refused = step.drops() && matches!(step.input, Input::Response(..));
    let refused = if is_refused { step.before.generation } else { step.before.refused };
    step.after.refused == refused
}

/// A login counts when a call starts it.
fn login_is_counted(step: &Step<'_>) -> bool {
    let starts = matches!(step.output, Output::Call(Ok(call::Step::Authenticate(..)), _));
    step.after.logins == step.before.logins + u64::from(starts)
}

/// A lease ends with its own login, with its time, or with its key pair; so one login at most is
/// under way.
fn lease_changes_with_its_login_only(step: &Step<'_>) -> bool {
    let ends = match step.input {
        Input::Call(_) => !step.state.has_live_lease(),
        Input::Login(led, _) => led.is_current(step.state),
        Input::Reset(other) => other,
        Input::Invalidate(_) => {
            matches!(step.output, Output::Invalidated(true)) && !step.state.has_live_lease()
        }
        Input::ForeignCall(_)
        | Input::Response(..)
        | Input::BreakOff(_)
        | Input::Resume(_)
        | Input::OtherSession => false,
    };
    let must_end = ends && !step.changed.logins;
    if must_end { step.after.lease.is_none() } else { ends || !step.changed.lease }
}

/// Only the end of a login, an expired lease or a reset changes when the next login starts.
fn circuit_changes_with_logins_only(step: &Step<'_>) -> bool {
    !step.changed.circuit
        || match step.input {
            Input::Login(..) | Input::Reset(_) => true,
            Input::Call(_) => step.state.logins.lease.is_some() && !step.state.has_live_lease(),
            Input::ForeignCall(_)
            | Input::Response(..)
            | Input::BreakOff(_)
            | Input::Invalidate(_)
            | Input::Resume(_)
            | Input::OtherSession => false,
        }
}

/// Only a response to a token of this epoch, or a new token, is evidence.
fn evidence_comes_from_responses(step: &Step<'_>) -> bool {
    !step.changed.evidence
        || match step.input {
            Input::Response(sent, response) => sent.epochs == 0 && !response.foreign,
            Input::Login(..) | Input::Resume(_) => step.brought().is_some(),
            Input::Call(_)
            | Input::ForeignCall(_)
            | Input::BreakOff(_)
            | Input::Reset(_)
            | Input::Invalidate(_)
            | Input::OtherSession => false,
        }
}

/// Only `reset` changes the key pair.
fn credentials_change_by_reset_only(step: &Step<'_>) -> bool {
    step.changed.credentials == matches!(step.input, Input::Reset(true))
}

/// A response from another origin, a call to another origin, and permits of another session change
/// nothing.
fn foreign_input_changes_nothing(step: &Step<'_>) -> bool {
    let is_foreign = match step.input {
        Input::Response(_, response) => response.foreign,
        Input::ForeignCall(_) | Input::OtherSession => true,
        Input::Call(_)
        | Input::BreakOff(_)
        | Input::Login(..)
        | Input::Reset(_)
        | Input::Invalidate(_)
        | Input::Resume(_) => false,
    };
    !is_foreign || !step.changed.anything()
}
