//! The results of the suite.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use waldo_test_driver::scenario::{Need, Scenario, Unmet};

use crate::tally::Tally;

/// The results of all scenarios. `Display` shows them to the author of the adapter.
#[derive(Clone, Debug)]
#[must_use = "a report that nobody looks at certifies nothing"]
pub struct Report {
    pub(super) results: Vec<Certified>,
    pub(super) took: Duration,
}

/// The result of one scenario.
#[derive(Clone, Debug)]
#[must_use = "a result that nobody looks at certifies nothing"]
pub struct Certified {
    name: String,
    why: String,
    seen_in: Vec<String>,
    rules: Vec<u8>,
    status: Status,
    took: Duration,
}

/// How one scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
// The enum is exhaustive on purpose: a scenario passed, failed, or did not run.
pub enum Status {
    /// The run matched all expectations.
    Passed,
    /// The run did not meet these expectations.
    Failed(Vec<Unmet>),
    /// The scenario did not run, because the adapter lacks these needs.
    Skipped(BTreeSet<Need>),
    /// The scenario did not run, because real sockets cannot do it for this reason. The core passes
    /// it in virtual time.
    VirtualOnly(String),
}

impl Certified {
    pub(super) fn new(scenario: &Scenario, status: Status, took: Duration) -> Self {
        Self {
            name: scenario.name().to_owned(),
            why: scenario.why().to_owned(),
            seen_in: scenario.seen_in().map(str::to_owned).collect(),
            rules: scenario.rules().to_vec(),
            status,
            took,
        }
    }

    /// The name of the scenario.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the scenario ended.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Whether the scenario failed.
    pub fn is_failed(&self) -> bool {
        matches!(self.status, Status::Failed(_))
    }

    /// Whether the scenario passed.
    pub fn is_passed(&self) -> bool {
        self.status == Status::Passed
    }

    /// How long the scenario took.
    pub fn took(&self) -> Duration {
        self.took
    }
}

impl fmt::Display for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, why, seen_in, rules, status, took } = self;
        match status {
            Status::Passed => write!(f, "passed   {name} ({} ms)", took.as_millis()),
            Status::VirtualOnly(reason) => write!(f, "virtual  {name}: {reason}"),
            Status::Skipped(needs) => {
                let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
                write!(f, "skipped  {name}: the adapter lacks {}", needs.join(", "))
            }
            Status::Failed(unmet) => {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                let word = if rules.len() == 1 { "rule" } else { "rules" };
                write!(f, "FAILED   {name}")?;
                if !rules.is_empty() {
                    write!(f, " ({word} {})", rules.join(", "))?;
                }
                write!(f, ": {why}")?;
                if !seen_in.is_empty() {
                    write!(f, " Seen in {}.", seen_in.join(", "))?;
                }
                unmet.iter().try_for_each(|what| {
                    write!(f, "\n         - {}", what.to_string().replace('\n', "\n         "))
                })
            }
        }
    }
}

impl Report {
    /// The result of each scenario, in the order of the suite.
    pub fn results(&self) -> &[Certified] {
        &self.results
    }

    /// Whether no scenario has failed, and at least one has passed.
    pub fn is_certified(&self) -> bool {
        self.results.iter().any(Certified::is_passed)
            && !self.results.iter().any(Certified::is_failed)
    }

    /// How many scenarios passed.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| result.is_passed()).count()
    }

    /// How many scenarios were skipped, because the adapter lacks their needs.
    pub fn skipped(&self) -> usize {
        self.results.iter().filter(|result| matches!(result.status, Status::Skipped(_))).count()
    }

    /// The names of the scenarios that failed.
    pub fn failed(&self) -> Vec<&str> {
        self.results.iter().filter(|result| result.is_failed()).map(Certified::name).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let virtual_only = |result: &&Certified| matches!(result.status, Status::VirtualOnly(_));
        let virtual_only = self.results.iter().filter(virtual_only).count();
        let (passed, failed, skipped) = (self.passed(), self.failed().len(), self.skipped());
        self.results.iter().try_for_each(|result| writeln!(f, "{result}"))?;
        write!(
            f,
            "{}{passed} passed, {failed} failed, {skipped} skipped, {virtual_only} in virtual time only, in {:.1} s",
            Tally::of(&self.results),
            self.took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that is given 200 and should end otherwise.
    fn scenario(name: &str, rules: &str, status: u16) -> Scenario {
        let json = format!(
            r#"{{
                "name": "{name}", "why": "It says why.", "rules": {rules},
                "seen_in": [{{"issue": "a/b#1"}}, {{"issue": "c/d#2"}}],
                "steps": [{{"call": {{"id": "a", "answer": [{status}, 201]}}}}],
                "seen": [{{"login": 200}}, {{"call": "a", "token": "login 1", "given": 200}}]
            }}"#
        );
        Scenario::read(&json).unwrap()
    }

    fn certified(status: Status) -> Certified {
        Certified::new(&scenario("n", "[]", 200), status, Duration::from_millis(12))
    }

    fn failed(name: &str, rules: &str, status: u16) -> Certified {
        let scenario = scenario(name, rules, status);
        Certified::new(&scenario, Status::Failed(scenario.run()), Duration::ZERO)
    }

    fn report(results: Vec<Certified>) -> Report {
        Report { results, took: Duration::from_millis(1500) }
    }

    #[test]
    fn a_report_shows_each_result_and_repeated_findings() {
        let report = report(vec![
            certified(Status::Passed),
            certified(Status::Passed),
            failed("two", "[3]", 418),
            failed("three", "[1, 3]", 418),
            failed("four", "[]", 422),
            certified(Status::Skipped([Need::Storage, Need::Reset].into())),
            certified(Status::Skipped([Need::Deadlines].into())),
            certified(Status::VirtualOnly("It takes long.".to_owned())),
        ]);
        let failure = |head: &str, status: u16| {
            format!(
                "FAILED   {head}: It says why. Seen in a/b#1, c/d#2.
         - call a ended otherwise: expected {status} or 201; seen 200, at 0s; all that was seen:
           1. a login as the first pair, given 200, at 0s
           2. /a with login 1, given 200, at 0s
"
            )
        };
        let expected = [
            "passed   n (12 ms)\npassed   n (12 ms)\n".to_owned(),
            failure("two (rule 3)", 418),
            failure("three (rules 1, 3)", 418),
            failure("four", 422),
            "skipped  n: the adapter lacks reset, storage\n".to_owned(),
            "skipped  n: the adapter lacks deadlines\n".to_owned(),
            "virtual  n: It takes long.\n".to_owned(),
            "2 of 3 failures say: expected 418 or 201; seen 200\n".to_owned(),
            "2 passed, 3 failed, 2 skipped, 1 in virtual time only, in 1.5 s".to_owned(),
        ];
        assert_eq!(report.to_string(), expected.concat());
        assert_eq!(report.failed(), ["two", "three", "four"]);
        assert_eq!(report.results().len(), 8);
        assert_eq!(
            report.results().iter().map(Certified::took).max(),
            Some(Duration::from_millis(12))
        );
    }

    #[test]
    fn a_report_certifies_what_passed_and_did_not_fail() {
        let (passed, skipped) = (Status::Passed, Status::Skipped([Need::Reset].into()));
        for (results, is_certified) in [
            (vec![certified(passed.clone()), certified(skipped.clone())], true),
            (vec![certified(passed.clone()), failed("n", "[]", 418)], false),
            (vec![certified(skipped)], false),
            (vec![failed("n", "[]", 418)], false),
        ] {
            let report = report(results);
            assert_eq!(report.is_certified(), is_certified, "{report}");
        }
    }
}
