//! The command line.

use std::time::Duration;

use clap::Parser;
use clap::value_parser;

/// The command line, read.
#[derive(Debug, Parser)]
#[command(about = "What the token lifecycle costs, beside the clients of other services")]
pub(crate) struct Options {
    /// How many rounds of A; 5 are enough to try it
    #[arg(long, value_name = "N", default_value_t = 301, value_parser = value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// How long one batch of A takes
    #[arg(long, value_name = "DURATION", default_value = "500us", value_parser = humantime::parse_duration)]
    pub(crate) batch: Duration,

    /// Where the orders of the contenders begin [default: another one each time]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// How many cold starts of D
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    pub(crate) starts: u32,
}
