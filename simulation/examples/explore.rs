//! Tries the shipping state machine in every order of events, and in long runs of chance.
//!
//! `cargo run --release -p waldo-simulation --example explore -- --help` says how. It ends with
//! failure where an invariant is broken, and tells the story. Its progress goes to stderr.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

#[cfg(test)]
#[path = "../tests/faulty/defect.rs"]
#[expect(dead_code, reason = "two of the faults are enough here")]
mod defect;
#[cfg(test)]
#[path = "../tests/faulty/machine.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "each defect is told from all others")]
mod faulty;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use waldo_auth_core::Session;
use waldo_progress::Progress;
use waldo_simulation::machine::Machine;
use waldo_simulation::{
    Failure, InjectedFault, Kind, Plan, Report, Setup, Trail, exhaustive_with, replay, seeded,
};
use waldo_test_driver::server::Rotation;
use waldo_test_driver::setting::Setting;

/// Tries the shipping state machine in every order of events, and in long runs of chance.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every order of events, up to a bound.
    Exhaustive {
        /// `ci` takes a minute or two, `full` about an hour, on two cores.
        bound: Bound,
    },
    /// Long runs in which everything may go wrong.
    Chance {
        /// How many virtual hours, at least.
        #[arg(long, default_value_t = 1_000_000)]
        hours: u64,
        /// The seed of the first run; that of each further one is one more. By default
        /// `WALDO_SEED`, or a new one each time.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Tells the story of one run.
    Replay {
        /// The name of the case, as `exhaustive` prints it; a run of chance where it is missing.
        #[arg(long)]
        case: Option<String>,
        /// Its choices, as a failure prints them; by default `WALDO_CHOICES`.
        choices: Option<Trail>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bound {
    Ci,
    Full,
}

impl Bound {
    /// About how many runs its cases have together, to say how much time is left.
    const fn runs(self) -> u64 {
        match self {
            Self::Ci => 1_540_000,
            Self::Full => 52_800_000,
        }
    }
}

/// How many steps a run of chance makes before it comes to its end.
const STEPS: u64 = 3000;

/// One exhaustive search: so many calls with so many faults of the ten, or of all.
struct Case {
    name: String,
    bound: Bound,
    setup: Setup,
}

/// The cases of both bounds, the longest first.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |bound: Bound, what: &str, setup: Setup| {
        let Setup { policy, pace, .. } = &setup;
        let name = format!("{what}/{}/{}s", policy.rotation, pace.as_secs());
        cases.push(Case { name, bound, setup });
    };
    let second = Duration::from_secs(1);
    for rotation in [Rotation::Strict, Rotation::Lenient] {
        let calls = |count| Setup::calls(count, rotation);
        add(Bound::Full, "2-calls-3-of-ten", calls(2).with(3, InjectedFault::TEN));
        add(Bound::Full, "2-calls-2-of-all", calls(2).with(2, InjectedFault::ALL));
        add(Bound::Full, "2-calls-2-of-ten", calls(2).with(2, InjectedFault::TEN).at_pace(second));
        add(Bound::Full, "1-call-3-of-all", calls(1).with(3, InjectedFault::ALL));
        add(Bound::Ci, "3-calls-1-of-ten", calls(3).with(1, InjectedFault::TEN));
        add(Bound::Ci, "2-calls-2-of-ten", calls(2).with(2, InjectedFault::TEN));
        let one_shot = Kind { one_shot: true, ..Kind::default() };
        let hurried = Kind { deadline: Some(Duration::from_secs(10)), ..Kind::default() };
        let mixed = Setup {
            calls: vec![Kind::default(), one_shot, hurried],
            ..calls(3).with(1, InjectedFault::TEN)
        };
        add(Bound::Full, "3-mixed-calls-1-of-ten", mixed);
        let mixed =
            Setup { calls: vec![one_shot, hurried], ..calls(2).with(1, InjectedFault::ALL) };
        add(Bound::Ci, "2-mixed-calls-1-of-all", mixed);
        let other = Kind { process: 1, ..Kind::default() };
        let two = Setup { calls: vec![Kind::default(), other], processes: 2, ..calls(2) };
        let shared =
            &[InjectedFault::SharedToken, InjectedFault::RevokedToken, InjectedFault::Expiry];
        add(Bound::Ci, "2-processes-2-shared", two.with(2, shared));
        add(Bound::Ci, "2-calls-1-of-all", calls(2).with(1, InjectedFault::ALL).at_pace(second));
        add(Bound::Ci, "1-call-2-of-all", calls(1).with(2, InjectedFault::ALL));
        add(Bound::Ci, "3-calls", calls(3).at_pace(second));
    }
    cases.sort_by_key(|case| !case.name.starts_with("2-calls-3"));
    cases
}

