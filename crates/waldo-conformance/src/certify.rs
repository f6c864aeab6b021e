//! Runs the suite.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use waldo_test_driver::scenario::{self, Precision, Scenario, Unmet};

use crate::adapter::Adapter;
use crate::report::{Certified, Report, Status};
use crate::stage::Stage;

/// How many scenarios run at once. They spend most of their time on lifetimes and waits.
const LANES: usize = 4;

/// Runs all scenarios of the suite against the adapter. A few scenarios run at once, each with its
/// own client.
///
/// If the adapter passes, this takes about 9 s on an idle machine, mostly for lifetimes and waits.
pub fn certify(adapter: &impl Adapter) -> Report {
    certify_all(adapter, scenario::all())
}

/// Runs the given scenarios, which may be your own. Each scenario is taken from the iterator when
/// it starts, so the iterator can show the progress.
///
/// ```
/// # use waldo_conformance::{Adapter, Report, Scenario, certify_all};
/// fn shown(adapter: &impl Adapter, scenarios: Vec<Scenario>) -> Report {
///     let show = |scenario: &Scenario| eprintln!("{}", scenario.name());
///     certify_all(adapter, scenarios.into_iter().inspect(show))
/// }
/// ```
pub fn certify_all(
    adapter: &impl Adapter,
    scenarios: impl IntoIterator<Item = Scenario, IntoIter: Send>,
) -> Report {
    let began = Instant::now();
    let waiting = Mutex::new(scenarios.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    // Keep this a separate statement, so that the iterator is unlocked while the
                    // scenario runs.
                    let next = lock(&waiting).next();
                    let Some((number, scenario)) = next else { return };
                    let result = run(adapter, &scenario);
                    lock(&done).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    Report { results: done.into_iter().map(|(_, result)| result).collect(), took: began.elapsed() }
}

/// Locks the scenarios or the results. A lock is poisoned only if the iterator has panicked.
/// `thread::scope` passes this panic on.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the scenario with this name. Reports show the names.
///
/// # Errors
/// The suite has no scenario with this name.
pub fn certify_one(adapter: &impl Adapter, name: &str) -> Result<Certified, NoSuchScenario> {
    let scenario = scenario::find(name).ok_or_else(|| NoSuchScenario::new(name))?;
    Ok(run(adapter, &scenario))
}

fn run<A: Adapter>(adapter: &A, scenario: &Scenario) -> Certified {
    let began = Instant::now();
    let done = |status| Certified::new(scenario, status, began.elapsed());
    if let Some(reason) = scenario.virtual_only() {
        return done(Status::VirtualOnly(reason.to_owned()));
    }
    let mut lacking = scenario.needs();
    lacking.retain(|need| adapter.lacks().contains(need));
    if !lacking.is_empty() {
        return done(Status::Skipped(lacking));
    }
    let unmet = match Stage::new(adapter, scenario) {
        Ok(mut stage) => scenario.perform(&mut stage, Precision::Bounds),
        Err(obstacle) => vec![Unmet::no_client(&obstacle)],
    };
    done(if unmet.is_empty() { Status::Passed } else { Status::Failed(unmet) })
}

/// How many names are proposed for an unknown name.
const PROPOSALS: usize = 3;

/// The suite has no scenario with this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchScenario {
    name: String,
    nearest: Vec<String>,
}

impl NoSuchScenario {
    fn new(name: &str) -> Self {
        let mut names: Vec<String> =
            scenario::all().map(|scenario| scenario.name().to_owned()).collect();
        names.sort_by_key(|other| (!other.contains(name), distance(name, other)));
        names.truncate(PROPOSALS);
        Self { name: name.to_owned(), nearest: names }
    }
}

/// The edit distance between two names, in letters.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (done, letter) in one.chars().enumerate() {
        let mut next = vec![done + 1];
        for ((above, left_above), other) in row.iter().skip(1).zip(&row).zip(other.chars()) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above + 1).min(left + 1).min(left_above + usize::from(letter != other)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

impl fmt::Display for NoSuchScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no scenario {:?}; the nearest are {}",
            self.name,
            self.nearest.join(", ")
        )
    }
}

impl Error for NoSuchScenario {}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn a_distance_counts_changed_missing_and_added_letters() {
        for (one, other, letters) in [
            ("abc", "abc", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("ab", "a", 1),
            ("abc", "abd", 1),
            ("flaw", "lawn", 2),
            ("kitten", "sitting", 3),
            ("abcd", "wxyz", 4),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
        }
    }
}
