//! When an operation must have ended.

use std::io;
use std::time::{Duration, Instant};

/// Less time counts as none.
const SHORTEST: Duration = Duration::from_millis(1);

/// The instant at which an operation must have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The deadline of an operation that begins now, with a limit that an [`Instant`] can hold.
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The time that is left, which is a millisecond at least. A socket takes its limit in whole
    /// microseconds, and a limit of zero would block for ever.
    pub(crate) fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left < SHORTEST { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_millisecond_counts_as_over() {
        for limit in [Duration::ZERO, Duration::from_nanos(900), Duration::from_micros(900)] {
            let over = Deadline::after(limit).left().unwrap_err();
            assert_eq!(over.kind(), io::ErrorKind::TimedOut, "{limit:?}");
        }
        assert!(Deadline::after(Duration::from_secs(60)).left().is_ok());
    }
}
