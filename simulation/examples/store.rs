//! Tries fleets that share a store: every order of steps, large fleets by chance, and the logins
//! that a store saves.
//!
//! `cargo run --release -p waldo-simulation --example store -- --help` says how. It ends with
//! failure where a law is broken, and tells the story.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use clap::{Parser, Subcommand, ValueEnum};
use waldo_simulation::fleet::{
    Crowd, Fault, Outcome, SIZES, Serving, Setup, exhaustive, figures, plot, replay, table,
};
use waldo_simulation::{Report, Trail};
use waldo_test_driver::setting::Setting;

/// Tries fleets that share a store.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every order of steps and faults, up to a bound.
    Exhaustive {
        /// `ci` takes about two minutes on two cores. Nobody has waited for the end of `full` yet.
        bound: Bound,
    },
    /// Large fleets in which everything may go wrong.
    Chance {
        /// The number of runs.
        #[arg(long, default_value_t = 100)]
        runs: u64,
        /// The most processes of a run.
        #[arg(long, default_value_t = 10_000)]
        processes: usize,
        /// The seed of the first run; that of each further one is one more. By default
        /// `WALDO_SEED`, or a new one each time.
        #[arg(long)]
        seed: Option<u64>,
        /// Tells the whole story of each run.
        #[arg(long)]
        tell: bool,
    },
    /// The table of logins with and without a store.
    Figures {
        /// The most processes.
        #[arg(long, default_value_t = 50)]
        processes: usize,
        /// Prints the plot as an SVG instead.
        #[arg(long)]
        plot: bool,
    },
    /// Tells the story of one run of `exhaustive`.
    Replay {
        /// The name of the case, as `exhaustive` prints it.
        case: String,
        /// Its choices, as a failure prints them; by default `WALDO_CHOICES`.
        choices: Option<Trail>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bound {
    Ci,
    Full,
}

/// The cases of a bound, each with its name.
fn cases(bound: Bound) -> Vec<(String, Setup)> {
    let mut cases = Vec::new();
    let mut add = |name: String, setup: Setup| cases.push((name, setup));
    for fault in Fault::ALL {
        let one = |setup: Setup| setup.with(1, &[*fault]);
        add(format!("2-processes-2-calls/{fault:?}"), one(Setup::cold(2).in_turn(2)));
        if bound == Bound::Full {
            add(format!("3-processes/{fault:?}"), one(Setup::cold(3)));
        }
    }
    add("3-processes".to_owned(), Setup::cold(3));
    if bound == Bound::Full {
        add("2-processes/2-of-core".to_owned(), Setup::cold(2).with(2, Fault::CORE));
        add("2-processes/2-of-all".to_owned(), Setup::cold(2).with(2, Fault::ALL));
        add(
            "2-processes-2-calls/2-of-core".to_owned(),
            Setup::cold(2).in_turn(2).with(2, Fault::CORE),
        );
    }
    for serving in [Serving::Strict, Serving::SingleSession] {
        add(format!("2-processes-3-calls/{serving:?}"), Setup::cold(2).in_turn(3).serving(serving));
        let with = Setup::cold(2).serving(serving).with(1, Fault::CORE);
        add(format!("2-processes/{serving:?}/1-of-core"), with);
    }
    add(
        "1-process-2-at-once/1-of-store".to_owned(),
        Setup { at_once: 2, ..Setup::cold(1) }.with(1, Fault::STORE),
    );
    cases
}

fn search(bound: Bound) -> Result<(), String> {
    println!("{:<40} {:>10} {:>10} {:>22} {:>8}", "case", "states", "runs", "schedules", "seconds");
    let cases = cases(bound);
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let total = Mutex::new(Report::default());
    let began = Instant::now();
    on_every_core(|| {
        while let Some((name, setup)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            match exhaustive(setup) {
                Ok(report) => {
                    show(name, &report, began);
                    if let Ok(mut total) = total.lock() {
                        *total = total.and(report);
                    }
                }
                Err(failure) => {
                    if let Ok(mut failed) = failed.lock() {
                        *failed = Some(format!("{failure}\nin the case {name}"));
                    }
                    return;
                }
            }
        }
    });
    show("all", &total.into_inner().unwrap_or_default(), began);
    failed.into_inner().unwrap_or_default().map_or(Ok(()), Err)
}

fn show(name: &str, report: &Report, began: Instant) {
    let Report { states, runs, schedules, .. } = report;
    let took = began.elapsed().as_secs_f64();
    println!("{name:<40} {states:>10} {runs:>10} {schedules:>22} {took:>8.1}");
}

/// Does the same work on every core, until each is done with it.
fn on_every_core(work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(&work);
        }
    });
}

