//! Many threads, one session.

use std::collections::HashMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use waldo_adapter_tests::{Heard, Listener};
use waldo_ureq::{Client, Factory};

use crate::site::{bounded, client, emulator, on_threads, status};

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

/// A user's code that panics costs its own call only, wherever the client calls it.
///
/// Seen in kent8192/reinhardt-web#1662.
#[test]
fn rule_19_panicking_thread_affects_no_other_thread() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let lost = |run: &dyn Fn(&Client)| catch_unwind(AssertUnwindSafe(|| run(&client))).is_err();
        let panics = Listener::reacting(|_| panic!("a subscriber, on purpose"));
        assert!(lost(&|client| assert_eq!(panics.during(|| status(client)), 200)));
        assert!(lost(&|client| panics.during(|| assert!(client.invalidate(client.generation())))));
        assert!(lost(&|client| {
            let body = Factory::new(|| -> std::io::Result<Cursor<Vec<u8>>> {
                panic!("a body, on purpose")
            });
            drop(client.post("/document").send(body));
        }));
        let statuses = on_threads(16, &Listener::new(), |_| status(&client), || ());
        assert_eq!(statuses, [200; 16]);
    });
}
