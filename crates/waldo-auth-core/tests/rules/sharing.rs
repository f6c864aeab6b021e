//! What a session shares with the other sessions of a fleet.

use std::time::Duration;

use http::StatusCode;
use waldo_auth_core::{
    Call, Event, Explanation, NoToken, Outcome, Reason, Refusal, SharedFailure, Snapshot,
    StoreProblem, StoreState, Unavailable, Verdict,
};

use crate::fixture::{Fixture, down, just_under, read, secs};

/// The failure of a session whose login ended so.
fn failure_of(outcome: Outcome) -> SharedFailure {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    fixture.settle(login, outcome);
    fixture.session.failure(fixture.now()).unwrap()
}

fn rejection(fixture: &mut Fixture, code: &str) -> Outcome {
    let (login, _) = fixture.lead(Call::replayable());
    let body = format!(r#"{{"code":"{code}"}}"#);
    let outcome = read(&login, 401, &http::HeaderMap::new(), &body);
    fixture.settle(login, Outcome::Abandoned);
    outcome
}

#[test]
fn a_failure_is_read_as_it_was_written() {
    let status = StatusCode::BAD_GATEWAY;
    let reasons = [
        Reason::Transport,
        Reason::NameResolution,
        Reason::ConnectionRefused,
        Reason::Certificate,
        Reason::Tls,
        Reason::Timeout,
        Reason::Panicked,
        Reason::Status(status),
        Reason::NoToken,
        Reason::Compressed(status),
        Reason::BodyTooLarge,
        Reason::BadSignature,
        Reason::DeadOnArrival,
    ];
    let unavailable = reasons.map(|reason| Outcome::Unavailable(Unavailable::new(reason)));
    let rejected = ["INVALID_API_KEY", "API_KEY_REVOKED", "MISSING_PARAMETERS", "SOMETHING_ELSE"]
        .map(|code| rejection(&mut Fixture::new(), code));
    let mut written = Vec::new();
    for outcome in unavailable.into_iter().chain(rejected) {
        let is_rejection = matches!(outcome, Outcome::Rejected(_));
        let failure = failure_of(outcome);
        let json = failure.to_json();
        assert_eq!(
            SharedFailure::from_json(json.as_bytes(), failure.wait()),
            Some(failure.clone())
        );
        assert_eq!(failure.is_rejection(), is_rejection, "{json}");
        assert!(!written.contains(&json), "{json}");
        written.push(json);
    }
}

#[test]
fn bytes_that_are_no_failure_are_none() {
    let read = |json: &str| SharedFailure::from_json(json.as_bytes(), Duration::ZERO);
    for json in [
        "",
        "[]",
        "{}",
        r#"{"unavailable":"timeout"}"#,
        r#"{"unavailable":"status","in_a_row":1}"#,
        r#"{"unavailable":"status","status":99999,"in_a_row":1}"#,
        r#"{"rejected":"INVALID_API_KEY","in_a_row":1}"#,
        r#"{"rejected":"A","unavailable":"timeout","status":401,"in_a_row":1}"#,
        r#"{"unavailable":"timeout","in_a_row":4294967296}"#,
    ] {
        assert!(read(json).is_none(), "{json}");
    }
    // A newer version may know more reasons.
    assert!(read(r#"{"unavailable":"a new one","in_a_row":1}"#).is_some());
}

#[test]
fn rule_14_failure_elsewhere_makes_all_calls_wait() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let waiter = fixture.wait(Call::replayable()).0;
    let failure = failure_of(down()).with_wait(secs(7));
    fixture.settle(login, Outcome::FailedElsewhere(failure));
    assert_eq!(fixture.last_event(), Event::LoginFailedElsewhere { login: 1, wait: secs(7) });
    let (waiter, until) = fixture.wait(waiter);
    assert_eq!(until, fixture.after(secs(7)));
    fixture.pass(secs(7));
    fixture.leads(waiter);
}

#[test]
fn rule_14_a_call_waits_through_three_failures_elsewhere() {
    let mut fixture = Fixture::new();
    let mut call = Call::replayable();
    for _ in 0..3 {
        let (login, leader) = fixture.lead(call);
        let failure = failure_of(down()).with_wait(secs(1));
        fixture.settle(login, Outcome::FailedElsewhere(failure));
        fixture.pass(secs(1));
        call = leader;
    }
    assert!(matches!(fixture.refuse(call), Refusal::Unavailable { .. }));
}

#[test]
fn rule_15_rejection_elsewhere_opens_circuit() {
    let mut fixture = Fixture::new();
    let rejected = rejection(&mut fixture, "API_KEY_REVOKED");
    let failure = failure_of(rejected).with_wait(secs(40));
    let (login, call) = fixture.lead(Call::replayable());
    fixture.settle(login, Outcome::FailedElsewhere(failure));
    let Refusal::Rejected { rejection, retry_at } = fixture.refuse(call) else {
        panic!("the circuit is closed")
    };
    assert_eq!(rejection.code().as_str(), "API_KEY_REVOKED");
    assert_eq!(retry_at, fixture.after(secs(40)));
    fixture.pass(secs(40));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_14_next_failure_counts_on_from_fleet() {
    let json = br#"{"unavailable":"timeout","in_a_row":6}"#;
    let fleet = SharedFailure::from_json(json, Duration::ZERO).unwrap();
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    fixture.step(|session, now| session.adopt_failure(&fleet, now));
    fixture.settle(login, down());
    let own = fixture.session.failure(fixture.now()).unwrap();
    assert!(own.to_json().contains(r#""in_a_row":7"#), "{}", own.to_json());
    // A smaller count of the fleet changes nothing.
    fixture.step(|session, now| session.adopt_failure(&fleet, now));
    assert_eq!(fixture.session.failure(fixture.now()), Some(own));
}

#[test]
fn a_session_without_failed_login_shares_none() {
    let (fixture, _) = Fixture::warm();
    assert_eq!(fixture.session.failure(fixture.now()), None);
}

#[test]
fn rule_13_restarted_login_has_its_whole_time() {
    let mut fixture = Fixture::new();
    let (mut login, call) = fixture.lead(Call::replayable());
    fixture.pass(secs(20));
    fixture.step(|session, now| session.restart(&mut login, now));
    assert_eq!(login.expires_at(), fixture.after(secs(30)));
    fixture.pass(just_under(secs(30)));
    fixture.waits(Call::replayable());
    // The token's lifetime is measured from the restart.
    let token = fixture.lasting(3600);
    fixture.grant(login, &token);
    assert_eq!(fixture.send(call).token, token);
    assert!(fixture.explain().contains("has 3570.0s left"), "{}", fixture.explain());
}

#[test]
fn rule_13_expired_lease_is_not_restarted() {
    let mut fixture = Fixture::new();
    let (mut login, _) = fixture.lead(Call::replayable());
    let expires_at = login.expires_at();
    fixture.pass(secs(30));
    fixture.step(|session, now| session.restart(&mut login, now));
    assert_eq!(login.expires_at(), expires_at);
    fixture.leads(Call::replayable());
    // The lease of another login stays as it is.
    fixture.step(|session, now| session.restart(&mut login, now));
    assert_eq!(login.expires_at(), expires_at);
}

#[test]
fn rule_16_fleet_shares_one_invalidation_budget() {
    let (mut spender, _) = Fixture::warm();
    for _ in 0..10 {
        spender.invalidate();
        spender.log_in();
    }
    let debt = spender.session.invalidation_debt(spender.now());
    assert_eq!(debt, secs(300));
    let (mut other, _) = Fixture::warm();
    other.step(|session, now| session.owe_invalidations(debt, now));
    let generation = other.session.generation().unwrap();
    assert!(!other.step(|session, now| session.invalidate(generation, now)));
    // The debt is the larger one, and not the sum.
    other.step(|session, now| session.owe_invalidations(secs(10), now));
    assert_eq!(other.session.invalidation_debt(other.now()), debt);
    // No debt is larger than the whole budget, whatever a store says.
    other.step(|session, now| session.owe_invalidations(Duration::MAX, now));
    assert_eq!(other.session.invalidation_debt(other.now()), debt);
    other.pass(secs(30));
    assert!(other.step(|session, now| session.invalidate(generation, now)));
}

#[test]
fn snapshot_with_left_does_not_depend_on_wall_clock() {
    let (before, token) = Fixture::warm();
    let snapshot = before.snapshot();
    for ahead in [false, true] {
        let mut after = Fixture::new();
        if ahead {
            after.set_wall_forward(secs(7200));
        } else {
            after.set_wall_back(secs(7200));
        }
        assert!(after.resume(&snapshot).is_err(), "the clocks differ by two hours");
        let shared = snapshot.clone().with_left(secs(600), after.now());
        assert_eq!(shared.left(after.now()), secs(600));
        after.resume(&shared).unwrap();
        assert_eq!(after.last_event(), Event::Resumed { generation: 1, left: secs(600) });
        assert_eq!(after.held(), token);
    }
    let longer = snapshot.clone().with_left(secs(7200), before.now());
    assert_eq!(longer.left(before.now()), snapshot.lifetime(), "no longer than its lifetime");
}

#[test]
fn snapshots_of_one_token_have_one_fingerprint() {
    let (mut fixture, _) = Fixture::warm();
    let first = fixture.snapshot();
    fixture.pass(secs(1));
    assert_eq!(first.fingerprint(), fixture.snapshot().fingerprint());
    fixture.invalidate();
    assert!(fixture.session.has_given_up(first.fingerprint()));
    fixture.log_in();
    assert_ne!(first.fingerprint(), fixture.snapshot().fingerprint());
    assert!(!fixture.session.has_given_up(fixture.snapshot().fingerprint()));
    let stored = Snapshot::from_json(first.to_json().as_bytes()).unwrap();
    assert!(!fixture.session.can_resume(&stored, fixture.now()));
}

/// A token of the store may be older than the token that was refused before it. So the call still
/// has its resend after a login.
#[test]
fn rule_08_refused_stored_token_leaves_resend_after_login() {
    let (mut fixture, _) = Fixture::warm();
    let first = fixture.send(Call::replayable());
    fixture.deliver(first.attempt, 200);
    let sent = fixture.send(Call::replayable());
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    // The store has a token that the server has revoked too.
    let mut sibling = Fixture::new();
    drop(sibling.fresh());
    sibling.log_in();
    fixture.resume(&sibling.snapshot()).unwrap();
    fixture.settle(login, Outcome::Abandoned);
    let sent = fixture.send(call);
    assert!(sent.attempt.is_resent());
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let sent = fixture.send(call);
    assert_eq!(sent.token, token);
    // That was the third attempt, so its 401 is delivered.
    let verdict = fixture.conclude(sent.attempt, 401, &http::HeaderMap::new());
    assert!(matches!(verdict, Verdict::Deliver));
}

#[test]
fn a_change_of_the_store_is_one_event() {
    let mut fixture = Fixture::new();
    let mut set = |store| {
        let before = fixture.journal().len();
        fixture.step(|session, now| session.set_store(store, now));
        fixture.journal().split_off(before)
    };
    let away = StoreState::Away(StoreProblem::TimedOut);
    assert!(set(StoreState::Shared).is_empty());
    assert_eq!(set(away), ["store_away"]);
    assert!(set(away).is_empty());
    assert_eq!(set(StoreState::Shared), ["store_back"]);
    assert_eq!(set(StoreState::Private), ["sharing_harmful"]);
    assert!(set(StoreState::Shared).is_empty());
    let Explanation::Authenticate { why, store } = fixture.session.explain(fixture.now()) else {
        panic!("a token is held")
    };
    assert_eq!((why, store), (NoToken::NeverLoggedIn, StoreState::Shared));
}
