//! Every order of the steps of a fleet.

use super::setup::Setup;
use super::watch::What;
use super::world::Fleet;
use crate::choices::{Choices, Odometer, Trail};
use crate::explore::{Failure, Report, shorten};
use crate::invariants::Violation;
use crate::transcript::Transcript;

/// The longest run, in steps. A longer one does not end.
const LONGEST: u64 = 5000;

/// Tries all orders of all steps and faults that the setup allows, and visits each state once.
///
/// # Errors
/// The first run that breaks a law, shortened.
pub fn exhaustive(setup: &Setup) -> Result<Report, Box<Failure>> {
    let mut choices = Choices::exhaustive(Odometer::default());
    let mut report = Report::default();
    loop {
        let mut fleet = Fleet::new(setup, Transcript::default());
        let result = run(&mut fleet, &mut choices, &mut report.steps);
        report.time += fleet.elapsed;
        if let Err(violation) = result {
            return Err(Box::new(failure(setup, choices.taken().to_vec(), violation)));
        }
        if !choices.advance() {
            break;
        }
    }
    report.measure(&choices);
    Ok(report)
}

/// Makes the run with these choices, and returns its transcript.
///
/// # Errors
/// The run breaks a law. Its choices are not shortened.
pub fn replay(setup: &Setup, trail: &Trail) -> Result<Transcript, Box<Failure>> {
    let (result, transcript) = again(setup, &trail.0);
    match result {
        Ok(()) => Ok(transcript),
        Err(violation) => {
            Err(Box::new(Failure { violation, seed: None, trail: trail.clone(), transcript }))
        }
    }
}

fn run(fleet: &mut Fleet<'_>, choices: &mut Choices, steps: &mut u64) -> Result<(), Violation> {
    for _ in 0..LONGEST {
        let moves = fleet.moves();
        if moves.is_empty() {
            let stuck = fleet.processes.iter().position(|process| !process.is_ended());
            return stuck.map_or(Ok(()), |process| fleet.see(process, What::Stuck));
        }
        if moves.len() > 1 && !choices.is_new(|| fleet.digest()) {
            return Ok(());
        }
        let picked = choices.pick(&vec![1; moves.len()]);
        if let Some(next) = moves.get(picked) {
            fleet.perform(*next)?;
        }
        *steps += 1;
    }
    fleet.see(0, What::Stuck)
}

fn again(setup: &Setup, taken: &[u32]) -> (Result<(), Violation>, Transcript) {
    let mut choices = Choices::replay(taken.to_vec());
    let mut fleet = Fleet::new(setup, Transcript::kept());
    let result = run(&mut fleet, &mut choices, &mut 0);
    (result, fleet.transcript)
}

fn failure(setup: &Setup, taken: Vec<u32>, found: Violation) -> Failure {
    let taken = shorten(taken, |taken| {
        let (result, transcript) = again(setup, taken);
        result.is_err_and(|violation| violation.path() == found.path()).then(|| transcript.len())
    });
    let (result, transcript) = again(setup, &taken);
    let violation = result.err().unwrap_or(found);
    Failure { violation, seed: None, trail: Trail(taken), transcript }
}
