//! Compares the cost of the token lifecycle with the clients of other services. The README explains
//! each row.

mod attach;
mod aws;
mod azure;
mod endpoint;
mod google;
mod login;
mod options;
mod ours;
mod peer;
mod placement;
mod request;
mod runtime;
mod stampede;

use clap::Parser;
use waldo_bench::{Group, Rounds, Table};

use crate::options::Options;

fn main() {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("\nseed {seed}");
    let rounds = Rounds { rounds: options.rounds as usize, batch: options.batch, seed, threads: 1 };
    time(&attach::alone(), &rounds);
    time(&attach::shared(), &Rounds { threads: 2, ..rounds });
    println!("{}", stampede::table(options.starts as usize));
    println!("{}", stampede::storm());
}

fn time(group: &Group, rounds: &Rounds) {
    let timings = rounds.time(group);
    println!("{}", Table::of_timings(group, rounds, &timings));
    println!("{}", attach::lead(&timings));
}
