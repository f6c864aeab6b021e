//! The tokens of requests.

use super::Scene;
use crate::watch::{Caller, Carries, GRACE, Sight, TokenId, What};

/// The call that is sent, and the token that it carries.
fn sent(sight: &Sight) -> Option<(&Caller, TokenId)> {
    let What::Sent { call, carries: Carries::Token(token), .. } = &sight.what else { return None };
    Some((call, *token))
}

/// Whether this token is older than the held token, and is not the last token that was sent.
fn is_brought_back(scene: &Scene<'_>, token: TokenId) -> bool {
    scene.watch.held.is_some_and(|held| token < held.token)
        && scene.watch.newest_sent != Some(token)
}

pub(super) fn goes_abroad(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Sent { call, carries: Carries::Abroad, .. } = &sight.what else { return None };
    Some(format!("{call} carries an Authorization header to another origin"))
}

pub(super) fn is_not_issued(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Sent { call, carries: Carries::Other, .. } = &sight.what else { return None };
    Some(format!("{call} carries something that the server never issued, or in another form"))
}

pub(super) fn is_dead(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, token) = sent(sight)?;
    let held = scene.watch.held.filter(|held| held.token == token)?;
    held.lifetime.left(sight.now).is_zero().then(|| {
        format!(
            "{call} carries token {}, whose lifetime of {:?} is over",
            token.0, held.lifetime.span
        )
    })
}

pub(super) fn was_refused(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, token) = sent(sight)?;
    scene
        .watch
        .refused
        .contains(&token)
        .then(|| format!("{call} carries token {}, which the server refused before", token.0))
}

pub(super) fn drops_a_newer_one(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Answered { call, sent, status: 401, holds: false, .. } = &sight.what else {
        return None;
    };
    let newer = scene.watch.held.filter(|held| held.token != *sent)?.token;
    Some(format!("the 401 of {call} to token {} drops token {}", sent.0, newer.0))
}

pub(super) fn was_given_up(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, token) = sent(sight)?;
    let nothing_held = scene.watch.held.is_none();
    nothing_held.then(|| format!("{call} carries token {}, which was given up", token.0))
}

pub(super) fn is_older(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, token) = sent(sight)?;
    let newer = scene.watch.held?.token;
    is_brought_back(scene, token)
        .then(|| format!("{call} carries token {}, though token {} is newer", token.0, newer.0))
}

pub(super) fn is_not_held(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, token) = sent(sight)?;
    let held = scene.watch.held.filter(|held| held.token != token)?.token;
    // The previous invariant judges a token that is brought back.
    (!is_brought_back(scene, token))
        .then(|| format!("{call} carries token {}, where token {} should be held", token.0, held.0))
}

pub(super) fn is_dropped_unknown(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Answered { call, sent, status: 401, own_origin: true, holds: false, .. } =
        &sight.what
    else {
        return None;
    };
    let (watch, now) = (scene.watch, sight.now);
    let unknown = watch.held.is_some_and(|held| held.token == *sent) && !watch.accepted;
    (unknown && !watch.may_have_ended(now) && watch.refused_for(now) < GRACE).then(|| {
        format!("the 401 of {call} drops token {}, which nothing has accepted yet", sent.0)
    })
}
