//! The claims of a JWT that tell its life.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;

use super::members::members;

/// A point in time as JWT writes it (RFC 7519 §2), in milliseconds of Unix time, saturated at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NumericDate(i64);

impl NumericDate {
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// How long after `earlier` this is; `None` when it is not after it.
    pub(crate) fn after(self, earlier: Self) -> Option<Duration> {
        let millis = self.0.saturating_sub(earlier.0);
        u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    /// Reads a JSON number of any size or precision; any other JSON value says nothing.
    fn read(json: &RawValue) -> Option<Self> {
        // Read as text, not as a JSON number, because that would make a token with `1e999` in it junk.
        let text = json.get();
        if let Ok(seconds) = text.parse::<i64>() {
            return Some(Self(seconds.saturating_mul(1000)));
        }
        let seconds: f64 = text.parse().ok()?;
        // The cast saturates, which is what a date beyond all calendars should do.
        #[expect(clippy::cast_possible_truncation, reason = "saturation is meant")]
        Some(Self((seconds * 1000.0).floor() as i64))
    }
}

impl From<SystemTime> for NumericDate {
    fn from(time: SystemTime) -> Self {
        let millis = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::from_millis(millis(after)),
            Err(before) => Self::from_millis(-millis(before.duration())),
        }
    }
}

/// `exp` and `iat`, each present only when it is a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// When the token ends, by the server's clock.
    pub(crate) exp: Option<NumericDate>,
    /// When the token (or the login it descends from) was issued, by the server's clock.
    pub(crate) iat: Option<NumericDate>,
}

impl Claims {
    /// Reads a JWT's decoded payload; `None` when it is not a JSON object.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let [exp, iat] = members(payload, |name| match name {
            "exp" => Some(0),
            "iat" => Some(1),
            _ => None,
        })?;
        Some(Self { exp: exp.and_then(NumericDate::read), iat: iat.and_then(NumericDate::read) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exp(json: &str) -> Option<i64> {
        Claims::read(json.as_bytes()).unwrap().exp.map(|date| date.0)
    }

    #[test]
    fn rule_10_dates_may_be_fractional_negative_and_huge() {
        assert_eq!(exp(r#"{"exp":1800000000}"#), Some(1_800_000_000_000));
        assert_eq!(exp(r#"{"exp":1000.7}"#), Some(1_000_700));
        assert_eq!(exp(r#"{"exp":-5}"#), Some(-5000));
        assert_eq!(exp(r#"{"exp":1e300}"#), Some(i64::MAX));
        assert_eq!(exp(r#"{"exp":-1e300}"#), Some(i64::MIN));
        assert_eq!(exp(r#"{"exp":1e999}"#), Some(i64::MAX));
        assert_eq!(exp(r#"{"exp":18446744073709551615}"#), Some(i64::MAX));
    }

    #[test]
    fn what_is_not_a_number_is_absent() {
        for json in [
            "{}",
            r#"{"exp":null}"#,
            r#"{"exp":"1000"}"#,
            r#"{"exp":[1]}"#,
            r#"{"exp":{}}"#,
            r#"{"exp":true}"#,
        ] {
            assert_eq!(exp(json), None, "{json}");
        }
    }

    #[test]
    fn only_an_object_has_claims() {
        for json in [
            "",
            "1",
            "[]",
            "null",
            r#""exp""#,
            "{",
            r#"{"exp":1}x"#,
            "{\"exp\":1,\"a\":\"\u{1}\"}",
            "\u{fffd}",
        ] {
            assert_eq!(Claims::read(json.as_bytes()), None, "{json}");
        }
        assert_eq!(Claims::read(b"{\"a\":\"\xff\"}").map(|claims| claims.exp), None);
    }

    #[test]
    fn other_claims_and_their_nesting_do_not_matter() {
        assert_eq!(exp(r#"{"a":{"exp":1},"b":[{"exp":2}],"exp":3}"#), Some(3000));
        assert_eq!(exp("{\"\\u0065xp\":4}"), Some(4000));
        let deep = format!(r#"{{"a":{}{},"exp":5}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(exp(&deep), Some(5000));
    }
}
