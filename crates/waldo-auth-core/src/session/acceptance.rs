//! Whether a renewed or stored token is to be held. These methods decide without a change of the
//! session.

use std::time::Duration;

use http::HeaderValue;

use super::Session;
use crate::call::Attempt;
use crate::journal::Ignored;
use crate::lifetime::Lifetime;
use crate::snapshot::{NotResumed, Snapshot};
use crate::time::Now;
use crate::verify;
use crate::wire::{self, Head, Jwt, Malformed};

/// The largest difference between two wall clocks at which a snapshot is still resumed.
const TOLERANCE: Duration = Duration::from_secs(60);

impl Session {
    /// Whether a response repeats the held token in exactly the form of the request. This is the
    /// usual case.
    pub(super) fn repeats_held(&self, attempt: &Attempt, value: &HeaderValue) -> bool {
        attempt.epoch == self.epoch && self.held.as_ref().is_some_and(|held| value == held.header)
    }

    /// Reads a renewed token that is to be held (rules 4, 5, 6); `None` if it is held already.
    pub(super) fn accept_renewal<'a>(
        &self,
        attempt: &Attempt,
        value: &'a HeaderValue,
        response: Head<'a>,
    ) -> Result<Option<(Jwt<'a>, HeaderValue)>, Ignored> {
        if attempt.epoch != self.epoch {
            return Err(Ignored::EarlierEpoch);
        }
        let held = self.held.as_ref().ok_or(Ignored::NothingHeld)?;
        let text = wire::bearer_credentials(value.as_bytes());
        if text == held.jwt() {
            return Ok(None);
        }
        if self.given_up.contain(text) {
            return Err(Ignored::GivenUp);
        }
        let jwt = response.jwt(value)?;
        if !self.is_signed(jwt) {
            return Err(Ignored::BadSignature);
        }
        let succeeds_held = attempt.generation == held.generation;
        // The attempt's token was held since the login, so it ends no later than the latest `exp`.
        let ends_later = jwt.claims.exp.is_some() && jwt.claims.exp > held.latest_exp;
        if !succeeds_held && !ends_later {
            return Err(Ignored::NotLater);
        }
        let header = wire::bearer_header_of(value, jwt.as_bytes()).ok_or(Ignored::NotJwt)?;
        Ok(Some((jwt, header)))
    }

    /// Reads a stored token that is to be held, with the rest of its lifetime.
    pub(super) fn accept_stored<'a>(
        &self,
        snapshot: &'a Snapshot,
        now: Now,
    ) -> Result<(Jwt<'a>, HeaderValue, Lifetime), NotResumed> {
        let config = &self.config;
        if snapshot.origin != config.origin || snapshot.key != config.credentials.fingerprint() {
            return Err(NotResumed::Foreign);
        }
        let spent = match now.wall.duration_since(snapshot.began) {
            Ok(spent) => spent,
            Err(ahead) if ahead.duration() <= TOLERANCE => Duration::ZERO,
            Err(_) => return Err(NotResumed::FromTheFuture),
        };
        let lifetime = Lifetime::resumed(now, snapshot.lifetime, spent);
        if !lifetime.usable(config.limits.leeway, now) {
            return Err(NotResumed::Expired);
        }
        let is_stored = |header: &HeaderValue| {
            wire::bearer_credentials(header.as_bytes()) == snapshot.token.as_bytes()
        };
        // The snapshot may be of the held token. If the clock was set back, the snapshot seems to
        // last longer.
        if self.held.as_ref().is_some_and(|held| {
            held.lifetime.left(now) >= lifetime.left(now) || is_stored(&held.header)
        }) {
            return Err(NotResumed::HeldLastsLonger);
        }
        if self.given_up.contain(snapshot.token.as_bytes()) {
            return Err(NotResumed::Refused);
        }
        // A snapshot always holds a JWT, so the next two lines succeed.
        let jwt = Jwt::read(snapshot.token.as_bytes()).map_err(|_| NotResumed::Foreign)?;
        let header = wire::bearer_header(jwt.as_bytes()).ok_or(NotResumed::Foreign)?;
        if self.is_signed(jwt) {
            Ok((jwt, header, lifetime))
        } else {
            Err(NotResumed::BadSignature)
        }
    }

    fn is_signed(&self, jwt: Jwt<'_>) -> bool {
        verify::passes(self.config.limits.verify, jwt, &self.config.credentials)
    }
}

impl From<Malformed> for Ignored {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Blank => Self::Blank,
            Malformed::Oversized => Self::Oversized,
            Malformed::NotJwt => Self::NotJwt,
        }
    }
}
