//! How often a call is sent, and why it is sent again.

use super::{MAX_FAILURES, Scene};
use crate::watch::{By, Caller, Sight, What};

/// A call that is sent with its body again.
fn sent_again(sight: &Sight) -> Option<&Caller> {
    let What::Sent { call, probe: false, .. } = &sight.what else { return None };
    (call.attempts > 0).then_some(call)
}

pub(super) fn sends_head_only_unasked(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Sent { call, probe: true, .. } = &sight.what else { return None };
    call.broke_off.is_none().then(|| format!("{call} probes though its upload did not break off"))
}

pub(super) fn is_sent_a_fourth_time(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let call = sent_again(sight)?;
    (call.attempts >= 3).then(|| format!("{call} is sent for the fourth time"))
}

pub(super) fn is_sent_without_its_body(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let call = sent_again(sight)?;
    call.one_shot.then(|| format!("{call} is sent again though its body is gone"))
}

pub(super) fn is_sent_without_a_401(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let call = sent_again(sight)?;
    // If an upload broke off, a 401 to the same token in any call is a reason too.
    let was_refused = call.broke_off.is_some_and(|token| scene.watch.refused.contains(&token));
    (call.last != Some(401) && !was_refused).then(|| format!("{call} is sent again without a 401"))
}

/// An answer after which the call is sent again: the call, the status, and whether the answer came
/// from the call's own origin.
fn retried(sight: &Sight) -> Option<(&Caller, u16, bool)> {
    let What::Answered { call, status, own_origin, retried: true, .. } = &sight.what else {
        return None;
    };
    Some((call, *status, *own_origin))
}

pub(super) fn retries_another_status(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, status, _) = retried(sight)?;
    (status != 401).then(|| format!("{call} is to be sent again because of a {status}"))
}

pub(super) fn retries_another_origin(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, _, own_origin) = retried(sight)?;
    (!own_origin).then(|| format!("{call} is to be sent again because of another origin"))
}

pub(super) fn retries_a_one_shot(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, ..) = retried(sight)?;
    call.one_shot.then(|| format!("{call} is to be sent again though its body is gone"))
}

pub(super) fn waits_through_too_many_failures(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (What::Waits { call, .. } | What::LoggedIn { call, .. }) = &sight.what else { return None };
    let failed = scene.watch.blocked.is_some_and(|blocked| blocked.by == By::Failure);
    let waited_through = scene.watch.failures.saturating_sub(call.failures);
    (failed && waited_through >= MAX_FAILURES)
        .then(|| format!("{call} goes on after {waited_through} failed logins"))
}
