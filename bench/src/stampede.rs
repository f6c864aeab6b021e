//! Many threads that need a token at the same moment. Counts the logins, and the threads that wait
//! without need.
//!
//! The results do not depend on the machine's speed. A round counts the server's requests. After a
//! token is granted, further logins are held at the server's gate. A thread that is not done when
//! the gate opens has waited for a login although it could use a token.

use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use waldo_emulator::model::{Answer, DateStyle, Fault, Policy, Server, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_ureq::{Client, ClientBuilder, Credentials, Explanation};

use crate::distribution::Distribution;
use crate::subject;
use crate::table::Table;

/// The number of threads that need a token.
const THREADS: usize = 64;

/// How long a login takes. It is long enough that all threads come while the login is under way.
const LOGIN: Duration = Duration::from_millis(10);

/// The time after which an unfinished thread counts as stalled.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The lifetime of a token that ends soon.
const SHORT: Duration = Duration::from_millis(500);

/// The number of short lifetimes for which the client is in use without a pause.
const LIVES: u32 = 2;

/// A scenario of many threads.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    name: &'static str,
    /// The expected number of logins, including failed logins.
    logins: u64,
    play: fn() -> Played,
}

/// One round of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Played {
    /// All logins, including failed logins.
    pub logins: u64,
    /// The number of threads that waited for a login although they could use a token.
    pub stalled: usize,
    /// The time until all threads were done.
    pub took: Duration,
}

/// The results of all rounds of a scenario.
#[derive(Clone, Debug)]
pub struct Outcome {
    scenario: Scenario,
    rounds: Vec<Played>,
}

/// All scenarios.
pub const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "cold start", logins: 1, play: cold },
    Scenario { name: "idle until the token has ended", logins: 1, play: expiry },
    Scenario { name: "in use beyond the lifetime of a token", logins: 0, play: renewal },
    Scenario { name: "401 storm", logins: 1, play: storm },
    Scenario { name: "cold start, the first login fails", logins: 2, play: failure },
    Scenario { name: "a token is resumed while a login hangs", logins: 1, play: resumption },
];

/// Scenarios that always fail. They show that the bench can fail.
///
/// The first scenario expects one login too many. In the second scenario, a thread that may hang
/// counts as stalled.
pub const IMPOSSIBLE: [Scenario; 2] = [
    Scenario { name: "cold start, two logins wanted", logins: 2, play: cold },
    Scenario { name: "a login hangs, and nobody may", logins: 1, play: || resumed(0, LOGIN) },
];

impl Scenario {
    /// Plays the scenario for this number of rounds.
    pub fn play(self, rounds: usize) -> Outcome {
        Outcome::new(self, (0..rounds).map(|_| (self.play)()).collect())
    }
}

impl Outcome {
    /// The outcome of these rounds.
    pub fn new(scenario: Scenario, rounds: Vec<Played>) -> Self {
        Self { scenario, rounds }
    }

    /// The fault of the rounds, if there is one.
    pub fn breach(&self) -> Option<String> {
        let Scenario { name, logins, .. } = self.scenario;
        let right = |round: &&Played| round.logins == logins && round.stalled == 0;
        let wrong = self.rounds.iter().filter(|round| !right(round)).count();
        let all = self.rounds.len();
        (wrong > 0).then(|| {
            format!(
                "{name}: {wrong} of {all} rounds without {logins} logins or with threads stalled"
            )
        })
    }

    /// Checks that all outcomes are as expected.
    ///
    /// # Errors
    /// Has a line for each scenario with a wrong round.
    pub fn judge(outcomes: &[Self]) -> io::Result<()> {
        let breaches: Vec<String> = outcomes.iter().filter_map(Self::breach).collect();
        if breaches.is_empty() { Ok(()) } else { Err(io::Error::other(breaches.join("\n"))) }
    }

    /// All outcomes as a table.
    pub fn table(outcomes: &[Self]) -> Table {
        let columns = [
            "scenario",
            "rounds",
            "logins, min–max",
            "logins needed",
            "stalled despite a token",
            "ms, median",
        ];
        let title = format!("D. {THREADS} threads need a token at one moment");
        let note = format!("A login takes {LOGIN:?}.");
        outcomes.iter().fold(Table::new(title, note, &columns), |table, outcome| {
            let logins = outcome.rounds.iter().map(|round| round.logins);
            let took = Distribution::new(
                outcome.rounds.iter().map(|round| round.took.as_secs_f64() * 1e3),
            );
            table.row([
                outcome.scenario.name.to_owned(),
                outcome.rounds.len().to_string(),
                format!(
                    "{}–{}",
                    logins.clone().min().unwrap_or_default(),
                    logins.max().unwrap_or_default()
                ),
                outcome.scenario.logins.to_string(),
                outcome.rounds.iter().map(|round| round.stalled).sum::<usize>().to_string(),
                format!("{:.0}", took.median()),
            ])
        })
    }
}

fn cold() -> Played {
    let emulator = emulator(Policy::default());
    let client = builder(&emulator).build().unwrap();
    play(&emulator, 0, TIMEOUT, || call(&client), || wait_for_grant(&emulator))
}

