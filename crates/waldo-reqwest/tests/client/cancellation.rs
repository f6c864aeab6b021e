//! A call ends where its future is dropped, and nobody else's does.

use std::time::Duration;

use tokio::task::JoinSet;
use waldo_emulator::Hold;
use waldo_emulator::model::Target;
use waldo_reqwest::Explanation;
use waldo_reqwest::store::MemoryStore;

use crate::site::{TIMEOUT, bounded, builder, client, emulator, status};

const CALLS: usize = 50;

/// Whoever is dropped, the login goes on, and the others are answered with its token.
#[test]
fn rule_13_a_login_outlives_each_call_that_is_dropped() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let mut calls = JoinSet::new();
        let aborts: Vec<_> = (0..CALLS)
            .map(|_| {
                let client = client.clone();
                calls.spawn(async move { status(&client).await })
            })
            .collect();
        assert!(emulator.wait_until_held(1, TIMEOUT));
        for abort in &aborts[..CALLS - 1] {
            abort.abort();
            tokio::task::yield_now().await;
        }
        assert!(
            matches!(client.explain(), Explanation::WaitForLogin { .. }),
            "{}",
            client.explain()
        );
        emulator.release(Target::Login);
        let mut answered = 0;
        while let Some(ended) = calls.join_next().await {
            if let Ok(status) = ended {
                assert_eq!(status, 200);
                answered += 1;
            }
        }
        assert!(answered >= 1, "the one that was not dropped");
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

/// Requests of 90 ms, and a login that takes longer: three waves, and one login.
#[test]
fn rule_13_timed_out_calls_cause_one_login() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        for _ in 0..3 {
            let calls: JoinSet<_> = (0..CALLS)
                .map(|_| client.get("/customer?field=id").timeout(Duration::from_millis(90)).send())
                .collect();
            for result in calls.join_all().await {
                let error = result.unwrap_err();
                assert!(
                    error.retry_in().is_some_and(|wait| wait <= Duration::from_secs(1)),
                    "{error:?}"
                );
            }
        }
        emulator.release(Target::Login);
        assert_eq!(status(&client).await, 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

/// A runtime that is shut down drops the login, and a call on another runtime logs in.
#[test]
fn rule_13_login_dropped_with_runtime_is_abandoned() {
    let (emulator, client) = bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let call = client.get("/customer?field=id").timeout(Duration::from_millis(50)).send();
        assert!(call.await.unwrap_err().retry_in().is_some());
        (emulator, client)
    });
    assert!(matches!(client.explain(), Explanation::Authenticate { .. }), "{}", client.explain());
    drop(emulator);
}

/// The fleet's lease stays in the store, and a program does not wait for its own lease.
#[test]
fn rule_25_login_dropped_with_runtime_blocks_no_call_of_its_program() {
    let (emulator, client) = bounded(async {
        let emulator = emulator();
        let client = builder(emulator.origin()).store(MemoryStore::new()).build().unwrap();
        emulator.hold(Hold::logins());
        let call = client.clone();
        drop(tokio::spawn(async move { status(&call).await }));
        assert!(emulator.wait_until_held(1, TIMEOUT));
        (emulator, client)
    });
    emulator.release(Target::Login);
    bounded(async {
        let call = client.get("/customer?field=id").timeout(Duration::from_secs(5)).send();
        assert_eq!(call.await.unwrap().status(), 200);
    });
}

#[test]
fn rule_18_dropped_call_affects_no_other_call() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let (one, other) = (client.clone(), client.clone());
        let leader = tokio::spawn(async move { status(&one).await });
        assert!(emulator.wait_until_held(1, TIMEOUT));
        // It is polled until it waits, and dropped.
        let waits = tokio::time::timeout(Duration::from_millis(20), status(&other)).await;
        assert!(waits.is_err());
        emulator.release(Target::Login);
        assert_eq!(leader.await.unwrap(), 200);
        emulator.hold(Hold::calls());
        let other = client.clone();
        let sent = tokio::spawn(async move { status(&other).await });
        assert!(emulator.wait_until_held(1, TIMEOUT));
        sent.abort();
        assert!(sent.await.unwrap_err().is_cancelled());
        emulator.release(Target::Calls);
        assert_eq!(status(&client).await, 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

/// A runtime of one thread rests between short calls. The answer to a login comes while it rests,
/// and counts.
#[test]
fn rule_13_answer_during_idle_runtime_is_used() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let emulator = emulator();
    emulator.set_latency(Target::Login, Duration::from_millis(100));
    let lease = Duration::from_millis(500);
    let client = builder(emulator.origin()).limits(|limits| limits.lease(lease)).build().unwrap();
    let statuses: Vec<_> = (0..6)
        .map(|_| {
            let call = client.get("/customer?field=id").timeout(Duration::from_millis(80));
            let status =
                runtime.block_on(call.send()).ok().map(|response| response.status().as_u16());
            std::thread::sleep(lease + Duration::from_millis(100));
            status
        })
        .collect();
    assert!(statuses.contains(&Some(200)), "{statuses:?}");
}