/// The cases of one bound. The cases of CI are cases of the full bound, too.
fn within(bound: Bound) -> Vec<Case> {
    cases().into_iter().filter(|case| bound == Bound::Full || case.bound == Bound::Ci).collect()
}

fn search<M: Machine>(cases: &[Case], progress: &Progress) -> Result<Report, Box<Failure>> {
    println!("{:<36} {:>12} {:>12} {:>26} {:>8}", "case", "states", "runs", "schedules", "seconds");
    let (next, total, failed) =
        (AtomicUsize::new(0), Mutex::new(Report::default()), Mutex::new(None));
    let began = Instant::now();
    on_every_core(|| {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.lock().is_ok_and(|failed| failed.is_some()) {
                return;
            }
            let began = Instant::now();
            match exhaustive_with::<M>(&case.setup, || progress.add(1)) {
                Ok(report) => {
                    progress.print(|| print_row(&case.name, &report, began.elapsed()));
                    if let Ok(mut total) = total.lock() {
                        *total = total.and(report);
                    }
                }
                Err(failure) => {
                    progress.print(|| {
                        println!("{} fails; replay it with --case {}", case.name, case.name);
                    });
                    if let Ok(mut failed) = failed.lock() {
                        *failed = Some(failure);
                    }
                }
            }
        }
    });
    if let Some(failure) = failed.into_inner().unwrap_or_default() {
        return Err(failure);
    }
    let total = total.into_inner().unwrap_or_default();
    print_row("all", &total, began.elapsed());
    Ok(total)
}

/// Does the same work on every core, until each is done with it.
fn on_every_core(work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(&work);
        }
    });
}

fn print_row(name: &str, report: &Report, took: Duration) {
    let Report { states, runs, schedules, .. } = report;
    println!("{name:<36} {states:>12} {runs:>12} {schedules:>26} {:>8.1}", took.as_secs_f64());
}

