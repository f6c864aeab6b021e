//! Five hundred calls at once, while the server does what servers do: the logins are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_reqwest::reqwest::Response;
use waldo_reqwest::{Client, Error};

use crate::site::{bounded, builder, emulator, status};

const AT_ONCE: usize = 500;

/// A budget that is never the reason.
fn unlimited(origin: String) -> Client {
    builder(origin)
        .limits(|limits| limits.invalidation_budget(1000, Duration::from_millis(1)))
        .build()
        .unwrap()
}

/// What came of each call, as its caller sees it.
#[derive(Debug, Default)]
struct Ends {
    served: AtomicU64,
    refused: AtomicU64,
    busy: AtomicU64,
    cut: AtomicU64,
}

impl Ends {
    fn count(&self, result: Result<Response, Error>) {
        let end = match result {
            Ok(response) => match response.status().as_u16() {
                200 => &self.served,
                401 => &self.refused,
                503 => &self.busy,
                other => panic!("{other}"),
            },
            Err(Error::Reqwest(error)) if error.is_request() => &self.cut,
            Err(error) => panic!("{error:?}"),
        };
        end.fetch_add(1, Ordering::SeqCst);
    }
}

/// Five hundred tasks make four calls each, over a server that is slow, busy, cuts connections,
/// refuses good tokens, and forgets all tokens again and again while they are in flight.
#[test]
fn rule_16_faulty_server_causes_no_excess_logins() {
    const CALLS: u64 = 4 * AT_ONCE as u64;
    const EXPIRIES: u64 = 6;
    const REFUSALS: u64 = 10;
    const BUSY: u64 = 40;
    const CUTS: u64 = 20;
    bounded(async {
        let emulator = emulator();
        let client = unlimited(emulator.origin());
        assert_eq!(status(&client).await, 200);
        emulator.reset_stats();
        emulator.set_latency(Target::Calls, Duration::from_millis(5));
        emulator.set_latency(Target::Login, Duration::from_millis(20));
        let times = |count: u64| u32::try_from(count).unwrap();
        emulator.push_fault(Fault::call(Answer::status(503)).times(times(BUSY)).on_path("/busy"));
        emulator.push_fault(Fault::call(Answer::Cut).times(times(CUTS)).on_path("/cut"));
        emulator.push_fault(
            Fault::call(Answer::Unauthorized).times(times(REFUSALS)).on_path("/refused"),
        );
        let ends = Arc::new(Ends::default());
        let mut tasks = JoinSet::new();
        for task in 0..AT_ONCE {
            let (client, ends) = (client.clone(), Arc::clone(&ends));
            tasks.spawn(async move {
                for path in ["/refused", "/busy", "/customer?field=id", "/cut"] {
                    let request = client.post(path).body(format!("from task {task}"));
                    ends.count(request.send().await);
                }
            });
        }
        for expiry in 1..=EXPIRIES {
            let enough = expiry * CALLS / (EXPIRIES + 1);
            let ended = || emulator.stats().server.total() - emulator.stats().server.logins();
            while ended() < enough {
                tokio::task::yield_now().await;
            }
            emulator.expire_all();
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let stats = emulator.stats();
        println!("{ends:?}: {stats:?}");
        let [served, refused, busy, cut] = [&ends.served, &ends.refused, &ends.busy, &ends.cut]
            .map(|end| end.load(Ordering::SeqCst));
        assert_eq!(served + refused + busy + cut, CALLS);
        // What is no 401 is delivered, and costs nothing else.
        assert_eq!((busy, cut), (BUSY, CUTS));
        // Each sending but the first of a call is owed to a 401 that was not delivered.
        let unauthorized = stats.server.calls_unauthorized;
        assert_eq!(stats.server.total() - stats.server.logins(), CALLS + unauthorized - refused);
        // Each login is owed to tokens that the server has forgotten, or to one of its refusals.
        assert_eq!(stats.most_logins_at_once, 1);
        let logins = stats.server.logins();
        assert!((1..=EXPIRIES + REFUSALS).contains(&logins), "{logins}");
        assert!(unauthorized >= logins, "{unauthorized} 401s, {logins} logins");
    });
}
