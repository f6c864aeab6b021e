//! The story of a run.

use std::fmt;
use std::time::Duration;

/// What happened, line by line: the time, who, and what.
///
/// It is written only for a run that breaks an invariant, because nobody reads it for other runs.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    lines: Option<Vec<String>>,
}

impl Transcript {
    /// One that is written.
    pub(crate) fn kept() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    pub(crate) fn tell(
        &mut self,
        at: Duration,
        who: &dyn fmt::Display,
        what: impl FnOnce() -> String,
    ) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>11.3} s  {:<9} {}", at.as_secs_f64(), who.to_string(), what()));
        }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.as_ref().map_or(0, Vec::len)
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().flatten().try_for_each(|line| writeln!(f, "{line}"))
    }
}
