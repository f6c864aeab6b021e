//! Nothing takes longer than it may. Where a test measures, it allows for a slow machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_ureq::ureq::{self, Timeout};
use waldo_ureq::{Client, ClientBuilder, Error, Explanation, Reason, Refusal, Refused};

use crate::failures::reason_of;
use crate::listener::Listener;
use crate::scripted::{Scripted, jwt};
use crate::site::{
    PATIENCE, bounded, builder, builder_over, client, credentials, emulator, settings, status,
};

/// Far above every limit that is tested here, and far below those that are not.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_call_that_hangs_ends_with_the_agents_timeout() {
    bounded(|| {
        let emulator = emulator();
        let settings = settings().timeout_global(Some(Duration::from_millis(300))).build();
        let client = builder_over(emulator.origin(), settings).build().unwrap();
        assert_eq!(status(&client), 200);
        emulator.push_fault(Fault::call(Answer::Hang));
        let began = Instant::now();
        let error = client.get("/customer").call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(Timeout::Global))), "{error:?}");
        assert!(began.elapsed() < SOON);
    });
}

#[test]
fn timeout_bounds_whole_call_not_each_attempt() {
    bounded(|| {
        let (pause, budget) = (Duration::from_millis(600), Duration::from_secs(1));
        let slow = Arc::new(AtomicBool::new(false));
        let slowly = Arc::clone(&slow);
        let server = Scripted::start(move |exchange| {
            if exchange.is_login() {
                exchange.grant(&jwt(2));
            } else if slowly.load(Ordering::SeqCst) {
                std::thread::sleep(pause);
                exchange.answer(if exchange.bears(&jwt(2)) { 200 } else { 401 }, "", "");
            } else {
                exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(1)), "");
            }
        });
        let client = client(server.origin());
        assert_eq!(status(&client), 200);
        slow.store(true, Ordering::SeqCst);
        // Each of the two sendings is within the budget; together they are not.
        let error = client.get("/slow").timeout(budget).call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(Timeout::Global))), "{error:?}");
        assert_eq!(server.seen().iter().filter(|line| *line == "GET /slow").count(), 2);
        assert_eq!(client.get("/slow").timeout(Duration::MAX).call().unwrap().status(), 200);
    });
}

#[test]
fn a_call_has_a_minute_unless_the_program_says_otherwise() {
    let own = |builder: ClientBuilder| builder.build().unwrap().agent().config().timeouts().global;
    let minute = Duration::from_secs(60);
    let builder = || Client::builder(credentials()).origin("http://127.0.0.1:1");
    assert_eq!(own(builder()), Some(minute));
    assert_eq!(own(builder().timeout(minute / 2)), Some(minute / 2));
    assert_eq!(own(builder().timeout(None)), None);
    assert!(own(builder().timeout(Duration::MAX)).unwrap() < Duration::MAX, "ureq would panic");
}

#[test]
fn the_agents_timeout_counts_unless_the_program_sets_another() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            if exchange.is_login() {
                return exchange.grant(&jwt(1));
            }
            std::thread::sleep(Duration::from_millis(600));
            exchange.answer(200, "", "");
        });
        let hasty = settings().timeout_global(Some(Duration::from_millis(200))).build();
        let builder = || builder_over(server.origin(), hasty.clone());
        let error = builder().build().unwrap().get("/").call().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        for limit in [None, Some(Duration::from_secs(20))] {
            assert_eq!(status(&builder().timeout(limit).build().unwrap()), 200, "{limit:?}");
            let client = builder().build().unwrap();
            assert_eq!(client.get("/").timeout(limit).call().unwrap().status(), 200, "{limit:?}");
        }
        let patient = builder().timeout(None).build().unwrap();
        let error = patient.get("/").timeout(Duration::from_millis(200)).call().unwrap_err();
        assert!(error.is_timeout() && !error.never_sent(), "{error}");
    });
}

#[test]
fn the_wait_for_a_login_counts_for_the_timeout() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            std::thread::sleep(Duration::from_millis(600));
            if exchange.is_login() {
                return exchange.grant(&jwt(1));
            }
            exchange.answer(200, "", "");
        });
        // The login and the sending are each within the limit; together they are not.
        let client = client(server.origin());
        let error = client.get("/").timeout(Duration::from_secs(1)).call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(Timeout::Global))), "{error:?}");
        assert_eq!(server.seen(), ["POST /authenticate", "GET /"]);
    });
}

#[test]
fn max_wait_does_not_bound_the_attempt() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            if exchange.is_login() {
                return exchange.grant(&jwt(1));
            }
            std::thread::sleep(Duration::from_millis(50));
            exchange.answer(200, "", "");
        });
        let patient = client(server.origin());
        drop(patient.token().unwrap());
        let hasty = builder(server.origin()).max_wait(Duration::ZERO).build().unwrap();
        hasty.resume(&patient.snapshot().unwrap()).unwrap();
        assert_eq!(status(&hasty), 200);
    });
}

#[test]
fn rule_13_a_login_that_hangs_fails_before_its_lease_expires() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        emulator.push_fault(Fault::login(Answer::Hang).forever());
        let client = builder(emulator.origin())
            .limits(|limits| limits.lease(Duration::from_millis(400)).failures_per_call(1))
            .build()
            .unwrap();
        assert_eq!(listener.during(|| reason_of(&client)), Reason::Timeout);
        assert_eq!(listener.names(), ["login_started", "login_unavailable"]);
    });
}

#[test]
fn rule_13_a_login_outlives_a_call_that_has_less_time() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let began = Instant::now();
        let hasty = client.get("/customer").timeout(Duration::from_millis(200));
        let error = listener.during(|| hasty.call()).unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
            "{error:?}"
        );
        assert!(began.elapsed() < SOON);
        assert!(error.retry_in().unwrap() <= Duration::from_secs(1), "{error}");
        assert_eq!(listener.names(), ["login_started"]);
        assert!(
            matches!(client.explain(), Explanation::WaitForLogin { .. }),
            "{}",
            client.explain()
        );
        emulator.release(Target::Login);
        assert_eq!(status(&client), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn rule_14_wait_beyond_deadline_is_refused_at_once() {
    bounded(|| {
        let emulator = emulator();
        let slow = Answer::too_many_requests(waldo_emulator::model::RetryAfter::Seconds(600));
        emulator.push_fault(Fault::login(slow));
        let client = client(emulator.origin());
        let began = Instant::now();
        let error = client.get("/customer").call().unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
            "{error:?}"
        );
        assert!(began.elapsed() < SOON);
        assert_eq!(emulator.stats().server.total(), 1);
    });
}

#[test]
fn a_follower_waits_no_longer_than_it_may() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        std::thread::scope(|scope| {
            let leader = scope.spawn(|| status(&client));
            assert!(emulator.wait_until_held(1, PATIENCE));
            let hasty = client.get("/customer").timeout(Duration::from_millis(200));
            let error = listener.during(|| hasty.call()).unwrap_err();
            assert!(
                matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
                "{error:?}"
            );
            assert_eq!(listener.count("coalesced"), 1);
            emulator.release(Target::Login);
            assert_eq!(leader.join().unwrap(), 200);
        });
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}
