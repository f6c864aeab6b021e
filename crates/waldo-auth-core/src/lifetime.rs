//! How long a token lasts, and how much of its lifetime is left.

use std::time::{Duration, SystemTime};

use crate::time::{Instant, Now};
use crate::wire::{Claims, NumericDate};

/// The documented lifetime of a token. It is used if the token and its response do not show a
/// lifetime.
pub(crate) const DOCUMENTED: Duration = Duration::from_secs(60 * 60);

/// The longest lifetime that is believed if it depends on the local wall clock. A longer one shows
/// a wrong clock.
const BELIEVABLE: Duration = Duration::from_secs(24 * 60 * 60);

/// How much earlier than computed a lifetime may end. Servers round `exp`, `iat` and `Date` to
/// whole seconds, which is up to one second. Servers that write `Date` once a second send it up to
/// one more second late.
const GRANULARITY: Duration = Duration::from_secs(2);

/// The time for which a token can be used, measured from the instant at which its request was
/// *sent* (rule 10).
///
/// The span is the difference of two times of the same server. The local clock is compared with the
/// server's only if the response has no second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lifetime {
    sent: Now,
    span: Duration,
    /// The part of the lifetime that had passed at `sent`. It is zero, except for a resumed token.
    spent: Duration,
}

impl Lifetime {
    /// The lifetime of a resumed token, of which `spent` has passed.
    pub(crate) fn resumed(at: Now, span: Duration, spent: Duration) -> Self {
        Self { sent: at, span, spent }
    }

    /// The lifetime of a token with these claims that came in the answer to a request sent at
    /// `sent`.
    ///
    /// `date` is the answer's own `Date`, absent when the answer comes from a cache (it has an
    /// `Age`).
    pub(crate) fn of(
        claims: Claims,
        date: Option<NumericDate>,
        sent: Now,
        assumed: Duration,
    ) -> Self {
        let span = span(claims, date, sent.wall).unwrap_or(assumed);
        Self { sent, span, spent: Duration::ZERO }
    }

    pub(crate) fn span(self) -> Duration {
        self.span
    }

    /// How much is left, leeway included.
    pub(crate) fn left(self, now: Now) -> Duration {
        self.span.saturating_sub(self.spent).saturating_sub(now.elapsed_since(self.sent))
    }

    /// Whether more than the leeway is left (rule 11).
    pub(crate) fn usable(self, leeway: Leeway, now: Now) -> bool {
        self.minus(leeway).holds(now)
    }

    /// The end of the time in which more than the leeway is left.
    pub(crate) fn minus(self, leeway: Leeway) -> Expiry {
        Expiry::new(
            self.sent,
            self.span.saturating_sub(self.spent).saturating_sub(leeway.of(self.span)),
        )
    }

    /// Whether a server with whole-second clocks may see this lifetime as ended (rule 16);
    /// `is_over` if the server's own `Date` says so.
    ///
    /// If `Date` does not say so, at least half of the lifetime must have passed. Otherwise, if
    /// lifetimes are very short, every 401 would count as the end of a lifetime.
    pub(crate) fn may_have_ended(self, is_over: bool, now: Now) -> bool {
        let left = self.left(now);
        left <= GRANULARITY && (is_over || left <= self.span / 2)
    }
}

/// The end of a lifetime on both clocks. The lifetime has ended as soon as one clock has reached
/// its end.
///
/// Two comparisons with precomputed ends cost less than computing what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expiry {
    /// `None` if the end lies beyond the range of the clock.
    monotonic: Option<Instant>,
    wall: Option<SystemTime>,
}

impl Expiry {
    fn new(from: Now, span: Duration) -> Self {
        let monotonic = from.monotonic.since_start().checked_add(span).map(Instant::from_start);
        Self { monotonic, wall: from.wall.checked_add(span) }
    }

    pub(crate) fn holds(self, now: Now) -> bool {
        self.monotonic.is_none_or(|end| now.monotonic < end)
            && self.wall.is_none_or(|end| now.wall < end)
    }
}

fn span(claims: Claims, date: Option<NumericDate>, local: SystemTime) -> Option<Duration> {
    let exp = claims.exp?;
    let by_date = date.and_then(|date| exp.after(date));
    let by_iat = claims.iat.and_then(|iat| exp.after(iat));
    match (by_date, by_iat) {
        (Some(by_date), Some(by_iat)) => Some(by_date.min(by_iat)),
        (Some(span), None) | (None, Some(span)) => Some(span),
        // The server's own times contradict `exp`. Do not compare `exp` with the local clock: a few
        // milliseconds could be left, and the token would be dropped unused.
        (None, None) if date.is_some() || claims.iat.is_some() => None,
        (None, None) => exp.after(NumericDate::from(local)).filter(|span| *span <= BELIEVABLE),
    }
}

/// The part at the end of a lifetime in which a token is not used: a fixed time, but at most a
/// share of the lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leeway {
    /// The leeway of a long lifetime.
    pub(crate) at_most: Duration,
    /// The leeway of a short lifetime is its `share`-th part. `share` is at least 2, so that half
    /// of the lifetime remains.
    pub(crate) share: u32,
}

impl Leeway {
    /// No leeway: the token is usable to its end.
    pub(crate) const NONE: Self = Self { at_most: Duration::ZERO, share: 2 };

