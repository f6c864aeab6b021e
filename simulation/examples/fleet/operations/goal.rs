//! What may be lost.

use std::time::Duration;

use super::case::Outcome;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// By when an outage is over in 99 of 100 runs, and in all.
const SOON: Duration = Duration::from_secs(2);
const ALWAYS: Duration = Duration::from_secs(3);

/// When a server that can never be pleased has used up all permits that were saved.
const STEADY: Duration = Duration::from_secs(5 * 60);

/// What may be lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// No call is lost later than 2 s after the cause has ended in 99 of 100 runs, and than 3 s in
    /// all.
    OutageEnds,
    /// A token that is not known everywhere costs so many logins; and, if `keeps`, no call more
    /// than to keep it would.
    Lag { logins: u32, keeps: bool },
    /// Each dead token that a cache repeats costs one login, and no call.
    Cache { dead: u32 },
    /// No call is lost that can be sent again.
    NoneLost,
    /// At most 12 logins in the first minute, and 125 an hour.
    FewLogins,
    /// Exactly so many logins, the first among them, and no call that can be sent again is lost.
    Exactly { logins: u32 },
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// One for each column.
    pub(super) figures: Vec<String>,
    pub(super) met: bool,
    /// It is met, or nearly: a known miss must not become a larger one.
    pub(super) close: bool,
}

impl Goal {
    /// Whether the runs are compared with some that keep every token.
    pub(super) fn is_compared(self) -> bool {
        matches!(self, Self::Lag { .. })
    }

    /// What is told of the runs.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::OutageEnds => &["runs", "logins", "most", "lost", "late", "worst"],
            Self::Lag { .. } => &["logins", "lost", "kept", "then", "lost"],
            Self::Cache { .. } => &["logins", "most", "lost %"],
            Self::NoneLost => &["logins", "lost", "1-shot"],
            Self::FewLogins => &["1st min", "per h", "lost %"],
            Self::Exactly { .. } => &["least", "most", "lost", "1-shot"],
        }
    }

    /// Judges the runs.
    pub(super) fn judge(self, runs: &[Outcome<'_>]) -> Finding {
        match self {
            Self::OutageEnds => outage_ends(runs),
            Self::Lag { logins, keeps } => lag(runs, logins, keeps),
            Self::Cache { dead } => cache(runs, dead),
            Self::NoneLost => none_lost(runs),
            Self::FewLogins => few_logins(runs),
            Self::Exactly { logins } => exactly(runs, logins),
        }
    }
}

