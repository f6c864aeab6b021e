//! The counters of a session.

use waldo_auth_core::Call;

use crate::fixture::{Fixture, bearer, busy, credentials, grant_of, rejection_of, secs};

/// The journal keeps the last 64 entries of each kind.
#[test]
fn counters_count_more_events_than_the_journal_keeps() {
    let (mut fixture, _) = Fixture::warm();
    for _ in 0..100 {
        let fresh = fixture.fresh();
        let sent = fixture.send(Call::replayable());
        fixture.deliver_with(sent.attempt, 200, &bearer(&fresh));
        fixture.reset(credentials());
    }
    let counters = *fixture.session.counters();
    assert_eq!((counters.renewals, counters.resets), (100, 100));
    assert_eq!((counters.logins_started, counters.logins_granted), (1, 1));
}

#[test]
fn a_usual_call_is_not_counted() {
    let (mut fixture, token) = Fixture::warm();
    let counters = *fixture.session.counters();
    let sent = fixture.send(Call::replayable());
    fixture.deliver_with(sent.attempt, 200, &bearer(&token));
    assert_eq!(*fixture.session.counters(), counters);
}

#[test]
fn counters_count_calls_that_wait_and_that_are_refused() {
    let mut fixture = Fixture::new();
    let (login, leader) = fixture.lead(Call::replayable());
    let (follower, _) = fixture.wait(Call::replayable());
    // The call is woken early, and waits for the same login again.
    let (follower, _) = fixture.wait(follower);
    let counters = *fixture.session.counters();
    assert_eq!((counters.waits_for_login, counters.waits_for_backoff), (1, 0));

    let failure = busy(&login, "60");
    fixture.settle(login, failure);
    let (leader, until) = fixture.wait(leader);
    let (_, _) = fixture.wait(follower);
    drop(fixture.refuse(Call::replayable().with_deadline(fixture.after(secs(1)))));
    fixture.pass_until(until);
    let (login, _) = fixture.lead(leader);
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    drop(fixture.refuse(Call::replayable()));
    drop(fixture.refuse(Call::replayable()));

    let counters = *fixture.session.counters();
    assert_eq!((counters.waits_for_login, counters.waits_for_backoff), (1, 2));
    assert_eq!((counters.refusals_deadline, counters.refusals_rejected), (1, 2));
    assert_eq!(counters.refusals_unavailable, 0);
    assert_eq!((counters.logins_started, counters.logins_granted), (2, 0));
    assert_eq!((counters.logins_unavailable, counters.logins_rejected), (1, 1));
}

#[test]
fn a_login_that_is_granted_after_its_lease_counts_twice() {
    let mut fixture = Fixture::new();
    let (late, call) = fixture.lead(Call::replayable());
    fixture.pass(secs(30));
    let (_login, _) = fixture.lead(call);
    let grant = grant_of(&late, &fixture.fresh());
    fixture.settle(late, grant);
    let counters = *fixture.session.counters();
    assert_eq!((counters.logins_expired, counters.logins_granted), (1, 1));
    assert_eq!(counters.logins_started, 2);
}
