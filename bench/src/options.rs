//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The command line, read.
#[derive(Debug, Parser)]
#[command(about = "What the token lifecycle costs, beside the least that it could cost")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A: put a held token on a request
    Attach(Pace),
    /// B: take over the token of a response
    Adopt(Pace),
    /// Count instructions and allocations, which do not depend on the machine's pace
    Count(Counting),
    /// Performs one case, to be counted
    #[command(hide = true)]
    Perform {
        /// The key of the group
        group: String,
        /// The name of the contender
        contender: String,
        /// How many operations
        operations: usize,
    },
}

/// How long to measure.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Pace {
    /// How many rounds; by default as many as its result needs, and 5 are enough to try it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// How long one batch takes
    #[arg(long, value_name = "DURATION", default_value = "500us", value_parser = humantime::parse_duration)]
    pub(crate) batch: Duration,

    /// Where the orders of the contenders begin [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Pace {
    /// As many rounds as were asked for, or else this many.
    pub(crate) fn rounds(self, otherwise: u32) -> usize {
        self.rounds.unwrap_or(otherwise) as usize
    }

    /// The same with a seed that can be printed.
    pub(crate) fn with_seed(self) -> (Self, u64) {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        (Self { seed: Some(seed), ..self }, seed)
    }
}

/// What to count.
#[derive(Clone, Debug, Args)]
pub(crate) struct Counting {
    /// Fail when a limit is exceeded
    #[arg(long)]
    pub(crate) gate: bool,

    /// Fail where valgrind is missing, instead of counting allocations alone
    #[arg(long)]
    pub(crate) require_valgrind: bool,

    /// Count only the groups whose key begins so: A, B2, B2-400
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    pub(crate) only: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }
}
