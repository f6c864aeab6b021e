//! Many threads, and a server that is not at its best.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use waldo_emulator::model::{Answer, Fault, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_ureq::Client;

use crate::site::{PATIENCE, bounded, builder, emulator, status};

const THREADS: usize = 500;

/// What a call needs: the machine may have little room for so many stacks.
const STACK: usize = 0x4_0000;

/// Lets each thread make so many calls, and something happen when half of all have ended; how often
/// which status was the answer.
fn load(client: &Client, calls: usize, happen: impl Fn() + Sync) -> HashMap<u16, usize> {
    let ended = AtomicUsize::new(0);
    let answers = || {
        let one = || {
            let answer = status(client);
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

/// Failed logins, a server that answers 500, and restarts in the midst of it: a login for each time
/// that there was no token, and no more.
#[test]
fn rule_16_faults_under_load_cost_the_logins_that_they_must() {
    bounded(|| {
        let emulator = emulator();
        let (budget, backoff) = (Duration::from_millis(1), Duration::from_millis(2));
        let client = builder(emulator.origin())
            .limits(|limits| limits.invalidation_budget(1000, budget).backoff(backoff, backoff))
            .build()
            .unwrap();
        emulator.set_latency(Target::Calls, Duration::from_millis(1));
        emulator.push_fault(Fault::login(Answer::status(503)).times(2));
        assert_eq!(load(&client, 1, || ()), HashMap::from([(200, THREADS)]));
        assert_eq!(emulator.stats().server.logins(), 3, "the first two have failed");
        for restart in 1..=2 {
            let answers = load(&client, 2, || emulator.rotate_signing_key());
            assert_eq!(answers, HashMap::from([(200, 2 * THREADS)]), "restart {restart}");
        }
        let broken = || emulator.push_fault(Fault::call(Answer::status(500)).times(20));
        assert_eq!(load(&client, 2, broken), HashMap::from([(200, 2 * THREADS - 20), (500, 20)]));
        let stats = emulator.stats();
        assert_eq!(
            (stats.server.logins(), stats.server.logins_granted),
            (5, 3),
            "one for each restart"
        );
        assert_eq!(stats.most_logins_at_once, 1);
    });
}

/// All stand at the gate with one token when it dies.
#[test]
fn rule_13_a_storm_of_500_answers_401_is_one_login() {
    bounded(|| {
        let emulator = emulator();
        let client = builder(emulator.origin()).build().unwrap();
        assert_eq!(status(&client), 200);
        emulator.reset_stats();
        emulator.hold(Hold::calls());
        let expire = |emulator: &Emulator| {
            assert!(emulator.wait_until_held(THREADS, PATIENCE));
            emulator.expire_all();
            emulator.release_all();
        };
        let answers = thread::scope(|scope| {
            scope.spawn(|| expire(&emulator));
            load(&client, 1, || ())
        });
        assert_eq!(answers, HashMap::from([(200, THREADS)]));
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (1, 1));
        assert_eq!(stats.server.calls_unauthorized, THREADS as u64);
    });
}