    pub(crate) fn of(self, span: Duration) -> Duration {
        self.at_most.min(span / self.share)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const T: u64 = 1_800_000_000;
    const LEEWAY: Leeway = Leeway { at_most: Duration::from_secs(3), share: 10 };

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn wall(s: u64) -> SystemTime {
        UNIX_EPOCH + secs(s)
    }

    fn at(s: u64) -> Now {
        Now::new(secs(s), wall(T + s))
    }

    fn date(s: i64) -> NumericDate {
        NumericDate::from_millis(s * 1000)
    }

    fn claims(exp: i64, iat: Option<i64>) -> Claims {
        Claims { exp: Some(date(exp)), iat: iat.map(date) }
    }

    fn lifetime(span: Duration) -> Lifetime {
        Lifetime::resumed(at(0), span, Duration::ZERO)
    }

    const T_I: i64 = 1_800_000_000;

    #[test]
    fn rule_10_the_smaller_of_both_differences_counts() {
        let sent = at(0);
        let span = |c, d| Lifetime::of(c, d, sent, DOCUMENTED).span();
        assert_eq!(span(claims(T_I + 50, None), Some(date(T_I))), secs(50));
        assert_eq!(span(claims(T_I + 50, Some(T_I + 10)), None), secs(40));
        assert_eq!(span(claims(T_I + 50, Some(T_I + 10)), Some(date(T_I))), secs(40));
        assert_eq!(span(claims(T_I + 50, Some(T_I - 10)), Some(date(T_I))), secs(50));
    }

    #[test]
    fn rule_10_a_difference_that_is_not_positive_counts_as_absent() {
        let span = |c, d| Lifetime::of(c, d, at(0), DOCUMENTED).span();
        assert_eq!(span(claims(T_I + 50, Some(T_I + 50)), Some(date(T_I))), secs(50));
        assert_eq!(span(claims(T_I + 50, Some(T_I + 10)), Some(date(T_I + 60))), secs(40));
        // The local clock is not read.
        assert_eq!(span(claims(T_I + 50, Some(T_I + 50)), None), DOCUMENTED);
        assert_eq!(span(claims(T_I + 50, None), Some(date(T_I + 50))), DOCUMENTED);
    }

    #[test]
    fn rule_10_the_local_wall_clock_counts_last_within_a_day() {
        let span = |exp| Lifetime::of(claims(exp, None), None, at(0), DOCUMENTED).span();
        assert_eq!(span(T_I + 120), secs(120));
        assert_eq!(span(T_I + 24 * 3600), secs(24 * 3600));
        assert_eq!(span(T_I + 24 * 3600 + 1), DOCUMENTED);
        assert_eq!(span(T_I), DOCUMENTED);
        assert_eq!(span(T_I - 5), DOCUMENTED);
        assert_eq!(
            Lifetime::of(Claims::default(), Some(date(T_I)), at(0), secs(7)).span(),
            secs(7)
        );
    }

    #[test]
    fn rule_10_absurd_claims_saturate() {
        for exp in [i64::MIN, -1, 0, 1, i64::MAX] {
            for iat in [i64::MIN, -1, 0, 1, i64::MAX] {
                for date in [None, Some(date(0)), Some(date(T_I)), Some(date(-9_999))] {
                    let claims = Claims {
                        exp: Some(NumericDate::from_millis(exp)),
                        iat: Some(NumericDate::from_millis(iat)),
                    };
                    let lifetime = Lifetime::of(claims, date, at(0), DOCUMENTED);
                    assert!(lifetime.span() > Duration::ZERO);
                    assert!(lifetime.left(at(5)) <= lifetime.span());
                    assert!(!lifetime.usable(LEEWAY, at(5)) || !lifetime.left(at(5)).is_zero());
                }
            }
        }
    }

    #[test]
    fn rule_11_leeway_is_three_seconds_at_most_a_tenth() {
        let long = lifetime(secs(3600));
        assert!(long.usable(LEEWAY, at(3596)));
        assert!(!long.usable(LEEWAY, at(3597)));
        let short = lifetime(secs(20));
        assert!(short.usable(LEEWAY, at(17)));
        assert!(!short.usable(LEEWAY, at(18)));
    }

    #[test]
    fn rule_10_the_clock_that_says_more_counts() {
        let lifetime = lifetime(secs(100));
        let asleep = Now::new(secs(1), wall(T + 60));
        assert_eq!(lifetime.left(asleep), secs(40));
        let set_back = Now::new(secs(60), wall(T - 5000));
        assert_eq!(lifetime.left(set_back), secs(40));
    }

    #[test]
    fn rule_16_an_end_is_plausible_in_the_last_two_seconds() {
        let two = lifetime(secs(2));
        assert!(!two.may_have_ended(false, at(0)));
        assert!(two.may_have_ended(false, at(1)));
        let hour = lifetime(secs(3600));
        assert!(!hour.may_have_ended(false, at(3597)));
        assert!(hour.may_have_ended(false, at(3598)));
        let blink = lifetime(Duration::from_millis(500));
        assert!(!blink.may_have_ended(false, at(0)));
        assert!(blink.may_have_ended(false, at(1)));
        assert!(two.may_have_ended(true, at(0)) && blink.may_have_ended(true, at(0)));
        assert!(!hour.may_have_ended(true, at(3597)));
    }
}
