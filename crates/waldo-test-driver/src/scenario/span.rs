//! Spans of time in a scenario.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A span of time, written `"10s"`, `"1500ms"`, `"1h 30m"`.
///
/// ```
/// use std::time::Duration;
/// use waldo_test_driver::scenario::Span;
///
/// let span: Span = serde_json::from_str(r#""1500ms""#)?;
/// assert_eq!(span.duration(), Duration::from_millis(1500));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// The span as a `Duration`.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            de::Error::custom(format!(
                "{text:?} is not a duration such as 10s, 1500ms or 1h: {error}"
            ))
        })
    }
}
