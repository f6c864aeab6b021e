//! Nothing takes longer than it may. Where a test measures, it allows for a slow machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, RetryAfter, Target};
use waldo_reqwest::{Client, Error, Explanation, Reason, Refusal, Refused};

use crate::listener::Listener;
use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{
    PATIENCE, bounded, builder, call, client, credentials, emulator, reason, status,
};

/// Far above every limit that is tested here, and far below those that are not.
const SOON: Duration = Duration::from_secs(10);

fn is_timeout(error: &Error) -> bool {
    matches!(error, Error::Reqwest(_)) && error.is_timeout() && !error.never_sent()
}

fn is_deadline(error: &Error) -> bool {
    matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. }))
        && error.is_timeout()
        && error.never_sent()
}

#[test]
fn a_call_that_hangs_ends_with_its_timeout() {
    bounded(async {
        let emulator = emulator();
        let client =
            builder(emulator.origin()).timeout(Duration::from_millis(300)).build().unwrap();
        let patient = client.get("/customer?field=id").timeout(PATIENCE).send();
        assert_eq!(patient.await.unwrap().status(), 200);
        emulator.push_fault(Fault::call(Answer::Hang).forever());
        let began = Instant::now();
        let error = call(&client).await.unwrap_err();
        assert!(is_timeout(&error), "{error:?}");
        let patient = client.get("/customer").timeout(Duration::from_millis(600)).send();
        let error = patient.await.unwrap_err();
        assert!(is_timeout(&error), "{error:?}");
        assert!((Duration::from_millis(900)..SOON).contains(&began.elapsed()), "its own counts");
    });
}

#[test]
fn timeout_bounds_whole_call_not_each_attempt() {
    bounded(async {
        let (pause, budget) = (Duration::from_millis(1200), Duration::from_secs(2));
        let slow = Arc::new(AtomicBool::new(false));
        let slowly = Arc::clone(&slow);
        let server = Scripted::start(move |seen| {
            if seen.is_login() {
                grant(&jwt(2))
            } else if slowly.load(Ordering::SeqCst) {
                std::thread::sleep(pause);
                answer(if seen.bears(&jwt(2)) { 200 } else { 401 }, "", "")
            } else {
                answer(200, &format!("Authorization: Bearer {}\r\n", jwt(1)), "")
            }
        });
        let client = client(server.origin());
        assert_eq!(status(&client).await, 200);
        slow.store(true, Ordering::SeqCst);
        // Each of the two sendings is within the budget; together they are not.
        let error = client.get("/slow").timeout(budget).send().await.unwrap_err();
        assert!(is_timeout(&error), "{error:?}");
        assert_eq!(server.seen_as("GET /slow").len(), 2);
        assert_eq!(client.get("/slow").timeout(None).send().await.unwrap().status(), 200);
    });
}

#[test]
fn the_budget_covers_reading_the_answer() {
    bounded(async {
        let server = Scripted::start(|seen| {
            if seen.is_login() {
                return grant(&jwt(1));
            }
            // More is promised than comes.
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned()
        });
        let client = client(server.origin());
        let response =
            client.get("/half").timeout(Duration::from_millis(300)).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    });
}

#[test]
fn client_max_wait_bounds_each_call() {
    bounded(async {
        let emulator = emulator();
        let client = Client::builder(credentials()).origin(emulator.origin());
        let client = client.max_wait(Duration::from_millis(200)).build().unwrap();
        emulator.hold(Hold::logins());
        let began = Instant::now();
        let error = call(&client).await.unwrap_err();
        assert!(is_deadline(&error), "{error:?}");
        let error = client.token().await.unwrap_err();
        assert!(is_deadline(&error), "{error:?}");
        assert!(began.elapsed() < SOON);
        emulator.release(Target::Login);
    });
}

#[test]
fn max_wait_does_not_bound_the_attempt() {
    bounded(async {
        let server = Scripted::start(|seen| {
            if seen.is_login() {
                return grant(&jwt(1));
            }
            std::thread::sleep(Duration::from_millis(50));
            answer(200, "", "")
        });
        let patient = client(server.origin());
        drop(patient.token().await.unwrap());
        let hasty = builder(server.origin()).max_wait(Duration::ZERO).build().unwrap();
        hasty.resume(&patient.snapshot().unwrap()).unwrap();
        assert_eq!(status(&hasty).await, 200);
    });
}

#[test]
fn rule_13_a_login_that_hangs_fails_before_its_lease_expires() {
    bounded(async {
        let (emulator, listener) = (emulator(), Listener::default());
        emulator.push_fault(Fault::login(Answer::Hang).forever());
        let client = builder(emulator.origin())
            .limits(|limits| limits.lease(Duration::from_millis(400)).failures_per_call(1))
            .build()
            .unwrap();
        let error = listener.during(call(&client)).await.unwrap_err();
        assert_eq!(reason(&error), Reason::Timeout);
        // The task of the login emits its events after it has woken the call.
        listener.wait_for("login_unavailable", 1);
        assert_eq!((listener.count("login_unavailable"), listener.count("lease_expired")), (1, 0));
    });
}

#[test]
fn rule_13_a_login_outlives_a_call_that_has_less_time() {
    bounded(async {
        let (emulator, listener) = (emulator(), Listener::default());
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let began = Instant::now();
        let hasty = client.get("/customer").timeout(Duration::from_millis(200)).send();
        let error = listener.during(hasty).await.unwrap_err();
        assert!(is_deadline(&error), "{error:?}");
        assert!(began.elapsed() < SOON);
        assert!(error.retry_in().unwrap() <= Duration::from_secs(1), "{error}");
        assert!(
            matches!(client.explain(), Explanation::WaitForLogin { .. }),
            "{}",
            client.explain()
        );
        emulator.release(Target::Login);
        assert_eq!(status(&client).await, 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn rule_14_wait_beyond_deadline_is_refused_at_once() {
    bounded(async {
        let emulator = emulator();
        emulator.push_fault(Fault::login(Answer::too_many_requests(RetryAfter::Seconds(600))));
        let client = client(emulator.origin());
        let began = Instant::now();
        let error = call(&client).await.unwrap_err();
        assert!(is_deadline(&error), "{error:?}");
        assert!(began.elapsed() < SOON);
        let retry_in = error.retry_in().unwrap();
        assert!((590..=600).contains(&retry_in.as_secs()), "{retry_in:?}");
        assert!(!error.to_string().contains("try again"), "{error}");
        assert_eq!(emulator.stats().server.total(), 1);
    });
}

#[test]
fn a_follower_waits_no_longer_than_it_may() {
    bounded(async {
        let (emulator, listener) = (emulator(), Listener::default());
        let client = client(emulator.origin());
        emulator.hold(Hold::logins());
        let leading = client.clone();
        let leader = tokio::spawn(async move { status(&leading).await });
        assert!(emulator.wait_until_held(1, PATIENCE));
        let hasty = client.get("/customer").timeout(Duration::from_millis(200)).send();
        let error = listener.during(hasty).await.unwrap_err();
        assert!(is_deadline(&error), "{error:?}");
        assert_eq!(listener.count("coalesced"), 1);
        emulator.release(Target::Login);
        assert_eq!(leader.await.unwrap(), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}