fn chance(runs: u64, processes: usize, seed: u64, tell: bool) -> Result<(), String> {
    println!("from WALDO_SEED={seed}");
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None));
    let total = Mutex::new(Outcome::default());
    let began = Instant::now();
    on_every_core(|| {
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs || failed.lock().is_ok_and(|failed| failed.is_some()) {
                return;
            }
            let seed = seed.wrapping_add(run);
            let crowd = Crowd::drawn(processes, seed);
            let result = if tell {
                let (result, transcript) = crowd.tell();
                println!("{transcript}");
                result
            } else {
                crowd.run()
            };
            match result {
                Ok(outcome) => {
                    if let Ok(mut total) = total.lock() {
                        total.logins += outcome.logins;
                        total.calls += outcome.calls;
                        total.operations += outcome.operations;
                        total.steps += outcome.steps;
                    }
                }
                Err(violation) => {
                    if let Ok(mut failed) = failed.lock() {
                        let size = crowd.setup.processes;
                        *failed = Some(format!(
                            "{violation}\n{size} processes; to see it again, set WALDO_SEED={seed} \
                             and use --processes {processes} --runs 1 --tell"
                        ));
                    }
                }
            }
        }
    });
    if let Some(failed) = failed.into_inner().unwrap_or_default() {
        return Err(failed);
    }
    let Outcome { logins, calls, operations, steps, .. } = total.into_inner().unwrap_or_default();
    let took = began.elapsed().as_secs_f64();
    println!(
        "{runs} fleets: {calls} calls, {logins} logins, {operations} operations of the store, \
         {steps} steps, {took:.1} s"
    );
    Ok(())
}

fn tell_figures(processes: usize, as_plot: bool) -> Result<(), String> {
    let mut sizes: Vec<usize> = SIZES.into_iter().filter(|size| *size < processes).collect();
    sizes.push(processes);
    let figures = figures(&sizes).map_err(|violation| violation.to_string())?;
    print!("{}", if as_plot { plot(&sizes, &figures) } else { table(&sizes, &figures) });
    Ok(())
}

fn run(what: What) -> Result<(), String> {
    match what {
        What::Exhaustive { bound } => search(bound),
        What::Chance { runs, processes, seed, tell } => {
            let given = Setting::Seed.read().map_err(|error| error.to_string())?;
            let seed = seed.or(given).unwrap_or_else(|| fastrand::u64(..));
            chance(runs, processes, seed, tell)
        }
        What::Figures { processes, plot } => tell_figures(processes, plot),
        What::Replay { case, choices } => {
            let given = Setting::Choices.read().map_err(|error| error.to_string())?;
            let trail =
                choices.or(given).ok_or("give the choices of the run, or set WALDO_CHOICES")?;
            let setup = cases(Bound::Full).into_iter().find(|(name, _)| *name == case);
            let (_, setup) = setup.ok_or_else(|| format!("{case:?} is no case"))?;
            let transcript = replay(&setup, &trail).map_err(|failure| failure.to_string())?;
            println!("{transcript}no law is broken");
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(story) => {
            println!("{story}");
            ExitCode::FAILURE
        }
    }
}
