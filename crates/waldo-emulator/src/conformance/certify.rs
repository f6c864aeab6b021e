//! Running the suite.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use waldo_test_driver::scenario::{self, Precision, Scenario, Unmet};

use super::adapter::Adapter;
use super::report::{Certified, Report, Verdict};
use super::stage::Stage;

/// How many scenarios run at once: most of their time is lives and waits that have to pass.
const LANES: usize = 4;

/// Runs every scenario of the suite against the adapter, a few at once, each with a client of its
/// own.
///
/// An adapter that passes takes about nine seconds on an idle machine. Most of them are lifetimes
/// and waits that have to pass.
pub fn certify(adapter: &impl Adapter) -> Report {
    certify_all(adapter, scenario::all())
}

/// Runs these scenarios, which may be one's own.
pub fn certify_all(
    adapter: &impl Adapter,
    scenarios: impl IntoIterator<Item = Scenario>,
) -> Report {
    let began = Instant::now();
    let waiting = Mutex::new(scenarios.into_iter().enumerate().collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    // A statement of its own, so that the queue is free while the scenario runs.
                    let next = lock(&waiting).pop_front();
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

/// A queue and a list are whole between any two of their methods.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the scenario of this name, as a report names it.
///
/// # Errors
/// When there is none.
pub fn certify_one(adapter: &impl Adapter, name: &str) -> Result<Certified, NoSuchScenario> {
    let scenario = scenario::find(name).ok_or_else(|| NoSuchScenario::new(name))?;
    Ok(run(adapter, &scenario))
}

fn run<A: Adapter>(adapter: &A, scenario: &Scenario) -> Certified {
    let began = Instant::now();
    let done = |verdict| Certified::new(scenario, verdict, began.elapsed());
    if let Some(reason) = scenario.virtual_only() {
        return done(Verdict::VirtualOnly(reason.to_owned()));
    }
    let mut lacking = scenario.needs();
    lacking.retain(|need| adapter.lacks().contains(need));
    if !lacking.is_empty() {
        return done(Verdict::Skipped(lacking));
    }
    let unmet = match Stage::new(adapter, scenario) {
        Ok(mut stage) => scenario.perform(&mut stage, Precision::Bounds),
        Err(obstacle) => vec![Unmet::no_client(&obstacle)],
    };
    done(if unmet.is_empty() { Verdict::Passed } else { Verdict::Failed(unmet) })
}

/// How many names are proposed for one that is unknown.
const PROPOSALS: usize = 3;

/// The suite has no scenario of this name.
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

/// How many letters one is away from the other.
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
