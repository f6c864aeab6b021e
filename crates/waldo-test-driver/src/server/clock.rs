//! The server's clock, and its form in tokens and headers.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The last second of the year 9999, which is the last HTTP date.
const LAST_SECOND: u64 = 253_402_300_799;

/// The offset of the server's clock from the true time. It changes `iat`, `exp` and `Date` alike.
///
/// Written `"+30s"`, `"-1500ms"`, `"0s"`.
///
/// ```
/// use waldo_test_driver::server::ClockOffset;
///
/// let offset: ClockOffset = "-1m".parse()?;
/// assert_eq!(offset, ClockOffset::Behind(std::time::Duration::from_secs(60)));
/// assert_eq!(offset.to_string(), "-1m");
/// # Ok::<(), waldo_test_driver::server::BadWord>(())
/// ```
// Exhaustive on purpose: a clock is ahead or behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClockOffset {
    /// The server's clock is ahead by this time. Zero means an exact clock.
    Ahead(Duration),
    /// The server's clock is behind by this time.
    Behind(Duration),
}

impl ClockOffset {
    /// An exact clock.
    pub const EXACT: Self = Self::Ahead(Duration::ZERO);
}

impl Default for ClockOffset {
    fn default() -> Self {
        Self::EXACT
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Ahead(by) if by.is_zero() => f.write_str("0s"),
            Self::Ahead(by) => write!(f, "+{}", humantime::format_duration(by)),
            Self::Behind(by) => write!(f, "-{}", humantime::format_duration(by)),
        }
    }
}

impl FromStr for ClockOffset {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        match text.strip_prefix('-') {
            Some(rest) => duration(rest).map(Self::Behind),
            None => duration(text.strip_prefix('+').unwrap_or(text)).map(Self::Ahead),
        }
    }
}

impl TryFrom<String> for ClockOffset {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        text.parse()
    }
}

impl From<ClockOffset> for String {
    fn from(offset: ClockOffset) -> Self {
        offset.to_string()
    }
}

/// An unknown word in a policy or a fault. The message says what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWord(pub(super) String);

impl fmt::Display for BadWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadWord {}

/// Reads `"10s"`, `"1500ms"`, `"1h 30m"`.
pub(super) fn duration(text: &str) -> Result<Duration, BadWord> {
    humantime::parse_duration(text).map_err(|error| {
        BadWord(format!("{text:?} is not a duration such as 10s, 1500ms or 1h: {error}"))
    })
}

/// A reading of the server's clock, as the time since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Moment(Duration);

impl Moment {
    pub(super) fn read(now: SystemTime, offset: ClockOffset) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(match offset {
            ClockOffset::Ahead(by) => now.saturating_add(by),
            ClockOffset::Behind(by) => now.saturating_sub(by),
        })
    }

    /// The moment, rounded down to whole seconds, as most JWT libraries write a date.
    pub(super) fn whole(self) -> Self {
        Self(Duration::from_secs(self.0.as_secs()))
    }

    /// The moment, rounded down to milliseconds, which JSON numbers can hold exactly.
    pub(super) fn milliseconds(self) -> Self {
        Self(Duration::new(self.0.as_secs(), self.0.subsec_millis() * 1_000_000))
    }

    pub(super) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    pub(super) fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }

    /// The moment as a JWT `NumericDate`. A whole second is an integer.
    pub(super) fn numeric_date(self) -> serde_json::Number {
        let fractional =
            (self.0.subsec_nanos() > 0).then(|| serde_json::Number::from_f64(self.0.as_secs_f64()));
        fractional.flatten().unwrap_or_else(|| self.0.as_secs().into())
    }

    /// The moment as an `IMF-fixdate`, limited to the years of that format.
    pub(super) fn http_date(self) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.0.as_secs().min(LAST_SECOND)))
    }
}

/// Durations as JSON strings.
pub(super) mod spelled {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::server) fn serialize<S: Serializer>(
        span: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }

    pub(in crate::server) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        super::duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Durations that may be absent, as JSON strings or null.
pub(super) mod spelled_option {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(in crate::server) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::spelled::serialize(span, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::server) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| super::duration(&text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_outside_1970_to_9999_is_clamped() {
        let early = Moment::read(UNIX_EPOCH, ClockOffset::Behind(Duration::from_secs(5)));
        assert_eq!(early.http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
        let late = Moment::read(UNIX_EPOCH, ClockOffset::Ahead(Duration::MAX)).plus(Duration::MAX);
        assert_eq!(late.http_date(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn whole_numeric_date_is_an_integer() {
        let moment = Moment(Duration::from_millis(1_700_000_000_250));
        assert_eq!(moment.numeric_date().to_string(), "1700000000.25");
        assert_eq!(moment.whole().numeric_date().to_string(), "1700000000");
    }

    #[test]
    fn offsets_are_read_and_written_alike() {
        for text in ["0s", "+30s", "-1m 500ms"] {
            assert_eq!(text.parse::<ClockOffset>().unwrap().to_string(), text);
        }
        assert_eq!(
            "30s".parse::<ClockOffset>().unwrap(),
            ClockOffset::Ahead(Duration::from_secs(30))
        );
        assert!("soon".parse::<ClockOffset>().is_err());
    }
}
