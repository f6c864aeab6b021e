//! Requests and answers that are held until a test lets them go.

use std::time::{Duration, Instant};

use waldo_emulator::Hold;
use waldo_emulator::model::{Policy, Rotation, Target};

use crate::visitor::{TIMEOUT, Visitor, bearer, emulator, emulator_of, eventually, pair};

/// Long enough that an answer that is not held would be there.
const MOMENT: Duration = Duration::from_millis(100);

#[test]
fn held_login_is_unprocessed_while_calls_pass() {
    let emulator = emulator();
    let mut caller = Visitor::to(emulator.addr());
    let token = caller.token();
    emulator.hold(Hold::logins());
    let mut held = Visitor::to(emulator.addr());
    held.send("POST", "/authenticate", "", &pair());
    assert!(emulator.wait_until_held(1, TIMEOUT));
    assert_eq!(emulator.stats().server.logins_granted, 1);
    assert_eq!(caller.get("/x", &token).status, 200);
    assert!(held.is_silent_for(MOMENT));
    emulator.release(Target::Login);
    assert_eq!(held.receive().unwrap().status, 200);
    assert_eq!(caller.log_in().status, 200, "and none is held any more");
    assert_eq!(emulator.stats().held, 0);
}

#[test]
fn a_held_answer_was_handled_already() {
    let emulator = emulator_of(Policy { rotation: Rotation::Strict, ..Policy::default() });
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    emulator.hold(Hold::calls().after_handling().on_path("/slow"));
    let mut slow = Visitor::to(emulator.addr());
    slow.send("GET", "/slow", &bearer(&token), b"");
    assert!(emulator.wait_until_held(1, TIMEOUT));
    assert_eq!(visitor.get("/x", &token).status, 401, "the slow answer holds the only live token");
    emulator.release(Target::Login);
    assert_eq!(emulator.stats().held, 1, "that was for others");
    emulator.release_all();
    let answer = slow.receive().unwrap();
    let fresh = answer.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    assert_eq!(visitor.get("/x", fresh).status, 200);
}

#[test]
fn released_requests_are_not_counted_as_held() {
    let emulator = emulator();
    emulator.hold(Hold::logins());
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/authenticate", "", &pair());
    assert!(emulator.wait_until_held(1, TIMEOUT));
    emulator.release_all();
    assert_eq!(emulator.stats().held, 0, "else the next wait would be for this one");
    assert_eq!(visitor.receive().unwrap().status, 200);
}

#[test]
fn closed_connection_is_no_longer_held() {
    let emulator = emulator();
    emulator.hold(Hold::logins());
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/authenticate", "", &pair());
    assert!(emulator.wait_until_held(1, TIMEOUT));
    drop(visitor);
    assert!(eventually(|| emulator.stats().held == 0 && emulator.stats().logins_under_way == 0));
    assert_eq!(emulator.stats().server.logins(), 0);
}

#[test]
fn wait_until_held_ends_at_its_timeout() {
    assert!(!emulator().wait_until_held(1, Duration::from_millis(10)));
}

#[test]
fn only_a_client_that_goes_away_abandons_a_gate() {
    let emulator = emulator();
    emulator.hold(Hold::logins());
    let [mut stays, mut leaves] = [(); 2].map(|()| Visitor::to(emulator.addr()));
    for visitor in [&mut stays, &mut leaves] {
        visitor.send("POST", "/authenticate", "", &pair());
    }
    assert!(emulator.wait_until_held(2, TIMEOUT));
    drop(leaves);
    assert!(emulator.wait_until_abandoned(1, TIMEOUT));
    emulator.release_all();
    assert_eq!(stays.receive().unwrap().status, 200);
    assert_eq!(emulator.abandoned(), 1);
    assert!(!emulator.wait_until_abandoned(2, Duration::from_millis(10)));
}

#[test]
fn latency_delays_its_target() {
    let emulator = emulator();
    let span = Duration::from_millis(120);
    emulator.set_latency(Target::Login, span);
    let mut visitor = Visitor::to(emulator.addr());
    let began = Instant::now();
    let token = visitor.token();
    assert!(began.elapsed() >= span);
    emulator.set_latency(Target::Login, Duration::ZERO);
    emulator.set_latency(Target::Calls, span);
    let began = Instant::now();
    assert_eq!(visitor.get("/x", &token).status, 200);
    assert!(began.elapsed() >= span);
}
