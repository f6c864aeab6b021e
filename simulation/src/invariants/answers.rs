//! The answers to callers: delivered 401s and refusals.

use super::{MAX_FAILURES, Scene};
use crate::machine::Why;
use crate::watch::{By, Caller, Sight, TokenId, What};

/// The call and the token of a delivered 401, if it is the call's first answer and the call could
/// be sent again.
fn delivered(sight: &Sight) -> Option<(&Caller, TokenId)> {
    let What::Answered { call, sent, status: 401, own_origin: true, retried: false, .. } =
        &sight.what
    else {
        return None;
    };
    (call.attempts == 1 && !call.one_shot).then_some((call, *sent))
}

pub(super) fn is_401_undisturbed(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Answered { call, status: 401, .. } = &sight.what else { return None };
    scene.undisturbed.then(|| format!("{call} is answered 401 though nothing has gone wrong"))
}

pub(super) fn is_401_despite_a_newer_token(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, sent) = delivered(sight)?;
    let newer = scene.watch.held.is_some_and(|held| held.token != sent);
    newer.then(|| format!("{call} is delivered a 401 though a newer token is held"))
}

pub(super) fn is_401_that_a_login_resolves(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, sent) = delivered(sight)?;
    let alone = scene.watch.held.is_some_and(|held| held.token == sent);
    (alone && call.epoch == scene.watch.epoch && scene.watch.must_drop())
        .then(|| format!("{call} is delivered a 401 which a login and a resend would have avoided"))
}

pub(super) fn is_referred_to_the_past(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Refused { call, retry_at, .. } = &sight.what else { return None };
    (*retry_at < sight.now.monotonic)
        .then(|| format!("{call} is referred to an instant that has passed"))
}

pub(super) fn is_refused_without_rejection(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Refused { call, why: Why::Rejected, .. } = &sight.what else { return None };
    let rejected = scene.watch.blocked.is_some_and(|blocked| blocked.by == By::Rejection);
    (!rejected).then(|| format!("{call} is refused for a rejection that there was not"))
}

pub(super) fn is_refused_too_early(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Refused { call, why: Why::Unavailable, .. } = &sight.what else { return None };
    (scene.watch.failures < call.failures + MAX_FAILURES)
        .then(|| format!("{call} is refused before it has waited through {MAX_FAILURES} failures"))
}

pub(super) fn is_refused_within_its_deadline(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Refused { call, why: Why::Deadline, retry_at } = &sight.what else { return None };
    call.deadline
        .is_none_or(|deadline| deadline > *retry_at)
        .then(|| format!("{call} is refused though its deadline comes later than a token may"))
}
