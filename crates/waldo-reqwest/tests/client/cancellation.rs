//! A call ends where its future is dropped, and nobody else's does.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use waldo_emulator::Hold;
use waldo_emulator::model::Target;
use waldo_reqwest::{Client, Explanation};

use crate::site::{PATIENCE, bounded, builder, client, emulator, status};

type Calls = Vec<Pin<Box<dyn Future<Output = u16> + Send>>>;

const CALLS: usize = 50;
const LOST: usize = 40;

/// Goes on with all calls until one of them has started a login; says which.
async fn next_leader(client: &Client, calls: &mut Calls) -> usize {
    let leads = || matches!(client.explain(), Explanation::Join { .. });
    assert!(!leads());
    let leader = poll_fn(|context| {
        for (number, call) in calls.iter_mut().enumerate() {
            assert!(call.as_mut().poll(context).is_pending(), "no call ends without a login");
            if leads() {
                return Poll::Ready(number);
            }
        }
        Poll::Pending
    });
    tokio::time::timeout(PATIENCE, leader).await.expect("nobody logs in")
}

/// Goes on with all calls until the server has seen so many logins.
async fn until_held(calls: &mut Calls, emulator: &waldo_emulator::Emulator) {
    let all = poll_fn(|context| -> Poll<()> {
        for call in calls.iter_mut() {
            assert!(call.as_mut().poll(context).is_pending(), "no call ends without a login");
        }
        Poll::Pending
    });
    tokio::select! {
        biased;
        // The calls' own sending needs this thread, so it must not block.
        held = async {
            while emulator.stats().held == 0 {
                tokio::task::yield_now().await;
            }
        } => held,
        () = all => (),
    }
}

/// Fifty calls, of which one after the other is chosen to log in, and dropped in the middle of it.
#[test]
fn rule_13_forty_leaders_are_dropped_and_the_others_are_all_served() {
    bounded(async {
        let emulator = emulator();
        // Each handing over after the first is a backoff, lest dropped calls become a storm; here, it is to be over soon.
        let tick = Duration::from_millis(1);
        let client = builder(emulator.origin()).limits(|limits| limits.backoff(tick, tick)).build().unwrap();
        let mut calls: Calls = Vec::new();
        for _ in 0..CALLS {
            let client = client.clone();
            calls.push(Box::pin(async move { status(&client).await }));
        }
        // Their logins are granted, and never heard of.
        emulator.hold(Hold::logins().after_handling());
        for lost in 0..LOST {
            let leader = next_leader(&client, &mut calls).await;
            tokio::time::timeout(PATIENCE, until_held(&mut calls, &emulator)).await.expect("no login comes");
            drop(calls.swap_remove(leader));
            assert!(!matches!(client.explain(), Explanation::Join { .. }), "at most one is under way");
            // The connection is closed with it.
            while emulator.stats().logins_under_way > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(emulator.stats().server.logins(), lost as u64 + 1);
        }
        emulator.release(Target::Login);
        let rest: JoinSet<u16> = calls.into_iter().collect();
        assert_eq!(rest.join_all().await, [200; CALLS - LOST]);
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (LOST as u64 + 1, 1));
    });
}

#[test]
fn rule_13_a_leader_that_is_dropped_is_replaced_at_once() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let (one, other) = (client.clone(), client.clone());
        let leader = tokio::spawn(async move { status(&one).await });
        assert!(emulator.wait_until_held(1, PATIENCE));
        let follower = tokio::spawn(async move { status(&other).await });
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        emulator.release(Target::Login);
        // A lease would last for half a minute.
        assert_eq!(tokio::time::timeout(PATIENCE / 2, follower).await.unwrap().unwrap(), 200);
    });
}

#[test]
fn rule_18_a_call_that_is_dropped_while_it_waits_or_is_sent_costs_nobody_anything() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let (one, other) = (client.clone(), client.clone());
        let leader = tokio::spawn(async move { status(&one).await });
        assert!(emulator.wait_until_held(1, PATIENCE));
        // It is polled until it waits, and dropped.
        let waits = tokio::time::timeout(Duration::from_millis(20), status(&other)).await;
        assert!(waits.is_err());
        emulator.release(Target::Login);
        assert_eq!(leader.await.unwrap(), 200);
        emulator.hold(Hold::calls());
        let other = client.clone();
        let sent = tokio::spawn(async move { status(&other).await });
        assert!(emulator.wait_until_held(1, PATIENCE));
        sent.abort();
        assert!(sent.await.unwrap_err().is_cancelled());
        emulator.release(Target::Calls);
        assert_eq!(status(&client).await, 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}
