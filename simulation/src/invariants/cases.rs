//! The test cases of each clause: sights that only this clause forbids, and similar sights that are
//! allowed.

mod answers;
mod endings;
mod logins;
mod requests;
mod stage;
mod waits;

use self::stage::Stage;
use super::{INVARIANTS, Invariant, judge};

/// A clause, the stages that only this clause forbids, and similar stages that are allowed.
struct Case {
    clause: &'static str,
    broken: Vec<Stage>,
    kept: Vec<Stage>,
}

fn case<const B: usize, const K: usize>(
    clause: &'static str,
    broken: [Stage; B],
    kept: [Stage; K],
) -> Case {
    Case { clause, broken: broken.into(), kept: kept.into() }
}

fn cases() -> Vec<Case> {
    [requests::cases(), logins::cases(), waits::cases(), answers::cases(), endings::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn each_clause_alone_objects_to_its_cases() {
    let mut wrong = Vec::new();
    for Case { clause, broken, kept } in cases() {
        for stage in &broken {
            let judged =
                judge(INVARIANTS, &stage.scene(), &stage.sight()).map_err(|found| found.path());
            if stage.objectors() != [clause] || judged != Err(clause.to_owned()) {
                wrong.push(format!(
                    "{clause} alone must object to this, not {:?}: {:?}",
                    stage.objectors(),
                    stage.what
                ));
            }
        }
        for stage in &kept {
            let judged = judge(INVARIANTS, &stage.scene(), &stage.sight());
            if !stage.objectors().is_empty() || judged.is_err() {
                wrong.push(format!(
                    "close to {clause}: {:?} object to {:?}",
                    stage.objectors(),
                    stage.what
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_clause_has_cases_on_both_sides() {
    let cases = cases();
    let mut covered: Vec<&str> = cases.iter().map(|case| case.clause).collect();
    let mut clauses: Vec<String> = INVARIANTS.iter().flat_map(Invariant::paths).collect();
    covered.sort_unstable();
    clauses.sort_unstable();
    assert_eq!(covered, clauses);
    for case in cases {
        assert!(!case.broken.is_empty() && !case.kept.is_empty(), "{}", case.clause);
    }
    let shown = format!("{INVARIANTS:?}");
    for clause in INVARIANTS.iter().flat_map(|invariant| invariant.clauses) {
        assert!(shown.contains(&format!("Clause({:?})", clause.name)), "{}: {shown}", clause.name);
    }
}
