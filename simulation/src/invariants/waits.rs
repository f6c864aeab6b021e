//! What a call waits for, and until when.

use std::time::Duration;

use waldo_auth_core::Instant;

use super::Scene;
use crate::machine::Why;
use crate::watch::{Caller, Lease, Sight, What};

/// The longest backoff without a `Retry-After` (rule 14).
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A call that waits, and until when.
fn waits(sight: &Sight) -> Option<(&Caller, Instant)> {
    let What::Waits { call, until } = &sight.what else { return None };
    Some((call, *until))
}

/// The login that calls may wait for.
fn login(scene: &Scene<'_>, sight: &Sight) -> Option<Lease> {
    scene.watch.lease.filter(|lease| lease.expires_at > sight.now.monotonic)
}

pub(super) fn waits_for_a_held_token(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, _) = waits(sight)?;
    let good = scene.watch.is_good_for(call, sight.now);
    good.then(|| format!("{call} is kept waiting though a good token is held"))
}

pub(super) fn is_refused_a_held_token(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Refused { call, why: Why::Rejected | Why::Unavailable | Why::Deadline, .. } =
        &sight.what
    else {
        return None;
    };
    let good = scene.watch.is_good_for(call, sight.now);
    good.then(|| format!("{call} is refused though a good token is held"))
}

pub(super) fn ends_in_the_past(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, until) = waits(sight)?;
    (until <= sight.now.monotonic)
        .then(|| format!("{call} is given a wait for an instant that has passed"))
}

pub(super) fn outlasts_the_deadline(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, until) = waits(sight)?;
    (until > call.deadline?).then(|| format!("{call} is given a wait beyond its deadline"))
}

pub(super) fn outlasts_the_lease(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, until) = waits(sight)?;
    let lease = login(scene, sight)?;
    (until > lease.expires_at)
        .then(|| format!("{call} is given a wait beyond the lease of login {}", lease.login))
}

pub(super) fn has_no_reason(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, _) = waits(sight)?;
    (login(scene, sight).is_none() && scene.watch.blocked.is_none())
        .then(|| format!("{call} waits for nothing"))
}

pub(super) fn outlasts_the_backoff(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (call, until) = waits(sight)?;
    let blocked = scene.watch.blocked.filter(|_| login(scene, sight).is_none())?;
    let latest = blocked.at_least_until.max(sight.now.monotonic.saturating_add(LONGEST_BACKOFF));
    (until > latest).then(|| format!("{call} is given a backoff longer than any reason asks for"))
}
