//! The bench as a program: `waldo-bench all`. Its progress goes to stderr, between two tables, so
//! that it disturbs no measurement.

#![expect(clippy::print_stdout, reason = "the program prints tables")]

mod options;

use std::env;
use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::thread::available_parallelism;

use clap::Parser;
use waldo_bench::stampede::{IMPOSSIBLE, Outcome, SCENARIOS, Scenario};
use waldo_bench::{
    Count, Group, Pinned, Rounds, Server, Table, attach, breaches, callgrind, crowd, renew,
    request, wakeups,
};
use waldo_progress::Progress;

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
    let of = |tables| Progress::of(tables as u64, "tables");
    match command {
        Command::Attach(pace) => attach(seeded(pace), &of(attached())),
        Command::Renew(pace) => renew(seeded(pace), &of(renew::groups().count())),
        Command::Request(pace) => request(seeded(pace), &of(1))?,
        Command::Crowd(pace) => crowd(seeded(pace), &of(CROWD)),
        Command::Stampede { rounds, impossible: false } => {
            stampede(&SCENARIOS, rounds as usize, &of(SCENARIOS.len()))?;
        }
        Command::Stampede { rounds, impossible: true } => {
            stampede(&IMPOSSIBLE, rounds as usize, &of(IMPOSSIBLE.len()))?;
        }
        Command::All(pace) => all(seeded(pace))?,
        Command::Count(counting) => count(&counting, &of(counted(&counting)))?,
        Command::Serve => waldo_bench::serve()?,
        Command::Perform { group, contender, operations } => {
            perform(&group, &contender, operations)?;
        }
    }
    Ok(())
}

/// The number of tables of `crowd`.
const CROWD: usize = 2;

/// The number of tables of `attach`.
fn attached() -> usize {
    attach::groups().len() + attach::concurrent().len()
}

/// The number of tables of `count`.
fn counted(counting: &Counting) -> usize {
    let without_server = groups(None).filter(|group| group.key().starts_with(&counting.only));
    without_server.count() + usize::from(request::KEY.starts_with(&counting.only))
}

fn all(pace: Pace) -> io::Result<()> {
    let counting = Counting::default();
    let timed = attached() + renew::groups().count() + 1 + CROWD;
    // A scenario of the stampede takes about as long as a table.
    let tables = timed + counted(&counting) + SCENARIOS.len();
    let progress = &Progress::of(tables as u64, "tables");
    attach(pace, progress);
    renew(pace, progress);
    request(pace, progress)?;
    crowd(pace, progress);
    count(&counting, progress)?;
    stampede(&SCENARIOS, pace.rounds(20), progress)
}

fn attach(pace: Pace, progress: &Progress) {
    let rounds = rounds(pace, 601);
    for group in attach::groups() {
        time(&group, rounds, progress);
    }
    if available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
        for group in attach::concurrent() {
            time(&group, Rounds { threads: 2, ..rounds }, progress);
        }
    } else {
        let note = "\nThere is one CPU only, so two threads at once are not timed.";
        progress.print(|| println!("{note}"));
    }
}

fn renew(pace: Pace, progress: &Progress) {
    let rounds = rounds(pace, 301);
    renew::groups().for_each(|group| time(&group, rounds, progress));
}

fn request(pace: Pace, progress: &Progress) -> io::Result<()> {
    // Pin the server too, which inherits the CPU. With two virtual CPUs, waking the other CPU costs
    // more than the request.
    let _pinned = Pinned::to(0);
    let server = server()?;
    time(&request::group(&server), rounds(pace, 1001), progress);
    Ok(())
}

fn crowd(pace: Pace, progress: &Progress) {
    time(&crowd::group(), rounds(pace, 301), progress);
    show(&wakeups::table(pace.rounds(31), pace.seed()), progress);
}

fn stampede(scenarios: &[Scenario], rounds: usize, progress: &Progress) -> io::Result<()> {
    let play = |scenario: &Scenario| {
        let outcome = scenario.play(rounds);
        progress.add(1);
        outcome
    };
    let outcomes: Vec<Outcome> = scenarios.iter().map(play).collect();
    progress.print(|| println!("{}", Outcome::table(&outcomes)));
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

fn time(group: &Group, rounds: Rounds, progress: &Progress) {
    show(&Table::of_timings(group, &rounds, &rounds.time(group)), progress);
}

fn show(table: &Table, progress: &Progress) {
    progress.print(|| println!("{table}"));
    progress.add(1);
}

/// All groups that can be counted. The group of requests needs a server.
fn groups(server: Option<&Server>) -> impl Iterator<Item = Group> {
    let request = server.map(request::group);
    attach::groups().into_iter().chain(renew::groups()).chain(request).chain([crowd::group()])
}

fn count(counting: &Counting, progress: &Progress) -> io::Result<()> {
    let with_instructions = callgrind::is_installed();
    if !with_instructions {
        if counting.require_valgrind {
            return Err(io::Error::other(
                "valgrind is missing, and --require-valgrind asks for it",
            ));
        }
        let note = "\nvalgrind is missing: no instructions are counted, and only the limits of \
                    allocations are checked.";
        progress.print(|| println!("{note}"));
    }
    let (mut counted, mut exceeded) = (0, Vec::new());
    let server = request::KEY.starts_with(&counting.only).then(server).transpose()?;
    for group in groups(server.as_ref()).filter(|group| group.key().starts_with(&counting.only)) {
        let counts = Count::all(&group, with_instructions)?;
        show(&Table::of_counts(&group, &counts), progress);
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
        progress.print(|| println!("\nevery limit holds"));
        return Ok(());
    }
    let message = format!("{} limits are exceeded:\n{}", exceeded.len(), exceeded.join("\n"));
    if counting.gate {
        return Err(io::Error::other(message));
    }
    progress.print(|| println!("\n{message}"));
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
