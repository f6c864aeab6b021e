//! Three ways to test a machine: all orders of events, random runs, and runs from a fuzzer's bytes.

mod shrink;

pub(crate) use shrink::shorten;

use std::fmt;
use std::time::Duration;

use crate::choices::{Choices, Odometer, Trail};
use crate::invariants::Violation;
use crate::machine::Machine;
use crate::setup::Setup;
use crate::simulation::Simulation;
use crate::transcript::Transcript;

/// The setups of runs.
#[derive(Clone, Debug)]
pub enum Plan {
    /// All runs have this setup.
    Given(Box<Setup>),
    /// The choices of each run draw its setup. Any fault may strike.
    Drawn {
        /// The number of steps after which a run ends.
        steps: u64,
    },
}

impl Plan {
    fn setup(&self, choices: &mut Choices) -> Setup {
        match self {
            Self::Given(setup) => Setup::clone(setup),
            Self::Drawn { steps } => Setup::drawn(choices, *steps),
        }
    }
}

/// The size of an exploration that found no violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of runs.
    pub runs: u64,
    /// The number of steps in all runs.
    pub steps: u64,
    /// The number of different schedules that the runs cover. Each order of events is a schedule.
    pub schedules: u128,
    /// The number of different states with a choice; 0 if states were not compared.
    pub states: u64,
    /// The virtual time of all runs.
    pub time: Duration,
}

impl Report {
    /// Takes the number of runs, schedules and states from the choices of an ended search.
    pub(crate) fn measure(&mut self, choices: &Choices) {
        if let Some(odometer) = choices.odometer() {
            self.runs = odometer.runs();
            self.schedules = odometer.schedules();
            self.states = odometer.states() as u64;
        }
    }

    /// The sum of both reports.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            steps: self.steps + other.steps,
            schedules: self.schedules.saturating_add(other.schedules),
            states: self.states + other.states,
            time: self.time.saturating_add(other.time),
        }
    }
}

/// A violated invariant, with a trail that [`replay`] repeats.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The violated invariant, and the event that violated it.
    pub violation: Violation,
    /// The seed of the run that found the violation; `None` if the run had no seed.
    pub seed: Option<u64>,
    /// The choices of a short run with this violation.
    pub trail: Trail,
    /// The transcript of the short run.
    pub transcript: Transcript,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.transcript, self.violation)?;
        if let Some(seed) = self.seed {
            write!(f, "\nfound from the seed {seed}")?;
        }
        write!(f, "\nto see it again, replay the choices {}", self.trail)
    }
}

impl std::error::Error for Failure {}

/// Tries all orders of all events that the setup allows, and visits each state once.
///
/// # Errors
/// The first run that violates an invariant, shortened.
pub fn exhaustive<M: Machine>(setup: &Setup) -> Result<Report, Box<Failure>> {
    exhaustive_with::<M>(setup, || {})
}

/// Does the same as [`exhaustive`], and calls `after_run` after each run, to show the progress.
///
/// # Errors
/// The first run that violates an invariant, shortened.
pub fn exhaustive_with<M: Machine>(
    setup: &Setup,
    mut after_run: impl FnMut(),
) -> Result<Report, Box<Failure>> {
    let mut choices = Choices::exhaustive(Odometer::default());
    let mut report = Report::default();
    loop {
        let mut simulation = Simulation::<M>::new(setup, Transcript::default());
        if let Err(violation) = simulation.run(&mut choices) {
            let plan = Plan::Given(Box::new(setup.clone()));
            return Err(Box::new(failure::<M>(&plan, &choices, None, violation)));
        }
        report.steps += simulation.steps();
        report.time += simulation.elapsed();
        after_run();
        if !choices.advance() {
            break;
        }
    }
    report.measure(&choices);
    Ok(report)
}

/// Makes one random run, which the seed determines.
///
/// # Errors
/// The run violates an invariant.
pub fn seeded<M: Machine>(plan: &Plan, seed: u64) -> Result<Report, Box<Failure>> {
    one::<M>(plan, Choices::seeded(seed), Some(seed))
}

/// Makes the run with the choices of these bytes.
///
/// # Errors
/// The run violates an invariant.
pub fn bytes<M: Machine>(plan: &Plan, bytes: &[u8]) -> Result<Report, Box<Failure>> {
    one::<M>(plan, Choices::bytes(bytes), None)
}

/// Makes the run with these choices, and returns its transcript.
///
/// # Errors
/// The run violates an invariant. Its choices are not shortened.
pub fn replay<M: Machine>(plan: &Plan, trail: &Trail) -> Result<Transcript, Box<Failure>> {
    let (result, transcript) = run_again::<M>(plan, &trail.0);
    match result {
        Ok(()) => Ok(transcript),
        Err(violation) => {
            Err(Box::new(Failure { violation, seed: None, trail: trail.clone(), transcript }))
        }
    }
}

fn one<M: Machine>(
    plan: &Plan,
    mut choices: Choices,
    seed: Option<u64>,
) -> Result<Report, Box<Failure>> {
    let setup = plan.setup(&mut choices);
    let mut simulation = Simulation::<M>::new(&setup, Transcript::default());
    match simulation.run(&mut choices) {
        Ok(()) => {
            let (steps, time) = (simulation.steps(), simulation.elapsed());
            Ok(Report { runs: 1, steps, schedules: 1, states: 0, time })
        }
        Err(violation) => Err(Box::new(failure::<M>(plan, &choices, seed, violation))),
    }
}

/// The result of the run with these choices, and its transcript.
fn run_again<M: Machine>(plan: &Plan, taken: &[u32]) -> (Result<(), Violation>, Transcript) {
    let mut choices = Choices::replay(taken.to_vec());
    let setup = plan.setup(&mut choices);
    let mut simulation = Simulation::<M>::new(&setup, Transcript::kept());
    let result = simulation.run(&mut choices);
    (result, simulation.into_transcript())
}

fn failure<M: Machine>(
    plan: &Plan,
    choices: &Choices,
    seed: Option<u64>,
    found: Violation,
) -> Failure {
    let taken = shorten(choices.taken().to_vec(), |taken| {
        let (result, transcript) = run_again::<M>(plan, taken);
        let same = |violation: Violation| {
            (violation.invariant, violation.clause) == (found.invariant, found.clause)
        };
        result.is_err_and(same).then(|| transcript.len())
    });
    let (result, transcript) = run_again::<M>(plan, &taken);
    let violation = result.err().unwrap_or(found);
    Failure { violation, seed, trail: Trail(taken), transcript }
}