fn expiry() -> Played {
    let emulator = emulator(short());
    let client = builder(&emulator).build().unwrap();
    call(&client);
    while matches!(client.explain(), Explanation::Send { .. }) {
        thread::sleep(LOGIN);
    }
    // The next token must not end within the round.
    emulator.set_policy(Policy::default());
    emulator.reset_stats();
    play(&emulator, 0, TIMEOUT, || call(&client), || wait_for_grant(&emulator))
}

fn renewal() -> Played {
    let emulator = emulator(short());
    let client = builder(&emulator).build().unwrap();
    call(&client);
    emulator.reset_stats();
    let ends = Instant::now() + SHORT * LIVES;
    let calls = || {
        while Instant::now() < ends {
            call(&client);
        }
    };
    let played = play(&emulator, 0, TIMEOUT, calls, || {});
    assert!(played.took >= SHORT * LIVES, "the calls must outlast a token");
    played
}

fn storm() -> Played {
    let emulator = emulator(Policy::default());
    let client = builder(&emulator).build().unwrap();
    call(&client);
    emulator.reset_stats();
    emulator.hold(Hold::calls());
    play(
        &emulator,
        0,
        TIMEOUT,
        || call(&client),
        || {
            assert!(emulator.wait_until_held(THREADS, TIMEOUT), "all calls must be in flight");
            emulator.expire_all();
            emulator.release(Target::Calls);
            wait_for_grant(&emulator);
        },
    )
}

fn failure() -> Played {
    let emulator = emulator(Policy::default());
    emulator.push_fault(Fault::login(Answer::status(503)).times(1));
    let client = builder(&emulator).build().unwrap();
    play(&emulator, 0, TIMEOUT, || call(&client), || wait_for_grant(&emulator))
}

/// One thread leads the login that hangs, and may hang itself.
fn resumption() -> Played {
    resumed(1, TIMEOUT)
}

/// Half of the threads wait for a login when a token comes from a store, and half come later.
fn resumed(hanging: usize, timeout: Duration) -> Played {
    let emulator = emulator(Policy::default());
    let (client, other) =
        (builder(&emulator).build().unwrap(), builder(&emulator).build().unwrap());
    call(&other);
    let stored = other.snapshot().unwrap();
    emulator.reset_stats();
    emulator.hold(Hold::logins());
    let (resumed, turn) = (Barrier::new(THREADS / 2 + 1), AtomicUsize::new(0));
    let waits_for_token = || {
        if turn.fetch_add(1, SeqCst) >= THREADS / 2 {
            resumed.wait();
        }
        call(&client);
    };
    play(&emulator, hanging, timeout, waits_for_token, || {
        assert!(emulator.wait_until_held(1, TIMEOUT), "a thread must lead a login");
        client.resume(&stored).unwrap();
        resumed.wait();
    })
}

/// Runs the calls of all threads. `hanging` threads may hang. After `granted` ends, the client has
/// a token, so no other thread may wait for a login.
fn play(
    emulator: &Emulator,
    hanging: usize,
    timeout: Duration,
    call: impl Fn() + Sync,
    granted: impl FnOnce(),
) -> Played {
    let (start, done) = (Barrier::new(THREADS + 1), AtomicUsize::new(0));
    let (took, stalled) = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                call();
                done.fetch_add(1, SeqCst);
            });
        }
        start.wait();
        let began = Instant::now();
        granted();
        emulator.hold(Hold::logins());
        let stalled = || (THREADS - hanging).saturating_sub(done.load(SeqCst));
        wait_until(timeout, || stalled() == 0);
        let seen = (began.elapsed(), stalled());
        emulator.release_all();
        seen
    });
    Played { logins: emulator.stats().server.logins(), stalled, took }
}

fn wait_for_grant(emulator: &Emulator) {
    assert!(
        wait_until(TIMEOUT, || emulator.stats().server.logins_granted > 0),
        "a login must be granted"
    );
}

/// Waits until the condition holds; false if `timeout` passes first.
fn wait_until(timeout: Duration, is_so: impl Fn() -> bool) -> bool {
    let ends = Instant::now() + timeout;
    while !is_so() {
        if Instant::now() > ends {
            return false;
        }
        thread::sleep(LOGIN / 20);
    }
    true
}

fn call(client: &Client) {
    let mut response = client.get("/customer").query("field", "id").call().unwrap();
    assert_eq!(response.status(), 200);
    response.body_mut().read_to_vec().unwrap();
}

fn emulator(policy: Policy) -> Emulator {
    let server = Server::new(policy).with_key(Server::KEY_ID, Server::KEY_SECRET);
    let emulator = Emulator::start(server).unwrap();
    emulator.set_latency(Target::Login, LOGIN);
    emulator
}

fn short() -> Policy {
    Policy { lifetime: SHORT, dates: DateStyle::Fractional, ..Policy::default() }
}

fn builder(emulator: &Emulator) -> ClientBuilder {
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap();
    let settings = subject::settings()
        .max_idle_connections(THREADS)
        .max_idle_connections_per_host(THREADS)
        .build();
    Client::builder(credentials).origin(emulator.origin()).agent(settings)
}
