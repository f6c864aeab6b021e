//! Breaks each demand alone, and checks that only this demand is found.

mod benches;
mod observations;
mod requests;

use std::collections::BTreeSet;

use super::demand::Demand;
use super::unmet::Unmet;

/// A correct or faulty behaviour, and its finding.
struct Case {
    /// The behaviour, for a reader of the failure.
    what: String,
    found: Vec<Unmet>,
    /// The demand that must be found, and a part of its message. `None` for correct behaviour.
    expected: Option<(Demand, &'static str)>,
}

impl Case {
    /// The difference between the finding and the expectation.
    fn difference(&self) -> Option<String> {
        let Self { what, found, expected } = self;
        let messages: Vec<String> = found.iter().map(ToString::to_string).collect();
        let agree = match (found.as_slice(), expected) {
            ([], None) => true,
            ([found], Some((demand, words))) => {
                found.demand() == *demand && messages.concat().contains(words)
            }
            _ => false,
        };
        (!agree).then(|| format!("{what}: expected {expected:?}; found {messages:#?}"))
    }
}

#[test]
fn each_broken_demand_is_found_alone() {
    let cases: Vec<Case> = observations::cases()
        .into_iter()
        .chain(requests::cases())
        .chain(benches::cases())
        .collect();
    let differences: Vec<String> = cases.iter().filter_map(Case::difference).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let broken: BTreeSet<Demand> = cases.iter().filter_map(|case| Some(case.expected?.0)).collect();
    let demands: BTreeSet<Demand> = Demand::ALL.iter().copied().collect();
    assert_eq!(broken, demands, "a demand has no faulty client");
}
