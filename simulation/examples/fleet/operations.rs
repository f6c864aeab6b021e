//! What everyday operations of the server cost its callers, with the shipping session.
//!
//! Each operation is simulated many times, under several loads: once with plain calls, and once
//! with logins that fail, calls that have a deadline and one-shot calls among them. A goal says
//! what may be lost. The figures of the rules of before stand beside those of today.

mod before;
mod case;
pub(crate) mod catalogue;
mod goal;
mod load;
mod record;
mod run;
mod servers;
mod simulation;

use std::fmt::Write;
use std::process::ExitCode;

use fastrand::Rng;
use waldo_auth_core::Session;

use self::before::Before;
use self::case::{Case, Section, Trial};
use self::goal::Finding;
use self::load::Mix;
use crate::in_parallel;

/// What came of one case with one mix of calls.
struct Row {
    mix: Mix,
    finding: Finding,
}

/// Runs every case with every mix; two rows for each case.
fn rows(cases: &[&Case], seed: u64) -> Vec<Row> {
    let mut seeds = Rng::with_seed(seed);
    let mut trials: Vec<(usize, Trial<'_>)> = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        for (row, mix) in Mix::ALL.into_iter().enumerate() {
            let of_mix = case.trials(mix, &mut seeds).into_iter();
            trials.extend(of_mix.map(|trial| (Mix::ALL.len() * index + row, trial)));
        }
    }
    let results = in_parallel(&trials, |_, (_, trial)| trial.run::<Session>());
    let mut of_rows: Vec<_> = cases.iter().flat_map(|_| Mix::ALL.map(|_| Vec::new())).collect();
    for ((row, _), result) in trials.iter().zip(results) {
        if let Some(of_row) = of_rows.get_mut(*row) {
            of_row.push(result);
        }
    }
    let cases = cases.iter().flat_map(|case| Mix::ALL.map(|mix| (case, mix)));
    let judged = |((case, mix), results): ((&&Case, Mix), Vec<_>)| Row {
        mix,
        finding: case.goal.judge(&results),
    };
    cases.zip(of_rows).map(judged).collect()
}

/// Prints the figures alone.
pub(crate) fn print_figures(seed: u64) {
    let sections = catalogue::sections();
    let cases: Vec<&Case> = sections.iter().flat_map(|section| &section.cases).collect();
    let rows = rows(&cases, seed);
    let mut rows = rows.iter();
    for case in cases {
        for row in rows.by_ref().take(Mix::ALL.len()) {
            println!("{}", Before::line(case.name, row.mix, &row.finding.figures));
        }
    }
}

/// Prints the tables of these sections. It fails if a goal is missed that is stated as met.
pub(crate) fn print(sections: &[Section], seed: u64) -> ExitCode {
    let before = Before::read();
    let cases: Vec<&Case> = sections.iter().flat_map(|section| &section.cases).collect();
    let rows = rows(&cases, seed);
    let mut rows = rows.iter();
    let mut failed = 0;
    for section in sections {
        let columns = section.cases.first().map_or(&[][..], |case| case.goal.columns());
        let names = columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        println!(
            "\n{}\n{:<46}{} | before{}",
            section.goal,
            "",
            line(columns, &names),
            line(columns, &names)
        );
        for case in &section.cases {
            for row in rows.by_ref().take(Mix::ALL.len()) {
                let name = if row.mix == Mix::Plain { case.name } else { "  and mixed calls" };
                let figures = line(columns, &row.finding.figures);
                let verdict = Verdict::of(&row.finding, case.missed.contains(&row.mix));
                failed += u32::from(verdict == Verdict::Missed);
                let before = line(columns, before.figures(case.name, row.mix));
                println!("{name:<46}{figures} |       {before}  {}", verdict.word());
            }
        }
    }
    println!("\n{}", catalogue::LEGEND);
    if failed > 0 {
        println!("\n{failed} goals are missed that are stated as met.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Figures below their columns.
fn line(columns: &[&str], figures: &[String]) -> String {
    let mut line = String::new();
    for (column, figure) in columns.iter().zip(figures) {
        // Writing to a string cannot fail.
        let _ = write!(line, "{figure:>width$}", width = column.len().max(5) + 2);
    }
    line
}

/// What came of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    KnownMiss,
    Missed,
}

impl Verdict {
    fn of(finding: &Finding, is_known_miss: bool) -> Self {
        if finding.met {
            Self::Met
        } else if is_known_miss && finding.close {
            Self::KnownMiss
        } else {
            Self::Missed
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::KnownMiss => "missed, as is known",
            Self::Missed => "MISSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::case::Scene;
    use super::goal::Goal;
    use super::load::Load;
    use super::simulation::Simulation;
    use super::*;

    #[test]
    fn each_case_has_unique_name_and_earlier_figures() {
        let (sections, before) = (catalogue::sections(), Before::read());
        let mut names = BTreeSet::new();
        for case in sections.iter().flat_map(|section| &section.cases) {
            assert!(names.insert(case.name), "{}", case.name);
            for mix in Mix::ALL {
                let figures = before.figures(case.name, mix);
                assert_eq!(figures.len(), case.goal.columns().len(), "{} {mix:?}", case.name);
            }
        }
    }

    /// One section whose single case has this goal.
    fn section(goal: Goal, missed: &'static [Mix]) -> Section {
        let simulation = Simulation::of(Duration::from_secs(5));
        let scenes = vec![Scene { simulation, load: Load::of(2, 500), runs: 2 }];
        let name = "single-use tokens in sequence: 1";
        Section { goal: "a test", cases: vec![Case { name, goal, scenes, missed }] }
    }

    #[test]
    fn a_missed_goal_is_a_failure() {
        let one = || section(Goal::Exactly { logins: 1 }, &[]);
        let wrong = |missed| section(Goal::Exactly { logins: 99 }, missed);
        assert_eq!(print(&[one()], 1), ExitCode::SUCCESS);
        assert_eq!(print(&[one(), wrong(&[])], 1), ExitCode::FAILURE);
        assert_eq!(print(&[wrong(&[]), one()], 1), ExitCode::FAILURE);
        // No miss so large is excused.
        assert_eq!(print(&[wrong(&Mix::ALL)], 1), ExitCode::FAILURE);
    }

    #[test]
    fn only_a_known_near_miss_is_excused() {
        let verdict = |met, close, is_known_miss| {
            Verdict::of(&Finding { figures: Vec::new(), met, close }, is_known_miss)
        };
        assert_eq!([false, true].map(|known| verdict(true, true, known)), [Verdict::Met; 2]);
        assert_eq!(verdict(false, true, true), Verdict::KnownMiss);
        assert_eq!(verdict(false, true, false), Verdict::Missed);
        assert_eq!(verdict(false, false, true), Verdict::Missed);
    }
}
