//! What follows from responses and from broken uploads (rules 4 to 9, 16, 17, 24).

use std::time::Duration;

use super::{Output, Rule, Step};
use crate::call::{Upload, Verdict};
use crate::session::proof::held::Held;
use crate::session::proof::inputs::{Input, Sent};
use crate::session::proof::invariants::has_renewed;
use crate::session::proof::state::{State, date, now};
use crate::session::proof::tokens::{Offer, Response};
use crate::token::Source;

pub(super) const ALL: &[(&str, Rule)] = &[
    ("renewed_token_is_held_as_rule_5_says", renewed_token_is_held_as_rule_5_says),
    ("renewed_token_keeps_latest_exp", renewed_token_keeps_latest_exp),
    ("success_is_evidence", success_is_evidence),
    ("success_ends_doubt_of_its_token", success_ends_doubt_of_its_token),
    ("only_401_begins_refusal", only_401_begins_refusal),
    ("token_is_dropped_as_rules_7_and_16_say", token_is_dropped_as_rules_7_and_16_say),
    ("broken_upload_makes_token_doubtful", broken_upload_makes_token_doubtful),
    ("call_is_sent_again_as_rules_8_and_17_say", call_is_sent_again_as_rules_8_and_17_say),
];

impl Step<'_> {
    /// Whether the held token is in the last seconds of its lifetime; `over` if the server's `Date`
    /// says so.
    pub(super) fn may_have_ended(&self, over: Option<bool>) -> bool {
        use crate::session::proof::held::Stage;

        self.state.held.is_some_and(|held| {
            held.stage.left() <= 2000 && (held.stage != Stage::Short || over == Some(true))
        })
    }

    /// The attempt and its response, if the response comes from the session's origin.
    fn response(&self) -> Option<(Sent, Response)> {
        let Input::Response(sent, response) = self.input else { return None };
        (!response.foreign).then_some((sent, response))
    }

    /// Whether a 401 refuses the held token.
    fn is_refused(&self) -> bool {
        let refuses = |(sent, response): (Sent, Response)| {
            response.status == 401 && sent.generations == 0 && self.state.held.is_some()
        };
        self.response().is_some_and(refuses)
    }
}

impl State {
    /// Whether a login granted the held token after the call had come in.
    fn is_fresh_for(&self, sent: Sent) -> bool {
        let came_before = sent.caller.arrival.is_some_and(|came| came.epochs > 0);
        came_before && self.held.is_some_and(|held| held.source == Source::Login)
    }

    /// Whether the server accepts the login, and has neither refused nor lost its token since.
    pub(super) fn is_trusted(&self) -> bool {
        let is_doubtful = self.held.is_some_and(|held| held.doubtful);
        self.trust.accepted && self.trust.refused_for.is_none() && !is_doubtful
    }

    /// Whether the refusals have lasted long enough for a drop, and the budget pays for it: the
    /// table of rule 16.
    fn allows_drop(&self) -> bool {
        let refused_for = self.trust.refused_for.unwrap_or(0);
        let grace = (1500_i64 << self.trust.unaccepted.min(6)).min(30_000);
        match self.trust.accepted {
            true if self.permits >= 6 => true,
            true => self.permits >= 1 && refused_for >= 1000,
            false => self.permits >= 1 && refused_for >= grace,
        }
    }

    /// Whether the offered token is to be held instead of the held one (rule 5).
    fn accepts(&self, sent: Sent, offer: Offer) -> bool {
        let Some(held) = self.held.filter(|_| sent.epochs == 0) else { return false };
        let is_known = match offer {
            Offer::Same | Offer::Malformed => true,
            Offer::GivenUp => self.past.given_up,
            Offer::NoExp | Offer::Older | Offer::NotLater | Offer::Newer => false,
        };
        let ends_later = offer.exp(self.held).is_some_and(|exp| Some(exp) > held.latest_exp());
        !is_known && (sent.generations == 0 || ends_later)
    }
}

/// A success holds the last of its tokens that is newer than the held one, and no other response
/// holds a token.
fn renewed_token_is_held_as_rule_5_says(step: &Step<'_>) -> bool {
    let Some((sent, response)) = step.response() else { return true };
    let is_success = (200..300).contains(&response.status);
    let accepted = |offer: &&Offer| is_success && step.state.accepts(sent, **offer);
    match response.offers.iter().rev().find(accepted) {
        Some(offer) => step.brought().is_some() && step.holds(*offer),
        None => step.brought().is_none(),
    }
}

/// A renewed token stays in its epoch. Its latest `exp` covers its predecessors, so no order of
/// responses brings an older token back.
fn renewed_token_keeps_latest_exp(step: &Step<'_>) -> bool {
    if step.response().is_none() {
        return true;
    }
    let before = step.state.held.and_then(Held::latest_exp).map(date);
    step.brought().is_none_or(|held| {
        held.epoch == step.before.epoch
            && held.source == Source::Renewal
            && held.latest_exp >= before
            && held.lifetime.left(now())
                == held.lifetime.span().saturating_sub(Duration::from_secs(5))
            && !held.doubtful
    })
}