fn chance<M: Machine>(hours: u64, seed: u64, progress: &Progress) -> Result<Report, Box<Failure>> {
    println!("from WALDO_SEED={seed}");
    let next = AtomicUsize::new(0);
    let (total, failed) = (Mutex::new(Report::default()), Mutex::new(None));
    let began = Instant::now();
    on_every_core(|| {
        loop {
            let seed = seed.wrapping_add(next.fetch_add(1, Ordering::Relaxed) as u64);
            let result = seeded::<M>(&Plan::Drawn { steps: STEPS }, seed);
            let (Ok(mut total), Ok(mut failed)) = (total.lock(), failed.lock()) else { return };
            match result {
                Ok(report) => {
                    *total = total.and(report);
                    progress.add(report.time.as_secs() / 3600);
                }
                Err(failure) => *failed = Some(failure),
            }
            if failed.is_some() || total.time.as_secs() / 3600 >= hours {
                return;
            }
        }
    });
    if let Some(failure) = failed.into_inner().unwrap_or_default() {
        return Err(failure);
    }
    let total = total.into_inner().unwrap_or_default();
    let Report { runs, steps, time, .. } = total;
    let hours = time.as_secs() / 3600;
    println!(
        "{hours} virtual hours in {runs} runs of {steps} steps, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(total)
}

fn retell<M: Machine>(case: Option<&str>, trail: &Trail) -> Result<(), String> {
    let plan = match case {
        None => Plan::Drawn { steps: STEPS },
        Some(name) => {
            let case = cases().into_iter().find(|case| case.name == name);
            let names =
                || cases().iter().map(|case| case.name.clone()).collect::<Vec<_>>().join(", ");
            let case =
                case.ok_or_else(|| format!("{name:?} is no case; these are: {}", names()))?;
            Plan::Given(Box::new(case.setup))
        }
    };
    let transcript = replay::<M>(&plan, trail).map_err(|failure| failure.to_string())?;
    println!("{transcript}no invariant is broken");
    Ok(())
}

/// The progress of this program, but not of a test.
fn shown(total: u64, unit: &'static str) -> Progress {
    if cfg!(test) { Progress::hidden() } else { Progress::of(total, unit) }
}

fn explore<M: Machine>(what: What) -> Result<(), String> {
    match what {
        What::Exhaustive { bound } => {
            search::<M>(&within(bound), &shown(bound.runs(), "runs"))
                .map_err(|failure| failure.to_string())?;
        }
        What::Chance { hours, seed } => {
            let given = Setting::Seed.read().map_err(|error| error.to_string())?;
            let seed = seed.or(given).unwrap_or_else(|| fastrand::u64(..));
            chance::<M>(hours, seed, &shown(hours, "virtual hours"))
                .map_err(|failure| failure.to_string())?;
        }
        What::Replay { case, choices } => {
            let given = Setting::Choices.read().map_err(|error| error.to_string())?;
            let choices =
                choices.or(given).ok_or("give the choices of the run, or set WALDO_CHOICES")?;
            retell::<M>(case.as_deref(), &choices)?;
        }
    }
    Ok(())
}

fn run<M: Machine>(arguments: Arguments) -> ExitCode {
    match explore::<M>(arguments.what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(story) => {
            println!("{story}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    run::<Session>(Arguments::parse())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use waldo_simulation::exhaustive;

    use super::*;
    use crate::defect::{Defect, Wrong};
    use crate::faulty::Faulty;

    /// Breaks an invariant in its first step.
    struct LogsInByGet;

    impl Wrong for LogsInByGet {
        fn defect() -> Defect {
            Defect::LoginByGet
        }
    }

    /// Breaks an invariant only if two calls wait for a login.
    struct LogsInForEach;

    impl Wrong for LogsInForEach {
        fn defect() -> Defect {
            Defect::OneLoginPerWaiter
        }
    }

    fn ended<M: Machine>(arguments: &[&str]) -> ExitCode {
        run::<M>(Arguments::try_parse_from([&["explore"], arguments].concat()).unwrap())
    }

    #[test]
    fn a_broken_invariant_is_a_failure() {
        let cases = cases();
        let name = cases.last().unwrap().name.as_str();
        for arguments in [
            &["exhaustive", "ci"][..],
            &["exhaustive", "full"],
            &["chance", "--hours", "1"],
            &["replay", "--case", name, ""],
            &["replay", "0"],
        ] {
            assert_eq!(ended::<Faulty<LogsInByGet>>(arguments), ExitCode::FAILURE, "{arguments:?}");
        }
        for arguments in [&["chance", "--hours", "1"][..], &["replay", "--case", name, ""]] {
            assert_eq!(ended::<Session>(arguments), ExitCode::SUCCESS, "{arguments:?}");
        }
        assert_eq!(ended::<Session>(&["replay", "--case", "nowhere", ""]), ExitCode::FAILURE);
    }

    #[test]
    fn a_search_goes_through_each_of_its_cases() {
        let case = |calls| {
            let setup = Setup::calls(calls, Rotation::Strict);
            Case { name: format!("{calls}-calls"), bound: Bound::Ci, setup }
        };
        let (one, two) = (case(1), case(2));
        let report = |case: &Case| exhaustive::<Session>(&case.setup).unwrap();
        let both = report(&one).and(report(&two));
        assert_eq!(search::<Session>(&[one, two], &Progress::hidden()).unwrap(), both);
        assert!(search::<Faulty<LogsInForEach>>(&[case(1)], &Progress::hidden()).is_ok());
        for calls in [[1, 1, 2], [1, 2, 1], [2, 1, 1]] {
            assert!(
                search::<Faulty<LogsInForEach>>(&calls.map(case), &Progress::hidden()).is_err(),
                "{calls:?}"
            );
        }
    }

    #[test]
    fn chance_goes_on_for_the_hours_it_is_given() {
        for hours in [1, 10_000] {
            let report = chance::<Session>(hours, 1, &Progress::hidden()).unwrap();
            assert!(report.time >= Duration::from_secs(60 * 60) * u32::try_from(hours).unwrap());
        }
    }

    #[test]
    fn each_bound_has_its_cases() {
        let names =
            |bound| within(bound).into_iter().map(|case| case.name).collect::<BTreeSet<_>>();
        let (ci, full) = (names(Bound::Ci), names(Bound::Full));
        assert_eq!((ci.len(), full.len()), (14, 24), "{full:?}");
        assert!(ci.is_subset(&full));
    }

    #[test]
    fn each_case_does_what_its_name_says() {
        for Case { name, setup, .. } in cases() {
            let words: Vec<&str> = name.split(['-', '/']).collect();
            let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
            let (first, budget) = (numbers[0], numbers.get(1).copied().unwrap_or_default());
            let processes = if words.contains(&"processes") { first } else { 1 };
            assert_eq!((setup.calls.len(), setup.processes), (first, processes), "{name}");
            let faults = match () {
                () if words.contains(&"all") => InjectedFault::ALL.len(),
                () if words.contains(&"ten") => 10,
                () if words.contains(&"shared") => 3,
                () => 0,
            };
            let told = (usize::try_from(setup.budget).unwrap(), setup.faults.len());
            assert_eq!(told, (budget, faults), "{name}");
            let is_mixed = setup.calls.iter().any(|call| call.one_shot || call.deadline.is_some());
            assert_eq!(is_mixed, words.contains(&"mixed"), "{name}");
        }
    }
}
