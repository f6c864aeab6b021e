//! The findings that many failures have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::report::{Certified, Status};

/// How many findings are listed at most.
const MOST: usize = 5;

/// The repeated findings, each with the number of its failed scenarios. The most frequent finding
/// comes first.
pub(super) struct Tally<'a> {
    findings: Vec<(&'a str, usize)>,
    failures: usize,
}

impl<'a> Tally<'a> {
    pub(super) fn of(results: &'a [Certified]) -> Self {
        let (mut counts, mut failures) = (BTreeMap::new(), 0);
        for result in results {
            let Status::Failed(unmet) = result.status() else { continue };
            failures += 1;
            // Each scenario counts once for each finding.
            let gists: BTreeSet<&str> = unmet.iter().map(super::Unmet::gist).collect();
            for gist in gists {
                *counts.entry(gist).or_default() += 1;
            }
        }
        let mut findings: Vec<(&str, usize)> =
            counts.into_iter().filter(|(_, count)| *count > 1).collect();
        findings.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        findings.truncate(MOST);
        Self { findings, failures }
    }
}

impl fmt::Display for Tally<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.failures;
        self.findings
            .iter()
            .try_for_each(|(gist, count)| writeln!(f, "{count} of {failures} failures say: {gist}"))
    }
}