/// A success shows that the server accepts the login. It ends a refusal, unless the server renews
/// tokens and this success has no newer one. A cached success shows nothing.
fn success_is_evidence(step: &Step<'_>) -> bool {
    let Some((sent, response)) = step.response().filter(|(sent, _)| sent.epochs == 0) else {
        return true;
    };
    let (trust, after) = (step.state.trust, step.after.evidence);
    let is_cached = step.state.past.given_up && response.offers.contains(&Offer::GivenUp);
    let renewed = step.brought().is_some();
    let renews = trust.renewed || renewed;
    let (accepted, is_refused) = match response.status {
        200..300 if renewed => (true, false),
        200..300 if is_cached => (trust.accepted, trust.refused_for.is_some()),
        200..300 => (true, trust.refused_for.is_some() && trust.renewed),
        401 => {
            let refuses = sent.generations == 0 && step.state.held.is_some();
            (trust.accepted, trust.refused_for.is_some() || refuses)
        }
        500.. => (trust.accepted, trust.refused_for.is_some()),
        _ => (true, trust.refused_for.is_some()),
    };
    after.is_accepted() == accepted
        && after.is_clear() == (accepted && !is_refused)
        && has_renewed(after, now().monotonic) == renews
}

/// The doubt about a token ends with a success of this token, or with another token.
fn success_ends_doubt_of_its_token(step: &Step<'_>) -> bool {
    let was_doubtful = step.state.held.is_some_and(|held| held.doubtful);
    let is_doubtful = step.after.held.as_ref().is_some_and(|held| held.doubtful);
    let ends = step.response().is_some_and(|(sent, response)| {
        let is_cached = step.state.past.given_up && response.offers.contains(&Offer::GivenUp);
        (200..300).contains(&response.status)
            && (sent.generations, sent.epochs) == (0, 0)
            && !is_cached
    });
    if was_doubtful {
        is_doubtful != (step.changed.held || ends)
    } else {
        !is_doubtful || matches!(step.input, Input::BreakOff(_))
    }
}

/// The time of a refusal begins with the first 401 to the held token, and no later 401 moves it.
fn only_401_begins_refusal(step: &Step<'_>) -> bool {
    let mut evidence = step.before.evidence;
    if step.is_refused() {
        evidence.refuse(now().monotonic);
    }
    let is_success = |(_, response): (Sent, Response)| response.status != 401;
    step.response().is_none_or(is_success) || step.after.evidence == evidence
}

/// A 401 drops the held token exactly if rule 7 and rule 16 allow it.
fn token_is_dropped_as_rules_7_and_16_say(step: &Step<'_>) -> bool {
    let Some((sent, response)) = step.response() else { return true };
    let ended = step.may_have_ended(response.over);
    let may_drop = ended || (!step.state.is_fresh_for(sent) && step.state.allows_drop());
    step.drops() == (step.is_refused() && may_drop)
}

/// A broken upload makes its held token doubtful. If the upload had asked first, the token is
/// dropped, for a permit of the first half of the budget.
fn broken_upload_makes_token_doubtful(step: &Step<'_>) -> bool {
    let Input::BreakOff(sent) = step.input else { return true };
    let is_held = step.state.held.is_some() && sent.generations == 0;
    let drops = is_held && sent.upload == Upload::ExpectContinue && step.state.permits >= 6;
    let is_doubtful = step.after.held.as_ref().is_some_and(|held| held.doubtful);
    step.drops() == drops && (!is_held || drops || is_doubtful)
}

/// A call is sent again at most once with a newer token and at most once after a login, and only
/// if its body is whole.
fn call_is_sent_again_as_rules_8_and_17_say(step: &Step<'_>) -> bool {
    let Output::Verdict(verdict) = step.output else { return true };
    let state = step.state;
    let (sent, is_whole, is_refused) = match step.input {
        Input::Response(sent, response) => {
            let is_whole = sent.untouched && sent.caller.broke_off.is_none();
            (sent, is_whole, response.refuses())
        }
        // The upload itself broke off: one head-only attempt follows.
        Input::BreakOff(sent) if state.held.is_some() && sent.generations == 0 => {
            let broke_off = (sent.upload == Upload::Send).then_some(step.before.generation);
            return retried(verdict)
                == broke_off.map(|generation| {
                    (sent.caller.resent_with_newer, sent.caller.resent_after_login, generation)
                });
        }
        Input::BreakOff(sent) => (sent, false, sent.generation(state) == state.past.refused),
        Input::Call(_)
        | Input::ForeignCall(_)
        | Input::Login(..)
        | Input::Reset(_)
        | Input::Invalidate(_)
        | Input::Resume(_)
        | Input::OtherSession => return false,
    };
    let is_whole = is_whole || !sent.caller.one_shot;
    let is_newer = state.held.is_some() && sent.generations > 0;
    let is_gone = step.after.held.is_none();
    let sent_token = step.before.held.as_ref().filter(|_| sent.generations == 0);
    let was_stored = sent_token.is_some_and(|held| held.source == Source::Snapshot);
    let (newer, login) = (sent.caller.resent_with_newer, sent.caller.resent_after_login);
    let resend = match is_refused && is_whole {
        true if is_newer && !newer => Some((true, login, 0)),
        true if is_newer && sent.epochs > 0 && !login => Some((true, true, 0)),
        true if is_gone && was_stored && !newer => Some((true, login, 0)),
        true if is_gone && !login => Some((newer, true, 0)),
        _ => None,
    };
    retried(verdict) == resend
}

/// Which resends a call has used, and with which generation its upload broke off.
fn retried(verdict: &Verdict) -> Option<(bool, bool, u64)> {
    match verdict {
        Verdict::Deliver => None,
        Verdict::Retry(call) => {
            Some((call.resent_with_newer, call.resent_after_login, call.broke_off))
        }
    }
}
