//! The bench as a program: `waldo-bench all`.

#![expect(clippy::print_stdout, reason = "the program prints tables")]

mod options;

use std::env;
use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::thread::available_parallelism;

use clap::Parser;
use waldo_bench::stampede::{IMPOSSIBLE, Outcome, SCENARIOS, Scenario};
use waldo_bench::{
    Count, Group, Pinned, Rounds, Server, Table, adopt, attach, breaches, callgrind, crowd,
    request, wakeups,
};

use crate::options::{Command, Counting, Options, Pace};

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Ignore the error: without stderr, the message cannot be shown.
            drop(writeln!(io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> io::Result<()> {
    match command {
        Command::Attach(pace) => attach(seeded(pace)),
        Command::Adopt(pace) => adopt(seeded(pace)),
        Command::Request(pace) => request(seeded(pace))?,
        Command::Crowd(pace) => crowd(seeded(pace)),
        Command::Stampede { rounds, impossible: false } => stampede(&SCENARIOS, rounds as usize)?,
        Command::Stampede { rounds, impossible: true } => stampede(&IMPOSSIBLE, rounds as usize)?,
        Command::All(pace) => all(seeded(pace))?,
        Command::Count(counting) => count(&counting)?,
        Command::Serve => waldo_bench::serve()?,
        Command::Perform { group, contender, operations } => {
            perform(&group, &contender, operations)?;
        }
    }
    Ok(())
}

fn all(pace: Pace) -> io::Result<()> {
    attach(pace);
    adopt(pace);
    request(pace)?;
    crowd(pace);
    count(&Counting::default())?;
    stampede(&SCENARIOS, pace.rounds(20))
}

fn attach(pace: Pace) {
    let rounds = rounds(pace, 601);
    for group in attach::groups() {
        time(&group, rounds);
    }
    if available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
        for group in [attach::shared(), attach::renewed()] {
            time(&group, Rounds { threads: 2, ..rounds });
        }
    } else {
        println!("\nThere is one CPU only, so two threads at once are not timed.");
    }
}

fn adopt(pace: Pace) {
    let rounds = rounds(pace, 301);
    adopt::groups().for_each(|group| time(&group, rounds));
}

fn request(pace: Pace) -> io::Result<()> {
    // Pin the server too, which inherits the CPU. With two virtual CPUs, waking the other CPU costs
    // more than the request.
    let _pinned = Pinned::to(0);
    let server = server()?;
    time(&request::group(&server), rounds(pace, 1001));
    Ok(())
}

fn crowd(pace: Pace) {
    time(&crowd::group(), rounds(pace, 301));
    println!("{}", wakeups::table(pace.rounds(31), pace.seed()));
}

fn stampede(scenarios: &[Scenario], rounds: usize) -> io::Result<()> {
    let outcomes: Vec<Outcome> = scenarios.iter().map(|scenario| scenario.play(rounds)).collect();
    println!("{}", Outcome::table(&outcomes));
    Outcome::judge(&outcomes)
}

fn server() -> io::Result<Server> {
    Server::start(process::Command::new(env::current_exe()?).arg("serve"))
}

/// Draws a seed and prints it, so that a run can be repeated in the same orders.
fn seeded(pace: Pace) -> Pace {
    let pace = pace.with_seed();
    println!("seed {}", pace.seed());
    pace
}

fn rounds(pace: Pace, otherwise: u32) -> Rounds {
    Rounds { rounds: pace.rounds(otherwise), batch: pace.batch, seed: pace.seed(), threads: 1 }
}

fn time(group: &Group, rounds: Rounds) {
    println!("{}", Table::of_timings(group, &rounds, &rounds.time(group)));
}

/// All groups that can be counted. The group of requests needs a server.
fn groups(server: Option<&Server>) -> impl Iterator<Item = Group> {
    let request = server.map(request::group);
    attach::groups().into_iter().chain(adopt::groups()).chain(request).chain([crowd::group()])
}

fn count(counting: &Counting) -> io::Result<()> {
    let with_instructions = callgrind::is_installed();
    if !with_instructions {
        if counting.require_valgrind {
            return Err(io::Error::other(
                "valgrind is missing, and --require-valgrind asks for it",
            ));
        }
        println!(
            "\nvalgrind is missing: no instructions are counted, and only the limits of allocations are checked."
        );
    }
    let (mut counted, mut exceeded) = (0, Vec::new());
    let server = request::KEY.starts_with(&counting.only).then(server).transpose()?;
    for group in groups(server.as_ref()).filter(|group| group.key().starts_with(&counting.only)) {
        let counts = Count::all(&group, with_instructions)?;
        println!("{}", Table::of_counts(&group, &counts));
        exceeded.extend(breaches(&group, &counts));
        counted += 1;
    }
    if counted == 0 {
        return Err(io::Error::other(format!(
            "no group has a key that begins with {:?}",
            counting.only
        )));
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

fn perform(key: &str, contender: &str, operations: usize) -> io::Result<()> {
    let server = (key == request::KEY).then(server).transpose()?;
    let group = groups(server.as_ref()).find(|group| group.key() == key);
    let contenders = group.as_ref().map(Group::contenders).unwrap_or_default();
    let contender = contenders.iter().find(|candidate| candidate.name() == contender);
    let contender = contender.ok_or_else(|| io::Error::other("there is no such case"))?;
    callgrind::perform(contender, operations);
    Ok(())
}
