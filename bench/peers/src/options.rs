//! The command line.

use std::time::Duration;

use clap::Parser;
use clap::value_parser;

/// The options of the command line.
#[derive(Debug, Parser)]
#[command(about = "Compares the cost of the token lifecycle with the clients of other services")]
pub(crate) struct Options {
    /// The number of rounds of A; 5 are enough for a trial
    #[arg(long, value_name = "N", default_value_t = 301, value_parser = value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// The length of one batch of A
    #[arg(long, value_name = "DURATION", default_value = "500us", value_parser = humantime::parse_duration)]
    pub(crate) batch: Duration,

    /// The seed of the orders of the contenders [default: random]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// The number of cold starts of D
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    pub(crate) starts: u32,
}
