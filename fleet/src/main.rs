//! The program: a member of a fleet, and the tables of fleets.

use std::{env, io};

use clap::Parser;

/// The options of the command line.
#[derive(Debug, Parser)]
#[command(about = "Fleets of real processes that share one token through a store")]
enum Command {
    /// Prints the logins of fleets with and without a store, and the costs of a store
    Figures {
        /// The number of short runs, one after the other
        #[arg(long, value_name = "N", default_value_t = 1000)]
        runs: u32,

        /// The number of clients of the largest herd
        #[arg(long, value_name = "N", default_value_t = 1000)]
        herd: usize,
    },
    /// Runs a member, which reads commands from standard input
    #[command(hide = true)]
    Member,
}

fn main() -> io::Result<()> {
    match Command::parse() {
        Command::Member => waldo_fleet::member::run(),
        Command::Figures { runs, herd } => {
            let program = env::current_exe()?;
            waldo_fleet::figures::print(&program, runs);
            waldo_fleet::costs::print(herd);
        }
    }
    Ok(())
}
