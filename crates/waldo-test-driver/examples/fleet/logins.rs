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

/// A fleet of one is watched so many times over, as one is few.
const TIMES: usize = 100;

/// Who shares a token with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokens {
    /// Each process has its own.
    Own,
    /// All read and write one store, and the server retires nothing (lenient), or a token with its first use (strict).
    Shared(Rotation),
}

/// Processes that are used in one way.
#[derive(Clone, Copy, Debug)]
struct Fleet {
    traffic: Traffic,
    processes: usize,
    tokens: Tokens,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// How long all that was counted took; where it was done several times over, each of them counts.
    span: Duration,
    times: u32,
    calls: u64,
    /// Logins of the first hour, in which everything starts.
    first_logins: u64,
    later_logins: u64,
    refused: u64,
    /// Calls that ended with a 401 for the user, or were not sent.
    failed: u64,
}

impl Tally {
    fn count(&mut self, ending: Ending, at: Duration) {
        self.calls += 1;
        let logins = if at < HOUR { &mut self.first_logins } else { &mut self.later_logins };
        *logins += u64::from(ending.logins);
        self.refused += u64::from(ending.refused);
        self.failed += u64::from(ending.delivered || ending.given_up);
    }

    fn hourly(&self, count: u64) -> f64 {
        count as f64 / (self.span.as_secs_f64() / 3600.0)
    }

    fn first_hour(&self) -> f64 {
        self.first_logins as f64 / f64::from(self.times)
    }

    fn later(&self) -> f64 {
        let first_hours = HOUR * self.times;
        self.later_logins as f64 / ((self.span - first_hours).as_secs_f64() / 3600.0)
    }
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
    fn is_worth_it(self) -> bool {
        self.tokens != Tokens::Shared(Rotation::Strict) || self.processes <= 100
    }

    /// What it does until the horizon, or so many times over.
    fn tally(self, config: &Config, mut rng: Rng) -> Tally {
        let times = if self.processes == 1 { TIMES } else { 1 };
        let mut tally = Tally::default();
        for _ in 0..times {
            tally += Tally { span: self.traffic.horizon(), times: 1, ..self.run(config, &mut rng) };
        }
        tally
    }

    fn run(self, config: &Config, rng: &mut Rng) -> Tally {
        let horizon = self.traffic.horizon();
        let plans = (0..self.processes).map(|_| Plan::new(self.traffic, rng.fork()));
        match self.tokens {
            // Processes that share nothing never meet, so each may have the server to itself.
            Tokens::Own => {
                let mut tally = Tally::default();
                for plan in plans {
                    tally += together(vec![plan], Site::new(Policy::default(), None), config, horizon);
                }
                tally
            }
            Tokens::Shared(rotation) => {
                let policy = Policy { rotation, ..Policy::default() };
                together(plans.collect(), Site::new(policy, Some(Store::default())), config, horizon)
            }
        }
    }
}

/// A process, or the processes of a job.
struct Process {
    plan: Plan,
    client: Option<Client<Session>>,
    /// Its next call starts another process.
    fresh: bool,
    /// Its next call has to make a connection.
    cold: bool,
    busy: bool,
}

/// Lets processes run side by side until the horizon. Calls that came in before are brought to their end.
fn together(plans: Vec<Plan>, mut site: Site, config: &Config, horizon: Duration) -> Tally {
    let network = Network::of(Duration::from_millis(100));
    let mut queue = BinaryHeap::with_capacity(plans.len());
    let mut processes = Vec::with_capacity(plans.len());
    for mut plan in plans {
        let due = plan.first();
        queue.push(Reverse((due.at, processes.len())));
        processes.push(Process { plan, client: None, fresh: due.fresh, cold: due.cold, busy: false });
    }
    let mut tally = Tally::default();
    while let Some(Reverse((now, index))) = queue.pop() {
        let Some(process) = processes.get_mut(index) else { continue };
        if process.fresh {
            process.client = None;
            process.fresh = false;
        }
        let client = process.client.get_or_insert_with(|| Client::start(config.clone(), &site, now));
        if !process.busy {
            let dice = process.plan.dice();
            let ways = if process.cold { network.cold(dice) } else { network.warm(dice) };
            client.call(false, ways, now);
            process.busy = true;
        }
        let next = match client.proceed(&mut site, now) {
            Next::At(then) => then,
            Next::Ended(ending) => {
                tally.count(ending, now);
                let due = process.plan.next(now);
                (process.busy, process.fresh, process.cold) = (false, due.fresh, due.cold);
                if due.at >= horizon {
                    continue;
                }
                due.at
            }
        };
        queue.push(Reverse((next, index)));
    }
    tally
}

/// Prints the table.
pub(crate) fn print(seed: u64) {
    println!("Round trips take 100 ms, tokens last 1 h and are renewed by each call.");
    for traffic in Traffic::ALL {
        println!("{:<8} {}", traffic.name(), traffic.describe());
    }
    let rows: Vec<(Traffic, usize)> =
        [1, 100, 10_000].iter().flat_map(|processes| Traffic::ALL.map(|traffic| (traffic, *processes))).collect();
    let runs: Vec<(usize, Fleet)> = rows
        .iter()
        .enumerate()
        .flat_map(|(row, (traffic, processes))| {
            let tokens = [Tokens::Own, Tokens::Shared(Rotation::Lenient), Tokens::Shared(Rotation::Strict)];
            tokens.map(|tokens| (row, Fleet { traffic: *traffic, processes: *processes, tokens }))
        })
        .filter(|(_, fleet)| fleet.is_worth_it())
        .collect();
    let config = site::config(|defaults| defaults);
    let tallies = in_parallel(&runs, |_, (row, fleet)| {
        fleet.tally(&config, Rng::with_seed(seed.wrapping_add(*row as u64)))
    });
    println!(
        "
                             a token for each process            one for all, lenient       one for all, strict server
                             logins                              logins                     logins
         processes  calls/h  1st hour  later/h   each/h    401s  1st hour  later/h    401s  1st hour  later/h    401s/h  failed/h"
    );
    for (row, (traffic, processes)) in rows.iter().enumerate() {
        let of = |tokens: Tokens| {
            let mut those = runs.iter().zip(&tallies);
            those.find(|((its, fleet), _)| *its == row && fleet.tokens == tokens).map(|(_, tally)| *tally)
        };
        let own = of(Tokens::Own).unwrap_or_default();
        print!("{:<8}{processes:>10}{:>9.0}", traffic.name(), own.hourly(own.calls));
        let logins = |tally: Tally| format!("{:>10.1}{:>9.1}", tally.first_hour(), tally.later());
        let each = own.later() / *processes as f64;
        print!("{}{each:>9.3}{:>8.0}", logins(own), own.hourly(own.refused));
        let lenient = of(Tokens::Shared(Rotation::Lenient)).unwrap_or_default();
        print!("{}{:>8.0}", logins(lenient), lenient.hourly(lenient.refused));
        match of(Tokens::Shared(Rotation::Strict)) {
            Some(strict) => {
                let (refused, failed) = (strict.hourly(strict.refused), strict.hourly(strict.failed));
                println!("{}{refused:>10.0}{failed:>10.0}", logins(strict));
            }
            None => println!("{:>10}{:>9}{:>10}{:>10}", "-", "-", "-", "-"),
        }
    }
}