fn outage_ends(runs: &[Outcome<'_>]) -> Finding {
    let further = |run: &Outcome<'_>| logins(run).saturating_sub(1);
    let latest: Vec<Duration> =
        runs.iter().map(|run| run.record.latest_after(&run.simulation.ends())).collect();
    let late = latest.iter().filter(|latest| **latest > SOON).count();
    let worst = latest.iter().max().copied().unwrap_or_default();
    let figures = vec![
        runs.len().to_string(),
        mean(runs, further),
        most(runs, further).to_string(),
        mean(runs, |run| run.record.lost_within(Duration::ZERO, Duration::MAX)),
        late.to_string(),
        format!("{:.1} s", worst.as_secs_f64()),
    ];
    Finding {
        figures,
        met: late * 100 <= runs.len() && worst <= ALWAYS,
        close: late * 20 <= runs.len(),
    }
}

fn lag(runs: &[Outcome<'_>], allowed: u32, keeps: bool) -> Finding {
    let revoked =
        |run: &Outcome<'_>| run.simulation.revoked.first().copied().unwrap_or(Duration::MAX);
    let first = |run: &Outcome<'_>| run.record.logins_within(Duration::ZERO, revoked(run));
    let then = |run: &Outcome<'_>| run.record.logins_within(revoked(run), Duration::MAX);
    let lost = |run: &Outcome<'_>| run.record.lost_within(Duration::ZERO, revoked(run));
    let kept = |run: &Outcome<'_>| run.kept.lost_within(Duration::ZERO, revoked(run));
    let lost_then = |run: &Outcome<'_>| run.record.lost_within(revoked(run), Duration::MAX);
    let (first_most, then_most) = (most(runs, first), most(runs, then));
    let figures = vec![
        first_most.to_string(),
        mean(runs, lost),
        mean(runs, kept),
        then_most.to_string(),
        mean(runs, lost_then),
    ];
    // The calls that were under way at the revocation may be lost beside those of the lag.
    let under_way = |run: &Outcome<'_>| u32::try_from(run.load.threads).unwrap_or(u32::MAX);
    let as_if_kept = runs.iter().all(|run| lost(run) <= kept(run))
        && sum(runs, lost_then) <= sum(runs, |run| kept(run) + under_way(run));
    let met = first_most <= allowed && then_most <= allowed && (as_if_kept || !keeps);
    // Ten permits, and one more every 30 s.
    Finding { figures, met, close: first_most <= 12 && then_most <= 12 }
}

fn cache(runs: &[Outcome<'_>], dead: u32) -> Finding {
    let further = |run: &Outcome<'_>| logins(run).saturating_sub(1);
    let most = most(runs, further);
    let figures = vec![mean(runs, further), most.to_string(), share_lost(runs)];
    // Ten permits, and one more every 30 s.
    Finding { figures, met: most <= dead, close: most <= 14 }
}

fn none_lost(runs: &[Outcome<'_>]) -> Finding {
    let lost = sum(runs, |run| run.record.lost_that(false));
    let one_shot = sum(runs, |run| run.record.lost_that(true));
    let figures = vec![mean(runs, logins), lost.to_string(), one_shot.to_string()];
    Finding { figures, met: lost == 0, close: is_rare(lost, runs) }
}

fn few_logins(runs: &[Outcome<'_>]) -> Finding {
    let first = most(runs, |run| run.record.logins_within(Duration::ZERO, Duration::from_secs(60)));
    let hourly = |run: &Outcome<'_>| {
        let span = run.simulation.until.saturating_sub(STEADY);
        f64::from(run.record.logins_within(STEADY, run.simulation.until))
            * HOUR.div_duration_f64(span)
    };
    let hourly = runs.iter().map(hourly).fold(0.0, f64::max);
    let figures = vec![first.to_string(), format!("{hourly:.0}"), share_lost(runs)];
    let met = first <= 12 && hourly <= 125.0;
    Finding { figures, met, close: met }
}

fn exactly(runs: &[Outcome<'_>], allowed: u32) -> Finding {
    let least = runs.iter().map(logins).min().unwrap_or_default();
    let most = most(runs, logins);
    let lost = sum(runs, |run| run.record.lost_that(false));
    let one_shot = sum(runs, |run| run.record.lost_that(true));
    let figures =
        [u64::from(least), u64::from(most), lost, one_shot].map(|figure| figure.to_string());
    let exact = least == allowed && most == allowed;
    Finding {
        figures: figures.to_vec(),
        met: exact && lost == 0,
        close: exact && is_rare(lost, runs),
    }
}

/// At most two of a thousand calls: three seeds lost 2, 8 and 11 of some 10,900 mixed calls.
fn is_rare(lost: u64, runs: &[Outcome<'_>]) -> bool {
    lost * 500 <= sum(runs, |run| run.record.calls)
}

fn logins(run: &Outcome<'_>) -> u32 {
    run.record.logins_within(Duration::ZERO, Duration::MAX)
}

fn sum(runs: &[Outcome<'_>], of: impl Fn(&Outcome<'_>) -> u32) -> u64 {
    runs.iter().map(|run| u64::from(of(run))).sum()
}

fn most(runs: &[Outcome<'_>], of: impl Fn(&Outcome<'_>) -> u32) -> u32 {
    runs.iter().map(of).max().unwrap_or_default()
}

fn mean(runs: &[Outcome<'_>], of: impl Fn(&Outcome<'_>) -> u32) -> String {
    let (count, sum) =
        runs.iter().fold((0.0, 0.0), |(count, sum), run| (count + 1.0, sum + f64::from(of(run))));
    format!("{:.1}", if count > 0.0 { sum / count } else { 0.0 })
}

/// How many of a hundred calls were lost.
fn share_lost(runs: &[Outcome<'_>]) -> String {
    let of_run = |run: &Outcome<'_>| {
        let lost = run.record.lost_within(Duration::ZERO, Duration::MAX);
        (f64::from(lost), f64::from(run.record.calls))
    };
    let (lost, calls) =
        runs.iter().map(of_run).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    format!("{:.1}", if calls > 0.0 { 100.0 * lost / calls } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::load::Load;
    use crate::operations::record::{Lost, Record};
    use crate::operations::simulation::Simulation;

    fn lost(at: f64, one_shot: bool) -> Lost {
        Lost { at: Duration::from_secs_f64(at), one_shot }
    }

    fn outcome<'a>(simulation: &'a Simulation, logins: &[f64], lost: &[Lost]) -> Outcome<'a> {
        let logins = logins.iter().map(|at| Duration::from_secs_f64(*at)).collect();
        let record = Record { calls: 100, logins, lost: lost.to_vec(), given_up: 0 };
        Outcome { simulation, load: Load::of(1, 100), record, kept: Record::default() }
    }

    #[test]
    fn one_outage_in_a_hundred_may_last_three_seconds() {
        let overlap = Some(Duration::from_secs(3)..Duration::from_secs(6));
        let simulation = Simulation { overlap, ..Simulation::of(Duration::from_secs(60)) };
        let judge = |latest: &[f64]| {
            let mut runs: Vec<_> = (latest.len()..100)
                .map(|_| outcome(&simulation, &[], &[lost(8.0, false)]))
                .collect();
            runs.extend(
                latest
                    .iter()
                    .map(|at| outcome(&simulation, &[], &[lost(*at, false), lost(20.0, true)])),
            );
            Goal::OutageEnds.judge(&runs).met
        };
        assert!(judge(&[9.0]));
        assert!(!judge(&[9.1]));
        assert!(!judge(&[8.1, 8.1]));
    }

    #[test]
    fn a_lag_costs_what_keeping_costs() {
        let simulation = Simulation {
            revoked: vec![Duration::from_secs(30)],
            ..Simulation::of(Duration::from_secs(60))
        };
        let judge = |logins: &[f64], losses: &[Lost], keeps| {
            let mut run = outcome(&simulation, logins, losses);
            run.kept.lost = vec![lost(1.0, false)];
            Goal::Lag { logins: 1, keeps }.judge(&[run]).met
        };
        assert!(judge(&[0.0, 31.0], &[lost(1.0, false)], true));
        assert!(!judge(&[0.0, 31.0], &[lost(1.0, false), lost(2.0, false)], true));
        assert!(judge(&[0.0, 31.0], &[lost(1.0, false), lost(2.0, false)], false));
        assert!(!judge(&[0.0, 1.0, 31.0], &[], false));
        assert!(!judge(&[0.0, 31.0, 33.0], &[], false));
    }

    #[test]
    fn few_logins_goal_limits_minute_and_hour() {
        let simulation = Simulation::of(Duration::from_secs(65 * 60));
        let judge = |first: u32, later: u32| {
            let first = (0..first).map(f64::from);
            let logins: Vec<f64> =
                first.chain((0..later).map(|index| 300.0 + f64::from(index))).collect();
            Goal::FewLogins.judge(&[outcome(&simulation, &logins, &[])]).met
        };
        assert!(judge(12, 125));
        assert!(!judge(13, 0));
        assert!(!judge(0, 126));
    }

    #[test]
    fn exact_goals_excuse_one_shot_calls_alone() {
        let simulation = Simulation::of(Duration::from_secs(60));
        let judge = |logins: &[f64], losses: &[Lost]| {
            Goal::Exactly { logins: 1 }.judge(&[outcome(&simulation, logins, losses)]).met
        };
        assert!(judge(&[0.0], &[lost(1.0, true)]));
        assert!(!judge(&[0.0], &[lost(1.0, false)]));
        assert!(!judge(&[], &[]) && !judge(&[0.0, 1.0], &[]));
        let none_lost =
            |losses: &[Lost]| Goal::NoneLost.judge(&[outcome(&simulation, &[], losses)]).met;
        assert!(none_lost(&[lost(1.0, true)]) && !none_lost(&[lost(1.0, false)]));
        let cache = |logins: &[f64]| {
            Goal::Cache { dead: 1 }.judge(&[outcome(&simulation, logins, &[])]).met
        };
        assert!(cache(&[0.0, 1.0]) && !cache(&[0.0, 1.0, 2.0]));
    }

    #[test]
    fn a_near_miss_has_bounds() {
        let simulation = Simulation::of(Duration::from_secs(60));
        let close = |losses: u32| {
            let losses: Vec<_> = (0..losses).map(|at| lost(f64::from(at), false)).collect();
            let mut run = outcome(&simulation, &[0.0], &losses);
            run.record.calls = 1000;
            [Goal::NoneLost, Goal::Exactly { logins: 1 }]
                .map(|goal| goal.judge(std::slice::from_ref(&run)).close)
        };
        assert_eq!([close(2), close(3)], [[true; 2], [false; 2]]);
        let logins: Vec<f64> = (0..15).map(f64::from).collect();
        let run = outcome(&simulation, &logins, &[]);
        assert!(Goal::Cache { dead: 10 }.judge(std::slice::from_ref(&run)).close);
        assert!(!Goal::Lag { logins: 1, keeps: true }.judge(&[run]).close);
    }
}
