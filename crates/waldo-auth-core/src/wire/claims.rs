//! The claims of a JWT that show its lifetime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fields::{Value, members};

/// A `NumericDate` of RFC 7519 §2, in milliseconds of Unix time. It saturates at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NumericDate(i64);

impl NumericDate {
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The time from `earlier` to this date; `None` if this date is not later.
    pub(crate) fn after(self, earlier: Self) -> Option<Duration> {
        let millis = self.0.saturating_sub(earlier.0);
        u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    /// Reads a JSON number of any size or precision; `None` for any other JSON value.
    fn read(json: Value<'_>) -> Option<Self> {
        let text = std::str::from_utf8(json.as_written()).ok()?;
        if let Ok(seconds) = text.parse::<i64>() {
            return Some(Self(seconds.saturating_mul(1000)));
        }
        // Rust's parser accepts `inf` and `nan`. Some servers write them, but they are not JSON
        // numbers.
        let is_number =
            text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let seconds: f64 = is_number.then(|| text.parse().ok())??;
        // The cast saturates, as it should for a date beyond all calendars.
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

/// The claims `exp` and `iat`. Each is absent if it is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// When the token ends, by the server's clock.
    pub(crate) exp: Option<NumericDate>,
    /// When the token (or the login it descends from) was issued, by the server's clock.
    pub(crate) iat: Option<NumericDate>,
}

impl Claims {
    /// Reads a JWT's decoded payload; `None` if it is not a JSON object.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        members(payload, ["exp", "iat"], |[exp, iat]| Self {
            exp: exp.and_then(NumericDate::read),
            iat: iat.and_then(NumericDate::read),
        })
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
    fn a_date_that_is_not_a_number_is_absent() {
        for json in [
            "{}",
            r#"{"exp":null}"#,
            r#"{"exp":"1000"}"#,
            r#"{"exp":[1]}"#,
            r#"{"exp":{}}"#,
            r#"{"exp":true}"#,
            r#"{"exp":Infinity}"#,
            r#"{"exp":-inf}"#,
            r#"{"exp":nan}"#,
            r#"{"exp":1 2}"#,
            r#"{"exp":}"#,
            r#"{"exp":7,"exp":null}"#,
        ] {
            assert_eq!(exp(json), None, "{json}");
        }
    }

    #[test]
    fn only_an_object_has_claims() {
        for json in
            ["", "1", "[]", "null", r#""exp""#, "{", r#"{"exp":1"#, r#"x{"exp":1}"#, "\u{fffd}"]
        {
            assert_eq!(Claims::read(json.as_bytes()), None, "{json}");
        }
    }

    /// Faults such as serde-rs/json#495.
    #[test]
    fn rule_10_faults_beside_the_dates_do_not_spoil_them() {
        for json in [
            &br#"{"name":"\ud83d","exp":7}"#[..],
            b"\xef\xbb\xbf{\"exp\":7}",
            b"{\"n\":1e999,\"exp\":7}",
            b"{\"name\":\"\xff\xfe\",\"exp\":7}",
            b"{\"name\":\"\x01\n\",\"exp\":7}",
            b"{\"exp\":7}trailing",
            b"{\"exp\":7}\0\0",
            b"{\"n\":NaN,\"exp\":7}",
            b"{\"exp\":1,\"exp\":7}",
        ] {
            let claims = Claims::read(json).map(|claims| claims.exp);
            assert_eq!(claims, Some(Some(NumericDate(7000))), "{}", json.escape_ascii());
        }
    }

    #[test]
    fn other_claims_and_their_nesting_do_not_matter() {
        assert_eq!(exp(r#"{"a":{"exp":1},"b":[{"exp":2}],"exp":3}"#), Some(3000));
        assert_eq!(exp("{\"\\u0065xp\":4}"), Some(4000));
        let deep = format!(r#"{{"a":{}{},"exp":5}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(exp(&deep), Some(5000));
    }
}
