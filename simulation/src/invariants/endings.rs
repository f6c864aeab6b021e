//! The end of a run: its calls have ended, no client shows a secret, and each client works again.

use std::time::Duration;

use super::Scene;
use crate::simulation::KEYS;
use crate::watch::{Sight, What};

/// How long calls may be answered 401 after the first 401. A client keeps a refused token, or waits
/// for a permit to drop it, for at most this time (rule 16).
pub(crate) const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// How many calls, one each ten minutes, a client may need until one is answered 200. The longest
/// waits are 15 minutes after a rejection, and one hour of a `Retry-After`.
pub(crate) const RECOVERY: u32 = 12;

pub(super) fn runs_in_a_circle(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    matches!(sight.what, What::Circles)
        .then(|| "the run comes back to where it was: it could go on for ever".to_owned())
}

pub(super) fn never_end(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Over { unanswered } = &sight.what else { return None };
    (*unanswered > 0).then(|| format!("{unanswered} calls never end"))
}

pub(super) fn does_not_recover(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Recovers { process, status, calls, .. } = &sight.what else { return None };
    (*calls >= RECOVERY && *status != Some(200))
        .then(|| format!("two hours after the server is well again, process {process} is not"))
}

pub(super) fn is_refused_for_long(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let What::Recovers { process, refused_for: Some(span), .. } = &sight.what else { return None };
    (*span > HALF_A_MINUTE)
        .then(|| format!("process {process} is still answered 401 half a minute later"))
}

pub(super) fn shows_a_key(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (key, _) = KEYS.iter().find(|(key, _)| says(sight, key))?;
    Some(format!("a key of {} bytes stands in what the client says of itself", key.len()))
}

pub(super) fn shows_a_secret(_: &Scene<'_>, sight: &Sight) -> Option<String> {
    let (_, secret) = KEYS.iter().find(|(_, secret)| says(sight, secret))?;
    Some(format!("a secret of {} bytes stands in what the client says of itself", secret.len()))
}

pub(super) fn shows_a_token(scene: &Scene<'_>, sight: &Sight) -> Option<String> {
    let token = scene.tokens.texts().find(|token| says(sight, token))?;
    Some(format!("a token of {} bytes stands in what the client says of itself", token.len()))
}

/// Whether the output of a client contains this text.
fn says(sight: &Sight, text: &str) -> bool {
    matches!(&sight.what, What::Says { said } if said.contains(text))
}
