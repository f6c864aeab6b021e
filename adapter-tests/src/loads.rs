//! Five hundred calls at once, and a server that fails.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, Target};

use crate::adapter::{Adapter, Setup};
use crate::site::{TIMEOUT, emulator};

const THREADS: usize = 500;

/// A call needs no more. The machine may have little room for so many stacks.
const STACK: usize = 0x8_0000;

/// Makes `calls` calls on each thread, and runs `happen` when half of all calls have ended. Returns
/// how often each status was the answer.
fn load<A: Adapter>(client: &A, calls: usize, happen: impl Fn() + Sync) -> HashMap<u16, usize> {
    let ended = AtomicUsize::new(0);
    let answers = || {
        let one = || {
            let answer = client.status();
            if ended.fetch_add(1, SeqCst) + 1 == calls * THREADS / 2 {
                happen();
            }
            answer
        };
        (0..calls).map(|_| one()).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let spawn =
            |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, answers).unwrap();
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        let mut counts = HashMap::new();
        for status in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            *counts.entry(status).or_default() += 1;
        }
        counts
    })
}

/// All calls are in flight with one token when it expires, five times.
pub fn rule_13_a_storm_of_500_answers_401_is_one_login<A: Adapter>() {
    let emulator = emulator();
    let setup = Setup::new(emulator.origin())
        .limits(|limits| limits.invalidation_budget(1000, Duration::from_millis(1)));
    let client = A::build(setup);
    assert_eq!(client.status(), 200);
    for round in 1..=5 {
        emulator.reset_stats();
        emulator.hold(Hold::calls());
        let answers = thread::scope(|scope| {
            scope.spawn(|| {
                assert!(emulator.wait_until_held(THREADS, TIMEOUT), "round {round}");
                emulator.expire_all();
                emulator.release_all();
            });
            load(&client, 1, || ())
        });
        assert_eq!(answers, HashMap::from([(200, THREADS)]), "round {round}");
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (1, 1), "round {round}");
        assert_eq!(stats.server.calls_unauthorized, THREADS as u64, "round {round}");
        assert_eq!(stats.server.total(), 1 + 2 * THREADS as u64, "round {round}");
    }
}

/// Logins fail, the server answers 500, and it restarts twice. Each loss of the token costs one
/// login.
pub fn rule_16_faults_under_load_cost_the_logins_that_they_must<A: Adapter>() {
    let emulator = emulator();
    let client = A::build(Setup::new(emulator.origin()).limits(|limits| {
        let (budget, backoff) = (Duration::from_millis(1), Duration::from_millis(2));
        limits.invalidation_budget(1000, budget).backoff(backoff, backoff)
    }));
    emulator.set_latency(Target::Calls, Duration::from_millis(1));
    emulator.push_fault(Fault::login(Answer::status(503)).times(2));
    assert_eq!(load(&client, 1, || ()), HashMap::from([(200, THREADS)]));
    assert_eq!(emulator.stats().server.logins(), 3, "the first two have failed");
    for restart in 1..=2 {
        let mut answers = load(&client, 2, || emulator.rotate_signing_key());
        // Renewals of the old key may still arrive. A call that is refused with two of them, before
        // anything has logged in, gets its 401 (rule 8). On a busy machine, that is one in 1,000.
        let refused = answers.remove(&401).unwrap_or(0);
        assert!(refused <= THREADS / 50, "restart {restart}: {refused}");
        assert_eq!(answers, HashMap::from([(200, 2 * THREADS - refused)]), "restart {restart}");
    }
    let broken = || emulator.push_fault(Fault::call(Answer::status(500)).times(20));
    assert_eq!(load(&client, 2, broken), HashMap::from([(200, 2 * THREADS - 20), (500, 20)]));
    let stats = emulator.stats();
    let logins = (stats.server.logins(), stats.server.logins_granted);
    assert_eq!(logins, (5, 3), "one for each restart");
    assert_eq!(stats.most_logins_at_once, 1);
}
