//! How often a fleet logs in, what the leeway at the end of a token's lifetime costs, and what
//! everyday operations of the server cost, in virtual time.
//!
//! `cargo run --release -p waldo-simulation --example fleet -- --help` says how. The shipping
//! state machine is driven against the model server; a seed gives the same tables again. Its
//! progress goes to stderr.
#![expect(clippy::print_stdout, reason = "tables are what it is for")]

mod client;
mod cost;
mod gaps;
mod leeway;
mod logins;
mod manner;
mod network;
mod operations;
mod site;
mod sweep;
mod traffic;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Parser, Subcommand};
use waldo_progress::Progress;
use waldo_test_driver::setting::Setting;

/// How often a fleet logs in, what the leeway at the end of a token's lifetime costs, and what
/// everyday operations of the server cost, in virtual time.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The seed of all that is drawn: by default `WALDO_SEED`, or 1.
    #[arg(long, global = true)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Subcommand)]
enum What {
    /// Logins per hour of 1, 100 and 10,000 processes, each with a token of its own, and with a
    /// shared one.
    Logins,
    /// What the leeway costs, for round trips of 10 ms to 2 s.
    Leeway,
    /// What everyday operations of the server cost. It fails if a goal is missed that is stated as
    /// met.
    Operations {
        /// Prints the bare figures, in the form of `operations/before.txt`.
        #[arg(long)]
        figures: bool,
    },
}

/// Does the work for each thing on all cores, the last first, as they are the longest; answers in
/// the order of the things.
fn in_parallel<T: Sync, R: Send>(things: &[T], work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let size = things.len() as u64;
    let progress = if cfg!(test) { Progress::hidden() } else { Progress::of(size, "cases") };
    let (taken, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(things.len())));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((index, thing)) =
                    things.iter().enumerate().rev().nth(taken.fetch_add(1, Ordering::Relaxed))
                {
                    let result = work(index, thing);
                    progress.add(1);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn main() -> ExitCode {
    let Arguments { what, seed } = Arguments::parse();
    let seed = match Setting::Seed.read() {
        Ok(given) => seed.or(given).unwrap_or(1),
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("from WALDO_SEED={seed}");
    match what {
        What::Logins => logins::print(seed),
        What::Leeway => leeway::print(seed),
        What::Operations { figures: true } => operations::print_figures(seed),
        What::Operations { figures: false } => {
            return operations::print(&operations::catalogue::sections(), seed);
        }
    }
    ExitCode::SUCCESS
}
