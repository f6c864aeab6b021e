//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The options of the command line.
#[derive(Debug, Parser)]
#[command(about = "Measures the cost of the token lifecycle beside the least possible cost")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A: attach a held token to a request
    Attach(Pace),
    /// B: hold the token of a response
    Renew(Pace),
    /// C: make a whole request over loopback
    Request(Pace),
    /// E, F: many calls in flight, and threads that wait for a login
    Crowd(Pace),
    /// D: 64 threads need a token at one moment
    Stampede {
        /// The number of rounds of each scenario
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,

        /// Plays scenarios that always fail, so the command must fail
        #[arg(long, hide = true)]
        impossible: bool,
    },
    /// All groups, one after the other
    All(Pace),
    /// Count instructions and allocations, which do not depend on the machine's speed
    Count(Counting),
    /// Serves the requests until standard input ends
    #[command(hide = true)]
    Serve,
    /// Performs one case that valgrind counts
    #[command(hide = true)]
    Perform {
        /// The key of the group
        group: String,
        /// The name of the contender
        contender: String,
        /// The number of operations
        operations: usize,
    },
}

/// How long to measure.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Pace {
    /// The number of rounds [default: as many as a group needs]; 5 are enough for a trial
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// The length of one batch
    #[arg(long, value_name = "DURATION", default_value = "500us", value_parser = humantime::parse_duration)]
    pub(crate) batch: Duration,

    /// The seed of the orders of the contenders [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Pace {
    /// Draws a seed if none was given.
    pub(crate) fn with_seed(self) -> Self {
        Self { seed: self.seed.or_else(|| Some(fastrand::u64(..))), ..self }
    }

    /// The seed of the orders.
    pub(crate) fn seed(self) -> u64 {
        self.seed.unwrap_or_default()
    }

    /// The given number of rounds, or this default.
    pub(crate) fn rounds(self, otherwise: u32) -> usize {
        self.rounds.unwrap_or(otherwise) as usize
    }
}

/// The options of a count.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Counting {
    /// Fail if a limit is exceeded
    #[arg(long)]
    pub(crate) gate: bool,

    /// Fail if valgrind is missing, instead of counting allocations only
    #[arg(long)]
    pub(crate) require_valgrind: bool,

    /// Count only the groups whose key begins with KEY: A, B2, B2-400
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
