//! The transcript of a run.

use std::fmt;
use std::time::Duration;

/// The events of a run, one on each line: the time, the actor and the event.
///
/// It is recorded only for a run that violates an invariant, because nobody reads the others.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    lines: Option<Vec<String>>,
}

impl Transcript {
    /// A transcript that is recorded.
    pub(crate) fn kept() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    pub(crate) fn record(
        &mut self,
        at: Duration,
        who: &dyn fmt::Display,
        what: impl FnOnce() -> String,
    ) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>11.3} s  {:<9} {}", at.as_secs_f64(), who.to_string(), what()));
        }
    }

    /// The number of lines.
    pub(crate) fn len(&self) -> usize {
        self.lines.as_ref().map_or(0, Vec::len)
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().flatten().try_for_each(|line| writeln!(f, "{line}"))
    }
}
