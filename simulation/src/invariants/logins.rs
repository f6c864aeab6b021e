//! When a login may start, and its request.

use std::time::Duration;

use waldo_auth_core::Instant;

use super::Scene;
use crate::watch::{BURST, Blocked, By, EVERY, Sight, What};

/// The longest lease.
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

/// The number of a login that starts.
fn started(sight: &Sight) -> Option<u64> {
    let What::LoggedIn { login, .. } = &sight.what else { return None };
    Some(*login)
}

/// The length of the lease of a login that starts.
fn length(sight: &Sight) -> Option<Duration> {
    let What::LoggedIn { expires_at, .. } = &sight.what else { return None };
    Some(expires_at.saturating_duration_since(sight.now.monotonic))
}

/// The backoff that keeps calls from logging in; `None` after a rejection.
fn failed(scene: &Scene<'_>) -> Option<Blocked> {
    scene.watch.blocked.filter(|blocked| blocked.by != By::Rejection)
}

pub(super) fn has_a_bad_form(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::LoggedIn { login, flaw, .. } = &sight.what else { return None };
    flaw.map(|flaw| format!("login {login} {flaw}"))
}

pub(super) fn starts_beside_another(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let login = started(sight)?;
    let other = scene.watch.lease.filter(|lease| lease.expires_at > sight.now.monotonic)?;
    Some(format!("login {login} starts while login {} is under way", other.login))
}

pub(super) fn has_no_lease(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (login, length) = (started(sight)?, length(sight)?);
    length.is_zero().then(|| format!("the lease of login {login} ends as it begins"))
}

pub(super) fn has_a_long_lease(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (login, length) = (started(sight)?, length(sight)?);
    (length > LONGEST_LEASE).then(|| format!("the lease of login {login} is {length:?} long"))
}

pub(super) fn is_needless(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::LoggedIn { call, login, .. } = &sight.what else { return None };
    let good = scene.watch.is_good_for(call, sight.now);
    good.then(|| format!("login {login} starts though a good token is held"))
}

pub(super) fn probes_early(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (login, now) = (started(sight)?, sight.now.monotonic);
    let blocked = scene.watch.blocked.filter(|blocked| blocked.by == By::Rejection)?;
    let early = blocked.at_least_until.saturating_duration_since(now);
    (!early.is_zero())
        .then(|| format!("login {login} tries a rejected key pair {early:?} too early"))
}

pub(super) fn exceeds_the_budget(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (login, drops) = (started(sight)?, &scene.watch.drops);
    let span = drops.back()?.saturating_duration_since(*drops.front()?);
    (drops.len() > BURST && span < EVERY).then(|| {
        format!("login {login} follows the drop of {} tokens within {span:?}", drops.len())
    })
}

pub(super) fn starts_as_another_fails(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (login, blocked) = (started(sight)?, failed(scene)?);
    (blocked.failed_at == Some(sight.now.monotonic))
        .then(|| format!("login {login} starts at the instant at which another failed"))
}

pub(super) fn starts_before_announced_instant(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (login, blocked) = (started(sight)?, failed(scene)?);
    let opens: Instant = blocked
        .announced
        .map_or(blocked.at_least_until, |announced| announced.max(blocked.at_least_until));
    let early = opens.saturating_duration_since(sight.now.monotonic);
    (!early.is_zero())
        .then(|| format!("login {login} starts {early:?} before the announced instant"))
}
