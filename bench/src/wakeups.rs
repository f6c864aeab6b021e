//! The cost of waking all threads that wait for a login.
//!
//! The reference is a flag behind a lock, and an event that is notified after unlocking.

use std::sync::{Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::Request;
use waldo_auth_client::Lead;

use crate::cpu;
use crate::distribution::Distribution;
use crate::jwt::mint;
use crate::subject::{self, Shared};
use crate::table::Table;

/// The numbers of waiting threads.
const WAITERS: [usize; 3] = [1, 10, 1000];

/// The time after which all threads certainly wait, once the last thread has come.
const CALM: Duration = Duration::from_millis(10);

/// The time in which all threads must have come. Otherwise the bench has a mistake.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The stack of a waiter, in bytes. It is small, because the machine may have little memory for
/// stacks.
const STACK: usize = 0x2_0000;

const TOKEN: usize = 400;

/// The times of one login with waiters.
#[derive(Clone, Copy, Debug)]
struct Wakeup {
    /// The time from the login's end until the last waiter had the token.
    last: Duration,
    /// The time that the leader took to wake the waiters.
    leader: Duration,
    /// The CPU time of all waiters, from their start until they had the token.
    waiters: Duration,
}

/// One way to wait.
struct Way {
    name: &'static str,
    wake: fn(usize) -> Wakeup,
}

/// All ways to wait. The first one is the reference.
const WAYS: [Way; 2] = [
    Way { name: "an event alone", wake: condvar },
    Way { name: "a shared session", wake: session },
];

/// Wakes all numbers of threads in each way, in this number of rounds.
pub fn table(rounds: usize, seed: u64) -> Table {
    let columns = [
        "contender",
        "µs to the last, median",
        "µs to the last, p05",
        "ratio [95 %]",
        "µs of the leader",
        "CPU µs of a waiter",
    ];
    let note = format!("{rounds} rounds; the ratio is to the event alone, within each round.");
    let mut dice = Rng::with_seed(seed);
    let table = Table::new("F. Threads wake when a login is settled", note, &columns);
    WAITERS.into_iter().fold(table, |mut table, waiters| {
        let mut woken = WAYS.map(|way| (way, Vec::new()));
        for _ in 0..rounds {
            let mut order: Vec<_> = woken.iter_mut().collect();
            dice.shuffle(&mut order);
            for (way, woken) in order {
                woken.push((way.wake)(waiters));
            }
        }
        let [(_, reference), _] = &woken;
        for (way, woken) in &woken {
            table = table.row(row(
                &format!("{waiters} waiting, {}", way.name),
                waiters,
                woken,
                reference,
            ));
        }
        table
    })
}

#[expect(clippy::cast_precision_loss, reason = "there are a thousand waiters at most")]
fn row(name: &str, waiters: usize, woken: &[Wakeup], reference: &[Wakeup]) -> [String; 6] {
    let micros = |span: Duration| span.as_secs_f64() * 1e6;
    let of = |part: fn(&Wakeup) -> Duration| Distribution::new(woken.iter().map(part).map(micros));
    let last = of(|wakeup| wakeup.last);
    let pairs = woken.iter().zip(reference);
    let ratio =
        Distribution::new(pairs.map(|(own, reference)| micros(own.last) / micros(reference.last)));
    let interval = ratio.median_interval();
    [
        name.to_owned(),
        format!("{:.0}", last.median()),
        format!("{:.0}", last.quantile(0.05)),
        format!("{:.2} [{:.2}, {:.2}]", ratio.median(), interval.start(), interval.end()),
        format!("{:.0}", of(|wakeup| wakeup.leader).median()),
        format!("{:.1}", of(|wakeup| wakeup.waiters).median() / waiters as f64),
    ]
}

fn condvar(waiters: usize) -> Wakeup {
    let (state, settled) = (Mutex::new((0, false)), Condvar::new());
    let wait = || {
        let mut state = state.lock().unwrap();
        state.0 += 1;
        drop(settled.wait_while(state, |(_, done)| !*done));
    };
    let lead = |start: &Barrier| {
        start.wait();
        calm(|| state.lock().unwrap().0 == waiters);
        let began = Instant::now();
        state.lock().unwrap().1 = true;
        settled.notify_all();
        began
    };
    wake(waiters, wait, lead)
}

fn session(waiters: usize) -> Wakeup {
    let (shared, token) = (Shared::new(), mint(TOKEN, 0));
    let request = || Request::get(subject::ORIGIN).body(()).unwrap();
    let wait = || drop(shared.attach(&mut request()));
    let lead = |start: &Barrier| {
        let began = Mutex::new(Instant::now());
        let authenticate = |lead: Lead| {
            start.wait();
            // The journal has one entry for the start of the login, and one for each waiting call.
            calm(|| shared.written() == 1 + waiters as u64);
            *began.lock().unwrap() = Instant::now();
            subject::grant(lead, &token);
        };
        drop(shared.log_in(&mut request(), authenticate));
        began.into_inner().unwrap()
    };
    wake(waiters, wait, lead)
}

/// Waits until all threads have come, and then until they certainly wait.
fn calm(all_there: impl Fn() -> bool) {
    let began = Instant::now();
    while !all_there() {
        assert!(began.elapsed() < TIMEOUT, "all threads must wait in time");
        thread::sleep(CALM / 10);
    }
    thread::sleep(CALM);
}

/// Runs the waiters and their leader. The leader lets the waiters start, and returns the instant at
/// which it began to wake them.
fn wake(waiters: usize, wait: impl Fn() + Sync, lead: impl FnOnce(&Barrier) -> Instant) -> Wakeup {
    let start = Barrier::new(waiters + 1);
    let waiter = || {
        start.wait();
        let before = cpu::thread_time();
        wait();
        (Instant::now(), cpu::thread_time().saturating_sub(before))
    };
    thread::scope(|scope| {
        let spawn =
            |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, waiter).unwrap();
        let handles: Vec<_> = (0..waiters).map(spawn).collect();
        let began = lead(&start);
        let leader = began.elapsed();
        let ends: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
        let last = ends
            .iter()
            .map(|(at, _)| at.saturating_duration_since(began))
            .max()
            .unwrap_or_default();
        Wakeup { last, leader, waiters: ends.iter().map(|(_, cpu)| *cpu).sum() }
    })
}
