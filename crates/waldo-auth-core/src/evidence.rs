//! The evidence of the responses to one login's tokens.

use std::time::Duration;

use crate::time::Instant;

/// How long refusals must have lasted before a drop may use the second half of the invalidation
/// budget.
const RESERVE_WAIT: Duration = Duration::from_secs(1);

/// The unit of time for which an unaccepted token is kept. Several servers behind one name may
/// learn of a token at different times.
const GRACE: Duration = Duration::from_millis(1500);
const LONGEST_GRACE: Duration = Duration::from_secs(30);

/// Whether the server has accepted the tokens of one login, and since when it refuses them (rule
/// 16).
///
/// A 401 alone does not say whether the token is dead. The server may not know the token yet, or
/// one of several servers may refuse a token that the others accept. So the earlier responses
/// decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Evidence {
    /// A response has shown that the server accepts the login.
    accepted: bool,
    /// A response has brought a renewed token.
    renewed: bool,
    /// The first refusal of the held token since the login or the last success.
    refused_since: Option<Instant>,
    /// How many logins in a row were never accepted, without this login.
    unaccepted: u32,
}

impl Evidence {
    /// The state before the first login.
    pub(crate) fn none() -> Self {
        Self { accepted: false, renewed: false, refused_since: None, unaccepted: 1 }
    }

    /// A login brought a token; `after_refusal` if a 401 caused the login.
    pub(crate) fn grant(&mut self, after_refusal: bool) {
        let unaccepted = match (after_refusal, self.accepted) {
            // The server may need a moment to learn of its own tokens.
            (false, _) => 1,
            (true, true) => 0,
            (true, false) => self.unaccepted.saturating_add(1),
        };
        // Keep `renewed`, because a login does not change how the server renews.
        *self = Self { unaccepted, renewed: self.renewed, ..Self::none() };
    }

    /// A stored token is resumed. It counts as accepted, because another session has used it.
    pub(crate) fn resume(&mut self) {
        *self = Self { accepted: true, ..Self::none() };
    }

    /// The server refused the held token.
    pub(crate) fn refuse(&mut self, now: Instant) {
        self.refused_since.get_or_insert(now);
    }

    /// A response brought a renewed token, which is now held.
    pub(crate) fn renew(&mut self) {
        *self = Self { accepted: true, renewed: true, refused_since: None, ..*self };
    }

    /// The evidence after a success without a renewed token.
    ///
    /// A route that does not check the token succeeds too. After the server has renewed a token
    /// once, only another renewal shows a check.
    #[must_use]
    pub(crate) fn after_success(self) -> Self {
        Self { accepted: true, refused_since: self.refused_since.filter(|_| self.renewed), ..self }
    }

    /// The evidence after a response that is no success and no refusal, such as a 404.
    #[must_use]
    pub(crate) fn after_answer(self) -> Self {
        Self { accepted: true, ..self }
    }

    /// Whether the server accepts the login's tokens, and has refused none since.
    pub(crate) fn is_clear(self) -> bool {
        self.accepted && self.refused_since.is_none()
    }

    pub(crate) fn is_accepted(self) -> bool {
        self.accepted
    }

    /// How many of `burst` permits must remain after a drop of the refused token now; `None` if it
    /// is too early for a drop.
    pub(crate) fn reserve(self, burst: u32, now: Instant) -> Option<u32> {
        let lasted =
            self.refused_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if self.accepted {
            return Some(if lasted < RESERVE_WAIT { burst / 2 } else { 0 });
        }
        let grace = GRACE.saturating_mul(2_u32.saturating_pow(self.unaccepted)).min(LONGEST_GRACE);
        (lasted >= grace).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn rule_16_accepted_token_spends_half_of_permits_immediately() {
        let mut evidence = Evidence::none();
        evidence.grant(true);
        let mut evidence = evidence.after_success();
        evidence.refuse(at(5000));
        assert_eq!(evidence.reserve(10, at(5000)), Some(5));
        assert_eq!(evidence.reserve(10, at(5999)), Some(5));
        assert_eq!(evidence.reserve(10, at(6000)), Some(0));
        assert_eq!(evidence.after_success().reserve(10, at(6000)), Some(5));
    }

    #[test]
    fn rule_16_an_unaccepted_token_is_kept_longer_each_time() {
        let mut evidence = Evidence::none();
        for grace in [3000, 6000, 12_000, 24_000, 30_000, 30_000] {
            let caused = evidence.refused_since.is_some();
            evidence.grant(caused);
            evidence.refuse(at(0));
            evidence.refuse(at(1000));
            assert_eq!(evidence.reserve(10, at(grace - 1)), None, "{grace}");
            assert_eq!(evidence.reserve(10, at(grace)), Some(0), "{grace}");
        }
        let mut evidence = evidence.after_answer();
        evidence.grant(true);
        evidence.refuse(at(0));
        assert_eq!(evidence.reserve(10, at(1499)), None);
        assert_eq!(evidence.reserve(10, at(1500)), Some(0));
    }

    #[test]
    fn rule_16_once_renewed_only_a_renewal_ends_a_refusal() {
        let mut evidence = Evidence::none();
        evidence.renew();
        evidence.refuse(at(0));
        assert!(!evidence.after_success().is_clear());
        assert!(!evidence.after_answer().is_clear());
        evidence.renew();
        assert!(evidence.is_clear());
        let mut unrenewed = Evidence::none().after_success();
        unrenewed.refuse(at(0));
        assert!(!unrenewed.is_clear() && unrenewed.after_success().is_clear());
        // A login does not change how a server renews. A stored token may come from another server.
        evidence.grant(true);
        let mut granted = evidence.after_success();
        granted.refuse(at(0));
        assert!(!granted.after_success().is_clear());
        let mut resumed = granted;
        resumed.resume();
        resumed.refuse(at(0));
        assert!(resumed.after_success().is_clear());
    }

    #[test]
    fn rule_16_a_stored_token_counts_as_accepted() {
        let mut evidence = Evidence::none();
        evidence.resume();
        evidence.refuse(at(0));
        assert_eq!(evidence.reserve(10, at(0)), Some(5));
    }
}
