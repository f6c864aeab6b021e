//! What a contender must not exceed: what it takes today and some per cent more, as another
//! compiler may inline something else.
//!
//! So a limit tells a step back. What the goals are, and which of them are met, is in
//! `docs/dev/performance.md`.

use std::fmt;

/// The most that one operation may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So many.
    AtMost(f64),
    /// So many times what the reference of the group costs in the same run.
    Times(f64),
    /// So many more than the reference of the group costs in the same run.
    More(f64),
}

/// The limits of one contender; where there is none, it is counted and not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of instructions.
    pub instructions: Option<Limit>,
    /// Of allocations.
    pub allocations: Option<Limit>,
}

/// Room for the arithmetic of floating point, and for nothing else.
const ROUNDING: f64 = 1e-9;

impl Limit {
    /// The largest count that is within it.
    pub fn most(self, reference: f64) -> f64 {
        match self {
            Self::AtMost(most) => most,
            Self::Times(times) => times * reference,
            Self::More(more) => more + reference,
        }
    }

    /// Whether this count is within it. What is not a number never is.
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
