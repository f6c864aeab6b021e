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
    calls: u64,
    /// Logins of the first hour, in which everything starts.
    first_hour: u64,
    /// Logins after it.
    later: u64,
    refused: u64,
    delivered: u64,
    given_up: u64,
}

impl Tally {
    fn count(&mut self, ending: Ending, at: Duration) {
        self.calls += 1;
        let logins = if at < HOUR { &mut self.first_hour } else { &mut self.later };
        *logins += u64::from(ending.logins);
        self.refused += u64::from(ending.refused);
        self.delivered += u64::from(ending.delivered);
        self.given_up += u64::from(ending.given_up);
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let Self { calls, first_hour, later, refused, delivered, given_up } = other;
        self.calls += calls;
        self.first_hour += first_hour;
        self.later += later;
        self.refused += refused;
        self.delivered += delivered;
        self.given_up += given_up;
    }
}

impl Fleet {
    /// Lets it run once.
    fn run(self, config: &Config, mut rng: Rng) -> Tally {
        let plans = (0..self.processes).map(|_| Plan::new(self.traffic, rng.fork()));
        match self.tokens {
            // Processes that share nothing never meet, so each may have the server to itself.
            Tokens::Own => {
                let mut tally = Tally::default();
                for plan in plans {
                    let site = Site::new(Policy::default(), None);
                    tally += together(vec![plan], site, config, self.traffic.horizon());
                }
                tally
            }
            Tokens::Shared(rotation) => {
                let site = Site::new(Policy { rotation, ..Policy::default() }, Some(Store::default()));
                together(plans.collect(), site, config, self.traffic.horizon())
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

/// The same use of the same number of processes, with tokens of their own and with shared ones.
const TOKENS: [Tokens; 3] =
    [Tokens::Own, Tokens::Shared(Rotation::Lenient), Tokens::Shared(Rotation::Strict)];

/// Prints the table.
pub(crate) fn print(seed: u64) {
    let mut fleets = Vec::new();
    for processes in [1, 100, 10_000] {
        for traffic in Traffic::ALL {
            fleets.extend(TOKENS.map(|tokens| Fleet { traffic, processes, tokens }));
        }
    }
    let config = site::config(|defaults| defaults);
    let tallies = in_parallel(&fleets, |index, fleet| {
        let mut rng = Rng::with_seed(seed.wrapping_add(index as u64));
        let times = if fleet.processes == 1 { TIMES } else { 1 };
        let mut tally = Tally::default();
        for _ in 0..times {
            let began = std::time::Instant::now();
            tally += fleet.run(&config, rng.fork());
            eprintln!("{fleet:?} {:?}", began.elapsed());
        }
        (times, tally)
    });
    for (fleet, (times, tally)) in fleets.iter().zip(tallies) {
        println!("{:?} {} {:?} {times} {tally:?}", fleet.traffic, fleet.processes, fleet.tokens);
    }
}
