//! How often a fleet of processes logs in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::AddAssign;
use std::time::Duration;

use fastrand::Rng;
use waldo_auth_core::{Config, Session};
use waldo_test_driver::server::{Policy, Rotation};

use crate::client::{Client, Ending, Next};
use crate::in_parallel;
use crate::network::Network;
use crate::site::{self, Site, Store};
use crate::traffic::{Plan, Traffic};

const HOUR: Duration = Duration::from_secs(60 * 60);
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// A fleet of one is watched so many times over, as one is few.
const TIMES: u32 = 100;

/// Processes that are used in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fleet {
    traffic: Traffic,
    processes: u32,
    /// All read and write one store.
    shared: bool,
    rotation: Rotation,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// How long it was counted, and how many times over.
    span: Duration,
    times: u32,
    calls: u32,
    /// Logins of the first hour, in which everything starts.
    first_logins: u32,
    later_logins: u32,
    refused: u32,
    /// Calls that ended with a 401 for the user, or were not sent.
    failed: u32,
}

impl Tally {
    fn count(&mut self, ending: Ending, at: Duration) {
        self.calls += 1;
        let logins = if at < HOUR { &mut self.first_logins } else { &mut self.later_logins };
        *logins += ending.logins;
        self.refused += ending.refused;
        self.failed += u32::from(ending.delivered || ending.given_up);
    }

    fn hourly(&self, count: u32) -> f64 {
        f64::from(count) / hours(self.span)
    }

    /// Logins of the first hour.
    fn first(&self) -> f64 {
        f64::from(self.first_logins) / f64::from(self.times)
    }

    /// Logins per hour after it.
    fn later(&self) -> f64 {
        f64::from(self.later_logins) / hours(self.span.saturating_sub(HOUR * self.times))
    }
}

fn hours(span: Duration) -> f64 {
    span.as_secs_f64() / HOUR.as_secs_f64()
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let Self { span, times, calls, first_logins, later_logins, refused, failed } = other;
        self.span += span;
        self.times += times;
        self.calls += calls;
        self.first_logins += first_logins;
        self.later_logins += later_logins;
        self.refused += refused;
        self.failed += failed;
    }
}

impl Fleet {
    /// What sharing does on a strict server is seen well before there are ten thousand.
    fn tells_more(self) -> bool {
        !self.shared || self.rotation == Rotation::Lenient || self.processes <= 100
    }

    /// What it does, if need be several times over.
    fn tally(self, config: &Config, mut rng: Rng) -> Tally {
        let times = if self.processes == 1 { TIMES } else { 1 };
        let mut tally = Tally::default();
        for _ in 0..times {
            tally +=
                Tally { span: self.traffic.latest_exp(), times: 1, ..self.run(config, &mut rng) };
        }
        tally
    }

    fn run(self, config: &Config, rng: &mut Rng) -> Tally {
        let latest_exp = self.traffic.latest_exp();
        let plans: Vec<Plan> = (0..self.processes)
            .map(|_| Plan::new(self.traffic, Rng::with_seed(rng.u64(..))))
            .collect();
        let policy = Policy { rotation: self.rotation, ..Policy::default() };
        if self.shared {
            return together(plans, Site::new(policy, Some(Store::default())), config, latest_exp);
        }
        // Processes that share nothing never meet, so each may have the server to itself.
        let mut tally = Tally::default();
        for plan in plans {
            tally += together(vec![plan], Site::new(policy.clone(), None), config, latest_exp);
        }
        tally
    }
}

/// A process, or the processes of a job.
struct Process {
    plan: Plan,
    client: Option<Client<Session>>,
    /// Its next call has to make a connection.
    cold: bool,
    busy: bool,
}

/// Lets processes run side by side. Calls that came in before the `latest_exp` are brought to their
/// end.
fn together(plans: Vec<Plan>, mut site: Site, config: &Config, latest_exp: Duration) -> Tally {
    let network = Network::of(ROUND_TRIP);
    let mut queue = BinaryHeap::with_capacity(plans.len());
    let mut processes = Vec::with_capacity(plans.len());
    for mut plan in plans {
        queue.push(Reverse((plan.first(), processes.len())));
        processes.push(Process { plan, client: None, cold: true, busy: false });
    }
    let mut tally = Tally::default();
    while let Some(Reverse((now, index))) = queue.pop() {
        let Some(process) = processes.get_mut(index) else { continue };
        let client =
            process.client.get_or_insert_with(|| Client::start(config.clone(), &site, now));
        if !process.busy {
            let dice = process.plan.dice();
            let ways = if process.cold { network.cold(dice) } else { network.warm(dice) };
            client.call(false, ways, now);
            process.busy = true;
        }
        match client.proceed(&mut site, now) {
            Next::At(then) => queue.push(Reverse((then, index))),
            Next::Ended(ending) => {
                tally.count(ending, now);
                let due = process.plan.next(now);
                (process.busy, process.cold) = (false, due.cold);
                if due.fresh {
                    process.client = None;
                }
                if due.at < latest_exp {
                    queue.push(Reverse((due.at, index)));
                }
            }
        }
    }
    tally
}

