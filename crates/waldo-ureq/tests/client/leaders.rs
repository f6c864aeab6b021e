//! The thread that logs in for everyone may be lost.

use std::error::Error as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use waldo_adapter_tests::Listener;
use waldo_ureq::http::Request;
use waldo_ureq::ureq::SendBody;
use waldo_ureq::ureq::config::ConfigBuilder;
use waldo_ureq::ureq::middleware::MiddlewareNext;
use waldo_ureq::ureq::typestate::AgentScope;
use waldo_ureq::{Client, Explanation};

use crate::site::{
    TIMEOUT, bounded, builder, builder_over, client, emulator, on_threads, settings, status,
};

const THREADS: usize = 16;

fn patient(origin: String, settings: ConfigBuilder<AgentScope>) -> Client {
    builder_over(origin, settings.build()).build().unwrap()
}

/// Says how many of the calls have panicked, if the code of the first login panics.
fn panicked(client: impl FnOnce(String, ConfigBuilder<AgentScope>) -> Client) -> usize {
    let (emulator, listener) = (emulator(), Listener::new());
    let (first, waiting) = (AtomicBool::new(true), listener.clone());
    let middleware = move |request: Request<SendBody>, next: MiddlewareNext| {
        if request.uri().path() == "/authenticate" && first.swap(false, Ordering::SeqCst) {
            waiting.wait_for("coalesced", THREADS - 1);
            panic!("the login is lost, on purpose");
        }
        next.handle(request)
    };
    let client = client(emulator.origin(), settings().middleware(middleware));
    let results = on_threads(
        THREADS,
        &listener,
        |_| catch_unwind(AssertUnwindSafe(|| status(&client))).ok(),
        || (),
    );
    assert_eq!(emulator.stats().server.logins(), 1);
    assert_eq!((listener.count("login_unavailable"), listener.count("lease_expired")), (1, 0));
    assert!(results.iter().flatten().all(|status| *status == 200), "{results:?}");
    results.iter().filter(|result| result.is_none()).count()
}

#[test]
fn rule_13_a_login_that_panics_has_failed_for_all() {
    bounded(|| {
        assert_eq!(panicked(patient), 1);
        // A login in a thread of its own panics there.
        let hasty = |origin, settings: ConfigBuilder<AgentScope>| {
            builder_over(origin, settings.timeout_global(Some(TIMEOUT)).build()).build().unwrap()
        };
        assert_eq!(panicked(hasty), 0);
    });
}

/// A process of its own can start no thread, because its stack would be larger than all memory. So
/// libtest, too, runs the test in its first thread.
#[cfg(target_os = "linux")]
#[test]
fn rule_13_a_login_without_a_thread_has_failed() {
    const NAME: &str = "leaders::rule_13_a_login_without_a_thread_has_failed";
    const CHILD: &str = "WALDO_UREQ_TEST_WITHOUT_THREADS";
    if std::env::var_os(CHILD).is_none() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .envs([(CHILD, "1"), ("RUST_MIN_STACK", "1000000000000000")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
        return;
    }
    let client =
        builder("http://127.0.0.1:1").limits(|limits| limits.failures_per_call(1)).build().unwrap();
    let error = client.get("/").timeout(TIMEOUT / 2).call().unwrap_err();
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::WouldBlock), "{error}");
}

/// A subscriber that panics on top of a panic would end the process.
#[test]
fn rule_22_events_during_unwind_are_emitted_at_next_step() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let middleware =
            |_: Request<SendBody>, _: MiddlewareNext| panic!("the leader is lost, on purpose");
        let client = patient(emulator.origin(), settings().middleware(middleware));
        listener.during(|| {
            assert!(catch_unwind(AssertUnwindSafe(|| status(&client))).is_err());
            assert!(listener.names().is_empty());
            drop(client.explain());
            assert_eq!(listener.names(), ["login_started", "login_unavailable"]);
        });
    });
}

#[test]
fn rule_13_panicking_subscriber_costs_no_login() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let listener =
            Listener::reacting(|heard| assert_ne!(heard.event, "login_started", "on purpose"));
        // The entries are emitted when the login has ended, so its token is there, whichever thread
        // panics.
        drop(catch_unwind(AssertUnwindSafe(|| listener.during(|| status(&client)))));
        let listener = Listener::new();
        assert_eq!(listener.during(|| status(&client)), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
        assert_eq!(listener.names(), ["renewed"]);
    });
}

#[test]
fn rule_13_subscriber_may_call_during_login_start() {
    bounded(|| {
        let emulator = emulator();
        let client: Arc<Client> = Arc::new(patient(emulator.origin(), settings()));
        let inside = Arc::clone(&client);
        let listener = Listener::reacting(move |heard| {
            if heard.event == "login_started" {
                assert_eq!(status(&inside), 200);
            }
        });
        assert_eq!(listener.during(|| status(&client)), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn rule_19_a_subscriber_may_use_the_client() {
    bounded(|| {
        let emulator = emulator();
        let client: Arc<Client> = Arc::new(patient(emulator.origin(), settings()));
        let inside = Arc::clone(&client);
        let listener = Listener::reacting(move |heard| {
            drop(inside.explain());
            if heard.event == "login_granted" {
                assert_eq!(status(&inside), 200);
            }
        });
        assert_eq!(listener.during(|| status(&client)), 200);
        assert!(matches!(client.explain(), Explanation::Send { .. }));
        // The call inside takes up its renewed token inside the event, where `tracing` drops events
        // to prevent recursion.
        assert_eq!(listener.names(), ["login_started", "login_granted", "renewed"]);
        assert_eq!(listener.heard().last().unwrap().number, 4);
    });
}
