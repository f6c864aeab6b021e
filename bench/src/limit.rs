//! The limits of a contender: its present cost and a few per cent more, because another compiler
//! may inline differently. An exceeded limit shows a regression. The goals are in
//! `docs/dev/performance.md`.

use std::fmt;

/// The largest allowed cost of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// This number.
    AtMost(f64),
    /// This multiple of the reference's cost in the same run.
    Times(f64),
    /// This number more than the reference's cost in the same run.
    More(f64),
}

/// The limits of one contender. A cost without a limit is counted and not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The limit of instructions.
    pub instructions: Option<Limit>,
    /// The limit of allocations.
    pub allocations: Option<Limit>,
}

/// Room for floating-point rounding only.
const ROUNDING: f64 = 1e-9;

impl Limit {
    /// The largest count within the limit.
    pub fn most(self, reference: f64) -> f64 {
        match self {
            Self::AtMost(most) => most,
            Self::Times(times) => times * reference,
            Self::More(more) => more + reference,
        }
    }

    /// Whether this count is within the limit. NaN never is.
    pub fn holds(self, counted: f64, reference: f64) -> bool {
        counted <= self.most(reference) * (1.0 + ROUNDING)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::Times(times) => write!(f, "≤ {times} × reference"),
            Self::More(more) => write!(f, "≤ reference + {more}"),
        }
    }
}
