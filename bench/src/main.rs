//! The bench as a program: `waldo-bench all`.

#![expect(clippy::print_stdout, reason = "its tables are what it is for")]

mod options;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Parser;
use waldo_bench::{Count, Group, Rounds, Table, adopt, attach, breaches, callgrind};

use crate::options::{Command, Counting, Options, Pace};

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads a stderr that cannot be written.
            drop(writeln!(io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> io::Result<()> {
    match command {
        Command::Attach(pace) => attach(pace),
        Command::Adopt(pace) => adopt(pace),
        Command::Count(counting) => return count(&counting),
        Command::Perform { group, contender, operations } => return perform(&group, &contender, operations),
    }
    Ok(())
}

fn attach(pace: Pace) {
    let rounds = rounds(pace, 601);
    for group in attach::groups() {
        time(&group, rounds);
    }
    if available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
        time(&attach::shared(), Rounds { threads: 2, ..rounds });
    } else {
        println!("\nThere is one CPU only, so two threads at once are not timed.");
    }
}

fn adopt(pace: Pace) {
    let rounds = rounds(pace, 301);
    adopt::groups().for_each(|group| time(&group, rounds));
}

fn rounds(pace: Pace, otherwise: u32) -> Rounds {
    let (pace, seed) = pace.with_seed();
    println!("\nseed {seed}");
    Rounds { rounds: pace.rounds(otherwise), batch: pace.batch, seed, threads: 1 }
}

fn time(group: &Group, rounds: Rounds) {
    println!("{}", Table::of_timings(group, &rounds, &rounds.time(group)));
}

/// All groups that can be counted.
fn groups() -> impl Iterator<Item = Group> {
    attach::groups().into_iter().chain(adopt::groups())
}

fn count(counting: &Counting) -> io::Result<()> {
    let with_instructions = callgrind::is_installed();
    if !with_instructions {
        if counting.require_valgrind {
            return Err(io::Error::other("valgrind is missing, and --require-valgrind asks for it"));
        }
        println!(
            "\nvalgrind is missing: no instructions are counted, and only the limits of allocations are looked at."
        );
    }
    let mut exceeded = Vec::new();
    for group in groups().filter(|group| group.key().starts_with(&counting.only)) {
        let counts = Count::all(&group, with_instructions)?;
        println!("{}", Table::of_counts(&group, &counts));
        exceeded.extend(breaches(&group, &counts));
    }
    if exceeded.is_empty() {
        println!("\nevery limit holds");
        return Ok(());
    }
    let message = format!("{} limits are exceeded:\n{}", exceeded.len(), exceeded.join("\n"));
    if counting.gate {
        return Err(io::Error::other(message));
    }
    println!("\n{message}");
    Ok(())
}

fn perform(group: &str, contender: &str, operations: usize) -> io::Result<()> {
    let group = groups().find(|candidate| candidate.key() == group);
    let contender = group
        .as_ref()
        .and_then(|group| group.contenders().iter().find(|candidate| candidate.name() == contender));
    let contender = contender.ok_or_else(|| io::Error::other("there is no such case"))?;
    callgrind::perform(contender, operations);
    Ok(())
}
