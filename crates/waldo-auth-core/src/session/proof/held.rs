//! The held token of a state.

use std::time::Duration;

use super::state::{Past, UNIX, at, date, wall};
use super::tokens::Tokens;
use crate::lifetime::{Leeway, Lifetime};
use crate::time::Now;
use crate::token::{Source, Token};

/// The documented leeway.
const LEEWAY: Leeway = Leeway { at_most: Duration::from_secs(3), share: 10 };

/// The stage of the held token's lifetime. The times lie at the boundaries of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A millisecond more than the leeway of one-shot calls is left.
    Fresh,
    /// A millisecond more than the leeway is left.
    Late,
    /// The leeway is left.
    Leeway,
    /// Two seconds are left: the server may see the lifetime as ended.
    Ending,
    Ended,
    /// Two of three seconds are left: the lifetime may have ended if the server's `Date` says so.
    Short,
    /// The machine has slept: the lifetime has ended by the wall clock alone.
    Slept,
    /// The wall clock was set back to a time before the token.
    SetBack,
    /// As `Fresh`, but the token shows no `exp`.
    Unknown,
}

impl Stage {
    pub(super) const ALL: [Self; 9] = [
        Self::Fresh,
        Self::Late,
        Self::Leeway,
        Self::Ending,
        Self::Ended,
        Self::Short,
        Self::Slept,
        Self::SetBack,
        Self::Unknown,
    ];

    /// In milliseconds: the span, and what is left by the monotonic and by the wall clock.
    fn times(self) -> (i64, i64, i64) {
        const HOUR: i64 = 3_600_000;
        match self {
            Self::Fresh | Self::Unknown => (HOUR, 300_001, 300_001),
            Self::Late => (HOUR, 3001, 3001),
            Self::Leeway => (HOUR, 3000, 3000),
            Self::Ending => (HOUR, 2000, 2000),
            Self::Ended => (HOUR, 0, 0),
            Self::Short => (3000, 2000, 2000),
            Self::Slept => (HOUR, 300_001, 0),
            Self::SetBack => (HOUR, 300_001, 2 * HOUR),
        }
    }

    /// What is left, in milliseconds.
    pub(super) fn left(self) -> i64 {
        let (span, monotonic, wall) = self.times();
        span.min(monotonic).min(wall)
    }

    /// The leeway, in milliseconds: `at_most`, but at most this share of the lifetime.
    pub(super) fn leeway(self, one_shot: bool) -> i64 {
        let (span, ..) = self.times();
        if one_shot { (span / 4).min(300_000) } else { (span / 10).min(3000) }
    }

    /// The token's `exp` in seconds, if the token shows one.
    pub(super) fn exp(self) -> Option<u64> {
        (self != Self::Unknown).then(|| UNIX + self.left().unsigned_abs() / 1000)
    }

    fn lifetime(self) -> Lifetime {
        let (span, monotonic, by_wall) = self.times();
        let sent = Now { monotonic: at(monotonic - span), wall: wall(by_wall - span) };
        Lifetime::resumed(sent, Duration::from_millis(span.unsigned_abs()), Duration::ZERO)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) stage: Stage,
    pub(super) source: Source,
    pub(super) doubtful: bool,
}

impl Held {
    /// The latest `exp` since the login, in seconds. Here, a renewed token ends before its
    /// predecessor.
    pub(super) fn latest_exp(self) -> Option<u64> {
        let later = if self.source == Source::Renewal { 1000 } else { 0 };
        self.stage.exp().map(|exp| exp + later)
    }

    pub(super) fn token(self, past: Past, tokens: &Tokens) -> Token {
        let lifetime = self.stage.lifetime();
        Token {
            header: tokens.held(self).clone(),
            generation: past.generation,
            epoch: past.epoch,
            source: self.source,
            latest_exp: self.latest_exp().map(date),
            lifetime,
            usable: lifetime.minus(LEEWAY),
            doubtful: self.doubtful,
        }
    }
}
