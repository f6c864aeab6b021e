//! Rule 19: the questions that threads ask of a shared session under a read lock.

use http::{HeaderMap, StatusCode, Uri};
use waldo_auth_core::{Call, Head, Instant};

use crate::fixture::{Fixture, bearer, request, secs};

fn tries(fixture: &Fixture, call: Call) -> bool {
    fixture.session.try_admit(call, &mut request(), fixture.now()).unwrap().is_ok()
}

#[test]
fn rule_19_a_call_is_tried_with_a_usable_token_only() {
    let (mut fixture, _) = Fixture::warm();
    assert!(tries(&fixture, Call::replayable()) && tries(&fixture, Call::one_shot()));
    assert!(tries(&fixture, Call::replayable().with_deadline(Instant::from_start(secs(0)))));
    fixture.pass(secs(3600 - 300));
    assert!(tries(&fixture, Call::replayable()) && !tries(&fixture, Call::one_shot()));
    fixture.pass(secs(297));
    assert!(!tries(&fixture, Call::replayable()));
    assert!(!tries(&Fixture::new(), Call::replayable()));
}

/// The expired lease counts as a failed login for the calls that came earlier.
#[test]
fn rule_13_a_call_is_not_tried_before_a_lease_expires() {
    let (mut fixture, _) = Fixture::warm();
    fixture.pass(secs(3600 - 300));
    let login = fixture.lead(Call::one_shot());
    assert!(tries(&fixture, Call::replayable()));
    fixture.pass(secs(30));
    assert!(!tries(&fixture, Call::replayable()));
    drop(login);
    drop(fixture.admit(Call::replayable()));
    assert!(tries(&fixture, Call::replayable()));
}

#[test]
fn rule_19_a_response_that_brings_nothing_new_changes_nothing() {
    let (mut fixture, token) = Fixture::warm();
    let fresh = fixture.fresh();
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 200);
    let ok = StatusCode::OK;
    let (none, held, new) = (HeaderMap::new(), bearer(&token), bearer(&fresh));
    let (home, elsewhere): (Uri, Uri) =
        ("https://api.waldo.ai/customer".parse().unwrap(), "https://a.example/".parse().unwrap());
    let mut asks = |head: Head<'_>| {
        let attempt = fixture.send(Call::replayable()).attempt;
        fixture.session.is_unchanged_by(&attempt, head)
    };
    for (head, is_unchanged) in [
        (Head::new(ok, &none), true),
        (Head::new(StatusCode::NO_CONTENT, &held), true),
        (Head::new(ok, &held).with_uri(&home), true),
        (Head::new(ok, &new), false),
        (Head::new(ok, &held).with_uri(&elsewhere), false),
        (Head::new(StatusCode::UNAUTHORIZED, &none), false),
        (Head::new(StatusCode::FORBIDDEN, &none), false),
    ] {
        assert_eq!(asks(head), is_unchanged, "{head:?}");
    }
    let attempt = fixture.send(Call::replayable()).attempt;
    assert!(!Fixture::warm().0.session.is_unchanged_by(&attempt, Head::new(ok, &none)));
    let upload = fixture.send(Call::replayable()).attempt;
    drop(fixture.break_off(upload));
    // A success clears the doubt that the broken upload raised.
    assert!(!fixture.session.is_unchanged_by(&attempt, Head::new(ok, &none)));
}
