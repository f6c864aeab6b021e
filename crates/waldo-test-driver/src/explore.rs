//! Three ways to try a machine: every order of events, many random ones, and those that bytes
//! spell.

mod shrink;

use std::fmt;
use std::time::Duration;

use crate::choices::{Choices, Odometer, Trail};
use crate::invariants::Violation;
use crate::machine::Machine;
use crate::setup::Setup;
use crate::simulation::Simulation;
use crate::transcript::Transcript;

/// What runs start from.
#[derive(Clone, Debug)]
pub enum Plan {
    /// All from the same setup.
    Given(Box<Setup>),
    /// Each from a setup that its own choices draw, for so many steps; everything may go wrong.
    Drawn {
        /// After so many steps a run comes to its end.
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

/// What an exploration has been through without finding an invariant broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many runs it made.
    pub runs: u64,
    /// How many steps it made in them.
    pub steps: u64,
    /// How many different schedules these stand for: each order of events that differs counts.
    pub schedules: u128,
    /// How many different states with a choice it has met; 0 where it did not compare them.
    pub states: u64,
    /// How much virtual time has passed in them.
    pub time: Duration,
}

impl Report {
    /// Both together.
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

/// An invariant that does not hold, and how to see it again: [`replay`] its trail.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The invariant, and what was seen.
    pub violation: Violation,
    /// The seed of the run in which it was found.
    pub seed: Option<u64>,
    /// The choices of a short run in which it can be seen.
    pub trail: Trail,
    /// The story of that run.
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

/// Tries every order of everything that a setup leaves open, each state once.
///
/// # Errors
/// The first run in which an invariant does not hold, made short.
pub fn exhaustive<M: Machine>(setup: &Setup) -> Result<Report, Box<Failure>> {
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
        if !choices.advance() {
            break;
        }
    }
    if let Some(odometer) = choices.odometer() {
        report.runs = odometer.runs();
        report.schedules = odometer.schedules();
        report.states = odometer.states() as u64;
    }
    Ok(report)
}

/// Makes one random run; the seed decides it.
///
/// # Errors
/// An invariant that does not hold in it.
pub fn seeded<M: Machine>(plan: &Plan, seed: u64) -> Result<Report, Box<Failure>> {
    one::<M>(plan, Choices::seeded(seed), Some(seed))
}

/// Makes the run that these bytes spell.
///
/// # Errors
/// An invariant that does not hold in it.
pub fn bytes<M: Machine>(plan: &Plan, bytes: &[u8]) -> Result<Report, Box<Failure>> {
    one::<M>(plan, Choices::bytes(bytes), None)
}

/// Makes the run of these choices, and tells its story.
///
/// # Errors
/// An invariant that does not hold in it; the choices are left as they are.
pub fn replay<M: Machine>(plan: &Plan, trail: &Trail) -> Result<Transcript, Box<Failure>> {
    let (result, transcript) = told::<M>(plan, &trail.0);
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

/// The run of these choices with its story.
fn told<M: Machine>(plan: &Plan, taken: &[u32]) -> (Result<(), Violation>, Transcript) {
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
    let taken = shrink::shorten(choices.taken().to_vec(), |taken| {
        let (result, transcript) = told::<M>(plan, taken);
        let same = |violation: Violation| {
            (violation.invariant, violation.clause) == (found.invariant, found.clause)
        };
        result.is_err_and(same).then(|| transcript.len())
    });
    let (result, transcript) = told::<M>(plan, &taken);
    let violation = result.err().unwrap_or(found);
    Failure { violation, seed, trail: Trail(taken), transcript }
}
