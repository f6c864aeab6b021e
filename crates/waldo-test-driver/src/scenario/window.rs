//! The expected instants of an event.

use std::fmt;
use std::time::Duration;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::span::Span;

/// The allowed instants of an event: one, `"60s"`, or a range, `["0s", "250ms"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    from: Duration,
    to: Duration,
}

/// How exactly instants are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive on purpose: time is either virtual or real.
pub enum Precision {
    /// Virtual time: to the nanosecond.
    Exact,
    /// Real time: no earlier than expected, except for rounding, and not much later.
    Bounds,
}

impl Precision {
    /// An instant as it is reported: real instants are rounded to the millisecond.
    pub(super) fn tell(self, at: Duration) -> Span {
        match self {
            Self::Exact => at.into(),
            Self::Bounds => {
                Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX)).into()
            }
        }
    }

    /// How much earlier than expected is allowed, because two clocks are read one after the other.
    const EARLY: Duration = Duration::from_millis(50);
    /// How much later than expected is allowed, because machines are busy.
    const LATE: Duration = Duration::from_secs(2);
}

impl Window {
    pub(super) fn from(self) -> Duration {
        self.from
    }

    pub(super) fn is_empty(self) -> bool {
        self.from > self.to
    }

    /// Whether `at` is an allowed instant.
    pub(super) fn admits(self, at: Duration, precision: Precision) -> bool {
        let (early, late) = match precision {
            Precision::Exact => (Duration::ZERO, Duration::ZERO),
            Precision::Bounds => (Precision::EARLY, Precision::LATE),
        };
        at.saturating_add(early) >= self.from && at <= self.to.saturating_add(late)
    }

    /// Whether the rest of a time is allowed. The rest shrinks while a real clock runs, so any
    /// smaller value is allowed too.
    pub(super) fn admits_rest(self, rest: Duration, precision: Precision) -> bool {
        match precision {
            Precision::Exact => self.admits(rest, precision),
            Precision::Bounds => {
                rest <= self.to.saturating_add(Precision::EARLY)
                    && rest.saturating_add(Precision::LATE) >= self.from
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            return Span::from(self.from).fmt(f);
        }
        write!(f, "{} to {}", Span::from(self.from), Span::from(self.to))
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = Window;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"an instant such as "60s", or the first and the last such as ["0s", "250ms"]"#)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Window, E> {
                let span = Span::deserialize(de::value::StrDeserializer::new(text))?.duration();
                Ok(Window { from: span, to: span })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut two: A) -> Result<Window, A::Error> {
                let mut next = || two.next_element::<Span>();
                let (Some(from), Some(to), None) = (next()?, next()?, next()?) else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                Ok(Window { from: from.duration(), to: to.duration() })
            }
        }

        from.deserialize_any(Forms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(json: &str) -> Window {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn virtual_time_is_exact_and_real_time_has_bounds() {
        let (second, moment) = (Duration::from_secs(1), Duration::from_nanos(1));
        let before = Duration::new(0, 999_999_999);
        let at = window(r#""1s""#);
        assert!(at.admits(second, Precision::Exact));
        assert!(!at.admits(second + moment, Precision::Exact));
        assert!(!at.admits(before, Precision::Exact));
        assert!(at.admits(second * 2, Precision::Bounds));
        assert!(!at.admits(second / 2, Precision::Bounds));
        assert!(!at.admits(second * 4, Precision::Bounds));
        let range = window(r#"["1s", "2s"]"#);
        assert!(
            range.admits(second * 2, Precision::Exact)
                && !range.admits(second * 3, Precision::Exact)
        );
        assert!(window(r#""60s""#).admits_rest(second * 59, Precision::Bounds));
        assert!(!window(r#""60s""#).admits_rest(second * 61, Precision::Bounds));
    }

    #[test]
    fn an_invalid_window_is_answered_with_an_example() {
        for json in ["5", "{}", r#"["1s"]"#, r#"["1s", "2s", "3s"]"#] {
            let error = serde_json::from_str::<Window>(json).unwrap_err().to_string();
            assert!(error.contains(r#"["0s", "250ms"]"#), "{json}: {error}");
        }
    }
}
