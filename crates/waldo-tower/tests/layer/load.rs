//! Many tasks, and a server that is not at its best.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tower::Layer;
use tower::limit::ConcurrencyLimit;
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_tower::{Error, Refusal, Refused, Waldo};

use crate::site::{
    Hyper, emulator, get, hyper, layer, on_a_runtime, service, settings, status, until_held,
};

const TASKS: usize = 500;

#[test]
fn rule_13_500_tasks_without_token_share_one_login() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let service = service(&emulator);
        emulator.hold(Hold::logins());
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(status(service.clone(), get(&emulator, "/customer?field=id")));
        }
        until_held(&emulator, 1).await;
        emulator.release(Target::Login);
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.unwrap().unwrap(), 200);
        }
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.server.calls_unauthorized), (1, 0));
    });
}

/// All stand at the gate with one token when it dies.
#[test]
fn rule_13_a_storm_of_500_answers_401_is_one_login() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let service = service(&emulator);
        assert_eq!(
            status(service.clone(), get(&emulator, "/customer?field=id")).await.unwrap(),
            200
        );
        emulator.reset_stats();
        emulator.hold(Hold::calls());
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(status(service.clone(), get(&emulator, "/customer?field=id")));
        }
        until_held(&emulator, TASKS).await;
        emulator.expire_all();
        emulator.release_all();
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.unwrap().unwrap(), 200);
        }
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (1, 1));
        assert_eq!(stats.server.calls_unauthorized, TASKS as u64);
    });
}

/// Failed logins, a server that answers 500, and restarts in the midst of it: a login for each time
/// that there was no token, and no more.
#[test]
fn rule_16_faults_under_load_cost_the_logins_that_they_must() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let (budget, backoff) = (Duration::from_millis(1), Duration::from_millis(2));
        let settings = settings(&emulator.origin())
            .invalidation_budget(1000, budget)
            .backoff(backoff, backoff);
        let load =
            Load { service: layer(settings).layer(hyper()), emulator: Arc::clone(&emulator) };
        emulator.set_latency(Target::Calls, Duration::from_millis(1));
        emulator.push_fault(Fault::login(Answer::status(503)).times(2));
        assert_eq!(load.run(1, |_| ()).await, HashMap::from([(200, TASKS)]));
        assert_eq!(emulator.stats().server.logins(), 3, "the first two have failed");
        for restart in 1..=2 {
            let answers = load.run(2, Emulator::rotate_signing_key).await;
            assert_eq!(answers, HashMap::from([(200, 2 * TASKS)]), "restart {restart}");
        }
        let answers = load
            .run(2, |emulator| emulator.push_fault(Fault::call(Answer::status(500)).times(20)))
            .await;
        assert_eq!(answers, HashMap::from([(200, 2 * TASKS - 20), (500, 20)]));
        let stats = emulator.stats();
        assert_eq!(
            (stats.server.logins(), stats.server.logins_granted),
            (5, 3),
            "one for each restart"
        );
        assert_eq!(stats.most_logins_at_once, 1);
    });
}

struct Load {
    service: Waldo<Hyper>,
    emulator: Arc<Emulator>,
}

impl Load {
    /// Lets each task make so many calls, and something happen when half of all have ended; how
    /// often which status was the answer.
    async fn run(&self, calls: usize, happen: fn(&Emulator)) -> HashMap<u16, usize> {
        let ended = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (emulator, service, ended) =
                (Arc::clone(&self.emulator), self.service.clone(), Arc::clone(&ended));
            tasks.spawn(async move {
                let mut answers = Vec::new();
                for _ in 0..calls {
                    answers.push(
                        status(service.clone(), get(&emulator, "/customer?field=id"))
                            .await
                            .unwrap(),
                    );
                    if ended.fetch_add(1, SeqCst) + 1 == calls * TASKS / 2 {
                        happen(&emulator);
                    }
                }
                answers
            });
        }
        let mut counts = HashMap::new();
        while let Some(answers) = tasks.join_next().await {
            answers.unwrap().into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
        }
        counts
    }
}

/// A login holds the only capacity of the service below, and a call waits for it no longer than it
/// may.
#[test]
fn rule_14_call_without_capacity_is_refused_in_time() {
    on_a_runtime(async {
        let emulator = emulator();
        emulator.hold(Hold::logins());
        let below = ConcurrencyLimit::new(hyper(), 1);
        let layer = layer(settings(&emulator.origin())).max_wait(Duration::from_millis(200));
        let service = layer.layer(below);
        let began = Instant::now();
        let error = status(service, get(&emulator, "/customer?field=id")).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
            "{error:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        emulator.release_all();
    });
}
