//! Nothing takes longer than it may. A case that measures allows for a slow machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use waldo_auth_client::{Explanation, Reason};
use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, RetryAfter, Target};

use crate::adapter::{Adapter, Call, Failure, Kind, Setup};
use crate::listener::Listener;
use crate::scripted::{Scripted, jwt};
use crate::site::{TIMEOUT, emulator};

/// Far above every limit that is tested here, and far below the other limits.
const SOON: Duration = Duration::from_secs(10);

fn hasty() -> Call {
    Call::get("/customer").within(Duration::from_millis(200))
}

fn is_timeout(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Stack) && failure.is_timeout && !failure.never_sent
}

pub fn a_call_that_hangs_ends_with_its_timeout<A: Adapter>() {
    let emulator = emulator();
    let timeout = Duration::from_millis(300);
    let client = A::build(Setup { timeout, ..Setup::new(emulator.origin()) });
    let patient = client.send(Call::get("/customer?field=id").within(TIMEOUT));
    assert_eq!(patient.unwrap().status, 200);
    emulator.push_fault(Fault::call(Answer::Hang).forever());
    let began = Instant::now();
    for call in [Call::get("/customer"), Call::get("/customer").within(timeout * 2)] {
        let failure = client.send(call).unwrap_err();
        assert!(is_timeout(&failure) && failure.retry_in.is_none(), "{failure:?}");
    }
    assert!((timeout * 3..SOON).contains(&began.elapsed()), "the call's own timeout counts");
}

pub fn timeout_bounds_whole_call_not_each_attempt<A: Adapter>() {
    let (pause, timeout) = (Duration::from_secs(2), Duration::from_millis(3600));
    let slow = Arc::new(AtomicBool::new(false));
    let slowly = Arc::clone(&slow);
    let server = Scripted::start(move |exchange| {
        if exchange.is_login() {
            exchange.grant(&jwt(2));
        } else if slowly.load(Ordering::SeqCst) {
            thread::sleep(pause);
            exchange.answer(if exchange.bears(&jwt(2)) { 200 } else { 401 }, "", "");
        } else {
            exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(1)), "");
        }
    });
    let client = A::build(Setup::new(server.origin()));
    assert_eq!(client.status(), 200);
    slow.store(true, Ordering::SeqCst);
    // Each of the two sendings is within the timeout. Together they are not.
    let failure = client.send(Call::get("/slow").within(timeout)).unwrap_err();
    assert!(is_timeout(&failure), "{failure:?}");
    assert_eq!(server.seen().iter().filter(|line| *line == "GET /slow").count(), 2);
    assert_eq!(client.send(Call::get("/slow").within(Duration::MAX)).unwrap().status, 200);
}

pub fn client_max_wait_bounds_each_call<A: Adapter>() {
    let emulator = emulator();
    let max_wait = Duration::from_millis(200);
    let client = A::build(Setup { max_wait, ..Setup::new(emulator.origin()) });
    emulator.hold(Hold::logins());
    let began = Instant::now();
    let failure = client.call().unwrap_err();
    assert!(failure.is_deadline(), "{failure:?}");
    assert!(began.elapsed() < SOON);
    emulator.release(Target::Login);
}

pub fn max_wait_does_not_bound_the_attempt<A: Adapter>() {
    let server = Scripted::granting(|exchange| {
        thread::sleep(Duration::from_millis(50));
        exchange.answer(200, "", "");
    });
    let patient = A::build(Setup::new(server.origin()));
    assert_eq!(patient.status(), 200);
    let hasty = A::build(Setup { max_wait: Duration::ZERO, ..Setup::new(server.origin()) });
    hasty.resume_from(&patient);
    assert_eq!(hasty.status(), 200);
}

pub fn rule_13_a_login_that_hangs_fails_before_its_lease_expires<A: Adapter>() {
    let (emulator, listener) = (emulator(), Listener::new());
    emulator.push_fault(Fault::login(Answer::Hang).forever());
    // The login ends a tenth of the lease earlier, which a busy machine must not miss.
    let setup = Setup::new(emulator.origin())
        .limits(|limits| limits.lease(Duration::from_secs(5)).failures_per_call(1));
    let failure = listener.during(|| A::build(setup).call()).unwrap_err();
    assert_eq!(failure.reason(), Reason::Timeout);
    // The task of a login emits its events after it has woken the call.
    listener.wait_for("login_unavailable", 1);
    assert_eq!(listener.names(), ["login_started", "login_unavailable"]);
}

pub fn rule_13_a_login_outlives_a_call_that_has_less_time<A: Adapter>() {
    let (emulator, listener) = (emulator(), Listener::new());
    let client = A::build(Setup::new(emulator.origin()));
    emulator.hold(Hold::logins());
    let began = Instant::now();
    let failure = listener.during(|| client.send(hasty())).unwrap_err();
    assert!(failure.is_deadline(), "{failure:?}");
    assert!(began.elapsed() < SOON);
    assert!(failure.retry_in.unwrap() <= Duration::from_secs(1), "{failure:?}");
    assert_eq!(listener.names(), ["login_started"]);
    let explanation = client.explain();
    assert!(matches!(explanation, Explanation::WaitForLogin { .. }), "{explanation}");
    emulator.release(Target::Login);
    assert_eq!(client.status(), 200);
    assert_eq!(emulator.stats().server.logins(), 1);
}

pub fn rule_14_wait_beyond_deadline_is_refused_at_once<A: Adapter>() {
    let emulator = emulator();
    emulator.push_fault(Fault::login(Answer::too_many_requests(RetryAfter::Seconds(600))));
    let client = A::build(Setup::new(emulator.origin()));
    let began = Instant::now();
    let failure = client.call().unwrap_err();
    assert!(failure.is_deadline(), "{failure:?}");
    assert!(began.elapsed() < SOON);
    let retry_in = failure.retry_in.unwrap();
    assert!((590..=600).contains(&retry_in.as_secs()), "{retry_in:?}");
    assert!(!failure.error.to_string().contains("try again"), "{failure:?}");
    assert_eq!(emulator.stats().server.total(), 1);
}

pub fn a_follower_waits_no_longer_than_it_may<A: Adapter>() {
    let (emulator, listener) = (emulator(), Listener::new());
    let client = A::build(Setup::new(emulator.origin()));
    emulator.hold(Hold::logins());
    thread::scope(|scope| {
        let leader = scope.spawn(|| client.status());
        assert!(emulator.wait_until_held(1, TIMEOUT));
        let failure = listener.during(|| client.send(hasty())).unwrap_err();
        assert!(failure.is_deadline(), "{failure:?}");
        assert_eq!(listener.count("coalesced"), 1);
        emulator.release(Target::Login);
        assert_eq!(leader.join().unwrap(), 200);
    });
    assert_eq!(emulator.stats().server.logins(), 1);
}

pub fn rule_14_max_wait_excludes_time_of_sending<A: Adapter>() {
    let max_wait = Duration::from_secs(1);
    let server = Scripted::granting(move |exchange| {
        if exchange.line == "GET /slow" && exchange.bears(&jwt(1)) {
            thread::sleep(max_wait * 3 / 2);
            exchange.answer(401, "", "");
        } else {
            exchange.answer(200, "", "");
        }
    });
    let client = A::build(Setup { max_wait, ..Setup::new(server.origin()) });
    assert_eq!(client.status(), 200);
    assert_eq!(client.send(Call::get("/slow")).unwrap().status, 200);
    assert_eq!(server.logins(), 2);
}
