//! Many tasks, one session.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::runtime::Builder;
use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_reqwest::{Client, Credentials, Error, Refusal, Refused};
use waldo_test_driver::setting::Setting;

use crate::listener::Listener;
use crate::site::{PATIENCE, bounded, builder, call, client, emulator, spawn, spawn_calls, status};

const TASKS: usize = 64;

/// So many calls on a cold client, the first login being held until all the others have joined it.
async fn with_one_login_for_all(
    client: &Client,
    emulator: &waldo_emulator::Emulator,
) -> Vec<Result<u16, Error>> {
    let listener = Listener::default();
    emulator.hold(Hold::logins());
    let tasks = spawn(TASKS, || {
        let (client, listener) = (client.clone(), listener.clone());
        Box::pin(async move {
            listener.during(call(&client)).await.map(|response| response.status().as_u16())
        })
    });
    listener.wait_for("coalesced", TASKS - 1);
    emulator.release(Target::Login);
    tasks.join_all().await
}

#[test]
fn rule_13_64_tasks_without_token_share_one_login() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        for result in with_one_login_for_all(&client, &emulator).await {
            assert_eq!(result.unwrap(), 200);
        }
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (1, 1));
        assert_eq!(stats.server.calls_unauthorized, 0);
    });
}

/// The order of arrival is the machine's, so more rounds try more orders: `WALDO_STORM_ROUNDS` says
/// how many.
#[test]
fn rule_13_a_storm_of_401s_is_exactly_one_login() {
    let rounds = Setting::StormRounds.read().unwrap().map_or(10, NonZeroU32::get);
    bounded(async {
        let emulator = emulator();
        let every = Duration::from_millis(1);
        let client = builder(emulator.origin())
            .limits(|limits| limits.invalidation_budget(1000, every))
            .build()
            .unwrap();
        assert_eq!(status(&client).await, 200);
        for round in 1..=rounds {
            emulator.reset_stats();
            emulator.hold(Hold::calls());
            let tasks = spawn_calls(TASKS, &client);
            assert!(emulator.wait_until_held(TASKS, PATIENCE), "round {round}");
            emulator.expire_all();
            emulator.release_all();
            assert_eq!(tasks.join_all().await, [200; TASKS], "round {round}");
            let stats = emulator.stats();
            assert_eq!((stats.server.logins(), stats.most_logins_at_once), (1, 1), "round {round}");
            assert_eq!(stats.server.calls_unauthorized, 64, "round {round}");
        }
    });
}

#[test]
fn rule_14_failed_login_is_shared_by_all_waiters() {
    bounded(async {
        let emulator = emulator();
        let client = builder(emulator.origin())
            .limits(|limits| limits.failures_per_call(1))
            .build()
            .unwrap();
        emulator.push_fault(Fault::login(Answer::status(503)).forever());
        for result in with_one_login_for_all(&client, &emulator).await {
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
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.push_fault(Fault::login(Answer::status(503)));
        for result in with_one_login_for_all(&client, &emulator).await {
            assert_eq!(result.unwrap(), 200);
        }
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

#[test]
fn waiting_call_logs_in_at_once_after_reset() {
    bounded(async {
        {
            let (emulator, listener) = (emulator(), Listener::default());
            emulator.add_key("wk.other", "ws.other");
            let client = client(emulator.origin());
            emulator.hold(Hold::logins());
            let tasks = spawn(2, || {
                let (client, listener) = (client.clone(), listener.clone());
                Box::pin(async move { listener.during(status(&client)).await })
            });
            listener.wait_for("coalesced", 1);
            client.reset(Credentials::new("wk.other", "ws.other").unwrap());
            // Long before the lease ends, there is another one.
            assert!(emulator.wait_until_held(2, PATIENCE));
            emulator.release(Target::Login);
            assert_eq!(tasks.join_all().await, [200; 2]);
        }
    });
}

#[test]
fn a_runtime_with_one_thread_is_enough() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        for _ in 0..3 {
            let tasks = spawn_calls(16, &client);
            assert_eq!(tokio::time::timeout(PATIENCE, tasks.join_all()).await.unwrap(), [200; 16]);
            emulator.expire_all();
        }
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (3, 1));
    });
}
