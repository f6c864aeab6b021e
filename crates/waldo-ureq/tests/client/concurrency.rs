//! Many threads, one session.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_test_driver::setting::Setting;
use waldo_ureq::{Credentials, Error, Refusal, Refused};

use crate::listener::{Heard, Listener};
use crate::site::{
    PATIENCE, bounded, bounded_by, builder, client, emulator, on_threads, status,
    with_one_login_for_all,
};

const THREADS: usize = 64;

#[test]
fn rule_13_64_threads_without_token_share_one_login() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        let statuses = with_one_login_for_all(THREADS, &emulator, &listener, || status(&client));
        assert_eq!(statuses, [200; THREADS]);
        assert_eq!(emulator.stats().server.logins(), 1);
        assert_eq!(emulator.stats().server.calls_unauthorized, 0);
        assert_eq!(listener.count("login_started"), 1);
    });
}

/// The order of arrival is the machine's, so more rounds try more orders: `WALDO_STORM_ROUNDS` says
/// how many.
#[test]
fn rule_13_a_storm_of_401s_is_exactly_one_login() {
    let rounds = Setting::StormRounds.read().unwrap().map_or(10, NonZeroU32::get);
    bounded_by(PATIENCE * (1 + rounds / 10), move || {
        let (emulator, listener) = (emulator(), Listener::new());
        let every = Duration::from_millis(1);
        let client = builder(emulator.origin())
            .limits(move |limits| limits.invalidation_budget(1000, every))
            .build()
            .unwrap();
        assert_eq!(status(&client), 200);
        for round in 1..=rounds {
            emulator.reset_stats();
            emulator.hold(Hold::calls());
            let statuses = on_threads(
                THREADS,
                &listener,
                |_| status(&client),
                || {
                    assert!(emulator.wait_until_held(THREADS, PATIENCE), "round {round}");
                    emulator.expire_all();
                    emulator.release_all();
                },
            );
            assert_eq!(statuses, [200; THREADS], "round {round}");
            let stats = emulator.stats();
            assert_eq!(stats.server.logins(), 1, "round {round}");
            assert_eq!(stats.most_logins_at_once, 1, "round {round}");
            assert_eq!(stats.server.calls_unauthorized, 64, "round {round}");
        }
    });
}

#[test]
fn rule_14_failed_login_is_shared_by_all_waiters() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = builder(emulator.origin())
            .limits(|limits| limits.failures_per_call(1))
            .build()
            .unwrap();
        emulator.push_fault(Fault::login(Answer::status(503)).forever());
        let results = with_one_login_for_all(THREADS, &emulator, &listener, || {
            client.get("/customer").call()
        });
        for result in results {
            let error = result.unwrap_err();
            assert!(
                matches!(
                    &error,
                    Error::Refused(Refused { refusal: Refusal::Unavailable { .. }, .. })
                ),
                "{error:?}"
            );
        }
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn rule_14_waiters_retry_once_after_backoff() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        emulator.push_fault(Fault::login(Answer::status(503)).times(1));
        let statuses = with_one_login_for_all(THREADS, &emulator, &listener, || status(&client));
        assert_eq!(statuses, [200; THREADS]);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

/// Each is tried a few times, as a thread that has not yet begun to wait needs no waking.
#[test]
fn waiting_call_logs_in_at_once_after_reset() {
    bounded(|| {
        for _ in 0..5 {
            let (emulator, listener) = (emulator(), Listener::new());
            emulator.add_key("wk.other", "ws.other");
            let client = client(emulator.origin());
            emulator.hold(Hold::logins());
            let statuses = on_threads(
                2,
                &listener,
                |_| status(&client),
                || {
                    listener.wait_for("coalesced", 1);
                    client.reset(Credentials::new("wk.other", "ws.other").unwrap());
                    // Long before the lease ends, there is another one.
                    assert!(emulator.wait_until_held(2, PATIENCE));
                    emulator.release(Target::Login);
                },
            );
            assert_eq!(statuses, [200; 2]);
        }
    });
}

#[test]
fn waiting_call_uses_resumed_token_at_once() {
    bounded(|| {
        for _ in 0..5 {
            let (emulator, listener) = (emulator(), Listener::new());
            let (client, sibling) = (client(emulator.origin()), client(emulator.origin()));
            assert_eq!(status(&sibling), 200);
            emulator.hold(Hold::logins());
            let statuses = on_threads(
                2,
                &listener,
                |_| status(&client),
                || {
                    listener.wait_for("coalesced", 1);
                    client.resume(&sibling.snapshot().unwrap()).unwrap();
                    listener.wait_for("renewed", 1);
                    emulator.release(Target::Login);
                },
            );
            assert_eq!(statuses, [200; 2]);
        }
    });
}

#[test]
fn rule_22_entries_are_emitted_once_in_thread_order() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        on_threads(
            16,
            &listener,
            |_| (0..20).for_each(|_| assert_eq!(status(&client), 200)),
            || (),
        );
        let heard = listener.heard();
        let mut numbers: Vec<u64> = heard.iter().map(|heard| heard.number).collect();
        numbers.sort_unstable();
        assert!(numbers.len() > 16, "{numbers:?}");
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        let mut last = HashMap::new();
        for Heard { thread, number, .. } in heard {
            assert!(last.insert(thread, number) < Some(number), "{number} came late");
        }
    });
}

#[test]
fn rule_19_slow_subscriber_delays_only_its_thread() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client), 200);
        let (quick, stuck) = (Listener::new(), Arc::new(AtomicUsize::new(0)));
        let (others, times) = (quick.clone(), Arc::clone(&stuck));
        // Its one entry is held until the others have had all of theirs.
        let slow = Listener::reacting(move |_| {
            times.fetch_add(1, Ordering::SeqCst);
            others.wait_for("renewed", 20);
        });
        thread::scope(|scope| {
            let slowed = scope.spawn(|| slow.during(|| status(&client)));
            while stuck.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            quick.during(|| (0..20).for_each(|_| assert_eq!(status(&client), 200)));
            assert_eq!(slowed.join().unwrap(), 200);
        });
        assert_eq!((stuck.load(Ordering::SeqCst), quick.heard().len()), (1, 20));
    });
}