/// Prints the table.
pub(crate) fn print(seed: u64) {
    let rows: Vec<(u64, Traffic, u32)> = (seed..)
        .zip(
            [1, 100, 10_000]
                .into_iter()
                .flat_map(|processes| Traffic::ALL.map(|traffic| (traffic, processes))),
        )
        .map(|(seed, (traffic, processes))| (seed, traffic, processes))
        .collect();
    let sharing = [(false, Rotation::Lenient), (true, Rotation::Lenient), (true, Rotation::Strict)];
    let fleets: Vec<(u64, Fleet)> = rows
        .iter()
        .flat_map(|(seed, traffic, processes)| {
            let fleet = |(shared, rotation)| Fleet {
                traffic: *traffic,
                processes: *processes,
                shared,
                rotation,
            };
            sharing.map(|how| (*seed, fleet(how)))
        })
        .filter(|(_, fleet)| fleet.tells_more())
        .collect();
    let config = site::config(|defaults| defaults);
    let tallies =
        in_parallel(&fleets, |_, (seed, fleet)| fleet.tally(&config, Rng::with_seed(*seed)));

    println!(
        "\nLogins in the first hour, in which all start, and per hour after it; 401s per hour. Calls take 100 ms, tokens last 1 h."
    );
    for traffic in Traffic::ALL {
        println!("  {:<8} {}", traffic.name(), traffic.describe());
    }
    println!("A client that logs in for each call makes as many logins as there are calls.");
    let group = |name: &str, width: usize| format!(" | {name:<width$}");
    println!(
        "\n{:<27}{}{}{}",
        "",
        group("each has a token of its own", 33),
        group("one for all", 24),
        group("one for all, strict server", 32)
    );
    let logins = format!(" | {:>8}{:>9}", "1st hour", "later/h");
    println!(
        "{:<8}{:>10}{:>9}{logins}{:>9}{:>7}{logins}{:>7}{logins}{:>7}{:>8}",
        "traffic", "processes", "calls/h", "of each", "401s", "401s", "401s", "failed"
    );
    for (_, traffic, processes) in rows {
        let of = |shared: bool, rotation: Rotation| {
            let fleet = Fleet { traffic, processes, shared, rotation };
            let found = fleets.iter().zip(&tallies).find(|((_, other), _)| *other == fleet);
            found.map(|(_, tally)| *tally)
        };
        let logins = |tally: Tally| format!(" | {:>8.1}{:>9.1}", tally.first(), tally.later());
        let own = of(false, Rotation::Lenient).unwrap_or_default();
        let shared = of(true, Rotation::Lenient).unwrap_or_default();
        let strict = of(true, Rotation::Strict).map_or_else(String::new, |tally| {
            let (refused, failed) = (tally.hourly(tally.refused), tally.hourly(tally.failed));
            format!("{}{refused:>7.0}{failed:>8.0}", logins(tally))
        });
        println!(
            "{:<8}{processes:>10}{:>9.0}{}{:>9.3}{:>7.0}{}{:>7.0}{strict}",
            traffic.name(),
            own.hourly(own.calls),
            logins(own),
            own.later() / f64::from(processes),
            own.hourly(own.refused),
            logins(shared),
            shared.hourly(shared.refused),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Leeway;

    fn run(fleet: Fleet, leeway: Leeway) -> Tally {
        fleet.run(&leeway.config(), &mut Rng::with_seed(7))
    }

    fn logins(tally: Tally) -> u32 {
        tally.first_logins + tally.later_logins
    }

    fn fleet(traffic: Traffic, processes: u32) -> Fleet {
        Fleet { traffic, processes, shared: false, rotation: Rotation::Lenient }
    }

    #[test]
    fn steady_process_logs_in_once_with_any_leeway() {
        for at_most in [0, 3, 30, 300].map(Duration::from_secs) {
            let tally = run(fleet(Traffic::Steady, 5), Leeway::half(at_most));
            assert_eq!((logins(tally), tally.refused, tally.failed), (5, 0, 0), "{at_most:?}");
            assert!(tally.calls > 500, "{tally:?}");
        }
    }

    #[test]
    fn a_process_that_has_just_started_logs_in() {
        let tally = run(fleet(Traffic::Jobs, 5), Leeway::NONE);
        assert_eq!(tally.calls, 3 * logins(tally));
        assert!((5 * 15..=5 * 16).contains(&logins(tally)), "{tally:?}");
    }

    #[test]
    fn only_gap_longer_than_lifetime_costs_login() {
        for traffic in [Traffic::Bursts, Traffic::Nightly] {
            let plan = Plan::new(traffic, Rng::with_seed(3));
            let mut calls = plan.clone();
            let (mut now, mut gaps) = (calls.first(), 0);
            while now < traffic.latest_exp() {
                let due = calls.next(now);
                gaps += u32::from(due.at > now + HOUR && due.at < traffic.latest_exp());
                now = due.at;
            }
            assert!(gaps > 0);
            let site = Site::new(Policy::default(), None);
            let tally = together(vec![plan], site, &Leeway::NONE.config(), traffic.latest_exp());
            assert_eq!((logins(tally), tally.refused), (1 + gaps, 0), "{traffic:?}");
        }
    }

    #[test]
    fn shared_token_needs_one_login_for_all_processes() {
        for traffic in [Traffic::Steady, Traffic::Jobs] {
            for processes in [1, 10, 100] {
                let tally = run(Fleet { shared: true, ..fleet(traffic, processes) }, Leeway::NONE);
                assert_eq!(
                    (logins(tally), tally.refused, tally.failed),
                    (1, 0, 0),
                    "{traffic:?} {processes}"
                );
            }
        }
    }

    #[test]
    fn a_strict_server_refuses_shared_tokens_and_no_others() {
        let strict = Fleet { rotation: Rotation::Strict, ..fleet(Traffic::Steady, 10) };
        let own = run(strict, Leeway::NONE);
        assert_eq!((logins(own), own.refused), (10, 0));
        let shared = run(Fleet { shared: true, ..strict }, Leeway::NONE);
        assert!(shared.refused > shared.calls / 2, "{shared:?}");
    }
}
