//! The memory of a call: a call allocates nothing while the token stays, and memory does not grow
//! with the number of calls.

use allocation_counter::{AllocationInfo, measure};
use http::{HeaderMap, Request, StatusCode};
use waldo_auth_core::{Attempt, Call, Explanation, Head, Login, Session, Step, Verdict};

use crate::fixture::{Fixture, bearer, secs};

/// One call from admission to conclusion, with these response headers.
fn call(fixture: &mut Fixture, request: &mut Request<()>, headers: &HeaderMap) {
    let now = fixture.now();
    let Ok(Step::Send(attempt)) = fixture.session.admit(Call::replayable(), request, now) else {
        panic!("expected to send")
    };
    let verdict = fixture.session.conclude(attempt, Head::new(StatusCode::OK, headers), now);
    assert!(matches!(verdict, Verdict::Deliver));
}

fn request() -> Request<()> {
    // The header is present already, so the request's own map need not grow.
    Request::get("https://api.waldo.ai/customer").header("authorization", "x").body(()).unwrap()
}

#[test]
fn attaching_a_token_allocates_nothing() {
    let (mut fixture, token) = Fixture::warm();
    let mut request = request();
    for headers in [HeaderMap::new(), bearer(&token), bearer("malformed"), bearer("")] {
        let cost = measure(|| call(&mut fixture, &mut request, &headers));
        assert_eq!(cost.count_total, 0, "{headers:?}: {cost:?}");
    }
}

#[test]
fn a_call_that_waits_or_is_refused_allocates_nothing() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let (mut request, now) = (request(), fixture.now());
    let cost = measure(|| {
        assert!(matches!(
            fixture.session.admit(Call::replayable(), &mut request, now),
            Ok(Step::Wait(..))
        ));
    });
    assert_eq!(cost.count_total, 0);
    let failure = crate::fixture::busy(&login, "60");
    fixture.settle(login, failure);
    let cost = measure(|| {
        assert!(matches!(
            fixture.session.admit(Call::replayable(), &mut request, now),
            Ok(Step::Wait(..))
        ));
        assert!(matches!(
            fixture.session.admit(
                Call::replayable().with_deadline(now.monotonic),
                &mut request,
                now
            ),
            Ok(Step::Refuse(_))
        ));
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn explaining_and_reading_the_journal_allocate_nothing() {
    let (fixture, _) = Fixture::warm();
    let cost = measure(|| {
        assert!(matches!(fixture.session.explain(fixture.now()), Explanation::Send { .. }));
        assert!(fixture.session.journal().since(0).count() > 0);
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn renewal_allocates_little_and_frees_previous_token() {
    let (mut fixture, _) = Fixture::warm();
    let mut request = request();
    let renewals: Vec<HeaderMap> = (0..1000).map(|_| bearer(&fixture.fresh())).collect();
    let cost =
        measure(|| renewals.iter().for_each(|headers| call(&mut fixture, &mut request, headers)));
    assert!(cost.count_total <= 4 * 1000, "{cost:?}");
    drop(renewals);
    let cost = measure(|| {
        for _ in 0..1000 {
            let headers = bearer(&fixture.fresh());
            call(&mut fixture, &mut request, &headers);
        }
    });
    assert!(cost.count_current <= 0, "{cost:?}");
    assert_eq!(fixture.logins, 1);
}

#[test]
fn a_session_does_not_grow_with_a_million_calls() {
    let (mut fixture, token) = Fixture::warm();
    let (mut request, headers) = (request(), bearer(&token));
    call(&mut fixture, &mut request, &headers);
    let cost = measure(|| {
        for _ in 0..1_000_000 {
            call(&mut fixture, &mut request, &headers);
        }
    });
    assert_eq!(cost, AllocationInfo::default());
}

#[test]
fn session_memory_does_not_grow_over_many_calls() {
    let round = |fixture: &mut Fixture| {
        for _ in 0..1000 {
            drop(fixture.admit(Call::replayable()));
            drop(fixture.admit(Call::one_shot()));
            let sent = fixture.send(Call::replayable());
            fixture.deliver_with(sent.attempt, 200, &bearer("malformed"));
        }
        fixture.pass(secs(3600));
        drop(fixture.admit(Call::replayable())); // a leader that never settles its login
        fixture.pass(secs(30));
        fixture.log_in();
    };
    let (mut fixture, _) = Fixture::warm();
    round(&mut fixture);
    let cost = measure(|| {
        for _ in 0..10 {
            round(&mut fixture);
        }
    });
    assert_eq!(cost.count_current, 0, "{cost:?}");
}

#[test]
fn everything_that_moves_is_small() {
    for (name, size, most) in [
        ("Call", size_of::<Call>(), 64),
        ("Attempt", size_of::<Attempt>(), 128),
        ("Login", size_of::<Login>(), 208),
        ("Step", size_of::<Step>(), 264),
        ("Verdict", size_of::<Verdict>(), 64),
        ("Session", size_of::<Session>(), 512),
    ] {
        assert!(size <= most, "{name}: {size} bytes, at most {most}");
    }
}
