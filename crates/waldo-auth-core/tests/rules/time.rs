//! Rules 10 to 12: how long a token lasts.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use waldo_auth_core::{Call, Event, Explanation, Now, Outcome, Reason, Session, Step};

use crate::fixture::{
    EPOCH, Fixture, down, headers, http_date, just_under, jwt, millis, read, request, secs,
};

const T: i64 = 1_800_000_000;

/// The lifetime of a login's token with this payload, in a response with these headers.
fn lifetime(payload: &str, pairs: &[(&'static str, &str)]) -> Duration {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let body = format!(r#"{{"token":"{}"}}"#, jwt(payload));
    let outcome = read(&login, 200, &headers(pairs), &body);
    fixture.settle(login, outcome);
    match fixture.session.explain(fixture.now()) {
        Explanation::Send { left, .. } => left,
        other => panic!("{payload}: {other}"),
    }
}

#[test]
fn rule_10_lifetime_is_smaller_difference_to_exp() {
    let date = http_date(T - 7000); // the server's clock is far behind the local clock
    let date = [("date", date.as_str())];
    assert_eq!(lifetime(&format!(r#"{{"exp":{}}}"#, T - 6900), &date), secs(100));
    assert_eq!(lifetime(&format!(r#"{{"exp":{},"iat":{T}}}"#, T + 40), &[]), secs(40));
    // A renewed token keeps the `iat` of the login.
    let kept_iat = format!(r#"{{"exp":{},"iat":{}}}"#, T - 6900, T - 20_000);
    assert_eq!(lifetime(&kept_iat, &date), secs(100));
    let younger = format!(r#"{{"exp":{},"iat":{}}}"#, T - 6900, T - 6950);
    assert_eq!(lifetime(&younger, &date), secs(50));
}

#[test]
fn rule_10_the_date_of_a_cached_answer_is_not_believed() {
    let old = http_date(T - 500_000);
    let payload = format!(r#"{{"exp":{},"iat":{T}}}"#, T + 600);
    assert_eq!(lifetime(&payload, &[("date", &old), ("age", "500000")]), secs(600));
    let payload = format!(r#"{{"exp":{}}}"#, T + 600);
    assert_eq!(
        lifetime(&payload, &[("date", &old), ("age", "500000")]),
        secs(600),
        "the local clock counts instead"
    );
}

#[test]
fn rule_10_a_difference_that_is_not_positive_counts_as_absent() {
    let date = http_date(T);
    let date = [("date", date.as_str())];
    // Another node's clock wrote `iat`, which is in the future.
    assert_eq!(lifetime(&format!(r#"{{"exp":{},"iat":{}}}"#, T + 60, T + 100), &date), secs(60));
    // `Date` is after `exp`.
    assert_eq!(lifetime(&format!(r#"{{"exp":{},"iat":{}}}"#, T - 60, T - 100), &date), secs(40));
    // Both differences are not positive, so the documented hour counts, not the local clock.
    assert_eq!(lifetime(&format!(r#"{{"exp":{},"iat":{}}}"#, T - 60, T - 60), &date), secs(3600));
    assert_eq!(lifetime(&format!(r#"{{"exp":{},"iat":{}}}"#, T + 1, T + 1), &[]), secs(3600));
}

#[test]
fn rule_10_exp_alone_uses_local_clock_within_a_day() {
    let ends = |seconds: i64| lifetime(&format!(r#"{{"exp":{}}}"#, T + seconds), &[]);
    assert_eq!(ends(90), secs(90));
    assert_eq!(ends(24 * 3600), secs(24 * 3600));
    assert_eq!(ends(24 * 3600 + 1), secs(3600), "more than a day is not believed");
    assert_eq!(ends(0), secs(3600), "a past end is not believed");
    assert_eq!(ends(-1_000_000), secs(3600));
}

#[test]
fn rule_10_a_local_clock_before_1970_is_a_clock_too() {
    let mut fixture = Fixture::new();
    fixture.set_wall_back(secs(EPOCH + 40));
    let (login, _) = fixture.lead(Call::replayable());
    let token = jwt(r#"{"exp":60}"#);
    fixture.grant(login, &token);
    assert!(
        matches!(fixture.last_event(), Event::LoginGranted { lifetime, .. } if lifetime == secs(100))
    );
}

#[test]
fn rule_10_without_a_usable_exp_the_documented_hour_is_assumed() {
    let date = http_date(T);
    for payload in [
        "{}",
        r#"{"exp":null}"#,
        r#"{"exp":"1800003600"}"#,
        r#"{"exp":[1800003600]}"#,
        r#"{"exp":true}"#,
        r#"{"exp":{}}"#,
        r#"{"iat":1800000000}"#,
        r#"{"exp":-5}"#,
        r#"{"exp":-1e300}"#,
        r#"{"exp":-1e999}"#,
        r#"{"exp":0}"#,
        r#"{"EXP":1800000010}"#,
        r#"{"a":{"exp":1800000010}}"#,
    ] {
        assert_eq!(lifetime(payload, &[]), secs(3600), "{payload}");
        assert_eq!(lifetime(payload, &[("date", &date)]), secs(3600), "{payload}");
    }
}

#[test]
fn rule_10_the_assumed_lifetime_is_configurable() {
    let mut fixture = Fixture::with(|builder| builder.assumed_lifetime(secs(100)));
    let (login, _) = fixture.lead(Call::replayable());
    fixture.grant(login, &jwt("{}"));
    fixture.pass(secs(96));
    fixture.held();
    fixture.pass(secs(1));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_10_a_numeric_date_may_be_fractional_or_huge() {
    let date = http_date(T);
    let date = [("date", date.as_str())];
    assert_eq!(lifetime(&format!(r#"{{"exp":{}.75}}"#, T + 10), &date), millis(10_750));
    assert_eq!(lifetime(r#"{"exp":1.8000001E9}"#, &date), secs(100));
    for huge in ["1e300", "1e999", "18446744073709551615", "99999999999999999999999999999"] {
        let long = lifetime(&format!(r#"{{"exp":{huge}}}"#), &date);
        assert!(long > secs(1_000_000_000), "{huge}: {long:?}");
        assert_eq!(lifetime(&format!(r#"{{"exp":{huge}}}"#), &[]), secs(3600), "{huge}");
        // An `iat` that is as far in the past must cause no panic.
        lifetime(&format!(r#"{{"exp":{huge},"iat":-{huge}}}"#), &date);
        lifetime(&format!(r#"{{"exp":{huge},"iat":{huge}}}"#), &date);
    }
}

#[test]
fn rule_10_wrong_local_clock_changes_no_lifetime() {
    for (ahead, behind) in [(50, 0), (0, 50), (86_400 * 365, 0), (0, 86_400 * 365)] {
        let mut fixture = Fixture::new();
        fixture.set_wall_forward(secs(ahead));
        fixture.set_wall_back(secs(behind));
        let (login, _) = fixture.lead(Call::replayable());
        let token = jwt(&format!(r#"{{"exp":{}}}"#, T + 60)); // 60 s by the server's clock
        let body = format!(r#"{{"token":"{token}"}}"#);
        let outcome = read(&login, 200, &headers(&[("date", &http_date(T))]), &body);
        fixture.settle(login, outcome);
        fixture.pass(secs(56));
        assert_eq!(fixture.held(), token, "+{ahead} -{behind}");
        fixture.pass(secs(1));
        fixture.leads(Call::replayable());
    }
}

#[test]
fn rule_10_suspended_machine_sends_no_expired_token() {
    let (mut fixture, _) = Fixture::warm();
    fixture.suspend(secs(3600));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_10_clock_set_back_does_not_extend_lifetime() {
    let (mut fixture, token) = Fixture::warm();
    fixture.pass(secs(1800));
    fixture.set_wall_back(secs(1_000_000));
    assert_eq!(fixture.held(), token);
    fixture.pass(secs(1797));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_10_a_clock_that_is_set_forward_costs_one_login() {
    let (mut fixture, _) = Fixture::warm();
    fixture.set_wall_forward(secs(1_000_000));
    let token = fixture.log_in();
    for _ in 0..10 {
        fixture.pass(secs(100));
        assert_eq!(fixture.held(), token);
    }
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_10_a_lifetime_begins_when_its_request_was_sent() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.lasting(100);
    let date = http_date(fixture.unix());
    fixture.pass(secs(20)); // a slow response
    let body = format!(r#"{{"token":"{token}"}}"#);
    let outcome = read(&login, 200, &headers(&[("date", &date)]), &body);
    fixture.settle(login, outcome);
    assert_eq!(fixture.send(call).token, token);
    fixture.pass(secs(77));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_10_token_expired_on_arrival_fails_login() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.lasting(10);
    fixture.pass(secs(9));
    fixture.grant(login, &token);
    let (_, until) = fixture.wait(call);
    assert!(until < fixture.after(secs(1)), "the backoff after a first failure");
    let event = fixture.last_event();
    let expected = Event::LoginUnavailable { login: 1, reason: Reason::DeadOnArrival };
    assert_eq!(event, expected);
}

#[test]
fn rule_11_leeway_is_three_seconds_at_most_a_tenth() {
    for (lifetime, last) in [(3600, 3597), (300, 297), (30, 27), (29, 26), (20, 18), (10, 9)] {
        let mut fixture = Fixture::new();
        let (login, _) = fixture.lead(Call::replayable());
        let token = fixture.lasting(lifetime);
        fixture.grant(login, &token);
        let last = if lifetime == 29 { millis(26_100) } else { secs(last) };
        fixture.pass(just_under(last));
        assert_eq!(fixture.held(), token, "{lifetime}");
        fixture.pass(millis(1));
        fixture.leads(Call::replayable());
    }
}

#[test]
fn rule_11_the_leeway_is_configurable_and_may_be_none() {
    let mut fixture = Fixture::with(|builder| builder.leeway(Duration::ZERO, 2));
    let token = fixture.log_in();
    fixture.pass(just_under(secs(3600)));
    assert_eq!(fixture.held(), token);
    fixture.pass(millis(1));
    fixture.leads(Call::replayable());

    let mut fixture = Fixture::with(|builder| builder.leeway(secs(100_000), 2));
    let token = fixture.log_in();
    fixture.pass(just_under(secs(1800)));
    assert_eq!(fixture.held(), token);
    fixture.pass(millis(1));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_11_no_leeway_makes_every_call_log_in() {
    // The leeway is capped at half of any lifetime, so the token is usable for the other half.
    let mut fixture =
        Fixture::with(|builder| builder.leeway(Duration::MAX, 2).one_shot_leeway(Duration::MAX, 2));
    for lifetime in [1, 2, 10, 3600] {
        let (login, call) = fixture.lead(Call::replayable());
        let token = fixture.lasting(lifetime);
        fixture.grant(login, &token);
        assert_eq!(fixture.send(call).token, token);
        fixture.send(Call::replayable());
        fixture.send(Call::one_shot());
        fixture.pass(secs(u64::try_from(lifetime).unwrap()));
    }
}

#[test]
fn rule_11_one_shot_leeway_is_5_min_or_quarter() {
    for (lifetime, last) in [(3600_u64, 3300), (1200, 900), (100, 75)] {
        let mut fixture = Fixture::new();
        let (login, _) = fixture.lead(Call::replayable());
        let token = fixture.lasting(i64::try_from(lifetime).unwrap());
        fixture.grant(login, &token);
        fixture.pass(just_under(secs(last)));
        assert_eq!(fixture.send(Call::one_shot()).token, token);
        fixture.pass(millis(1));
        assert_eq!(
            fixture.send(Call::replayable()).token,
            token,
            "the leeway of a replayable call is smaller"
        );
        fixture.leads(Call::one_shot());
    }
}

#[test]
fn rule_11_one_shot_call_respects_the_general_leeway() {
    let mut fixture =
        Fixture::with(|builder| builder.leeway(secs(60), 2).one_shot_leeway(Duration::ZERO, 2));
    fixture.log_in();
    fixture.pass(secs(3540));
    fixture.leads(Call::one_shot());
}

#[test]
fn rule_11_one_shot_call_uses_token_if_login_fails() {
    let (mut fixture, token) = Fixture::warm();
    fixture.pass(secs(3400));
    let (login, call) = fixture.lead(Call::one_shot());
    fixture.settle(login, down());
    assert_eq!(fixture.send(call).token, token, "the call does not wait for the backoff");
    // The call is also sent after a rejection of the credentials.
    fixture.pass(secs(60));
    let (login, call) = fixture.lead(Call::one_shot());
    let rejection = crate::fixture::rejection_of(&login);
    fixture.settle(login, rejection);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_11_one_shot_call_accepts_its_logins_token() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::one_shot());
    let token = fixture.lasting(100);
    fixture.pass(secs(80)); // the slow response leaves the token its last quarter
    let date = http_date(fixture.unix() - 80);
    let body = format!(r#"{{"token":"{token}"}}"#);
    let outcome = read(&login, 200, &headers(&[("date", &date)]), &body);
    fixture.settle(login, outcome);
    assert_eq!(fixture.send(call).token, token);
    assert_eq!(fixture.logins, 1);
}

#[test]
fn rule_11_own_logins_token_is_used_without_leeway() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.lasting(10);
    let date = http_date(fixture.unix());
    fixture.pass(millis(8999)); // a millisecond before the leeway begins
    let outcome =
        read(&login, 200, &headers(&[("date", &date)]), &format!(r#"{{"token":"{token}"}}"#));
    fixture.settle(login, outcome);
    fixture.pass(millis(500));
    assert_eq!(fixture.send(call).token, token);
    assert!(
        matches!(fixture.admit(Call::replayable()), Step::Authenticate(..)),
        "other calls respect the leeway"
    );
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_11_within_its_lifetime_a_token_causes_no_login() {
    let (mut fixture, token) = Fixture::warm();
    for _ in 0..3596 {
        fixture.pass(secs(1));
        assert_eq!(fixture.held(), token);
    }
    assert_eq!(fixture.logins, 1);
}

#[test]
fn rule_12_every_wait_lies_in_the_future_and_is_monotonic() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let (waiter, until) = fixture.wait(Call::replayable());
    assert_eq!(until, login.expires_at());
    assert_eq!(until, fixture.after(secs(30)));
    // A change of the wall clock changes no wait.
    fixture.set_wall_forward(secs(1_000_000));
    let (waiter, again) = fixture.wait(waiter);
    assert_eq!(again, until);
    fixture.set_wall_back(secs(2_000_000));
    fixture.waits(waiter);
    let outcome = read(&login, 503, &headers(&[("retry-after", "40")]), "");
    fixture.settle(login, outcome);
    let (call, until) = fixture.wait(call);
    fixture.set_wall_forward(secs(1_000_000));
    let (call, again) = fixture.wait(call);
    assert_eq!(again, until);
    fixture.pass_until(until);
    fixture.leads(call);
}

#[test]
fn no_time_is_too_early_or_too_late() {
    let last = UNIX_EPOCH.checked_add(secs(u64::MAX >> 2)).unwrap();
    let first = UNIX_EPOCH.checked_sub(secs(u64::MAX >> 2)).unwrap();
    let some = UNIX_EPOCH + secs(EPOCH);
    for monotonic in [Duration::ZERO, secs(1), just_under(Duration::MAX), Duration::MAX] {
        for (sent, later) in
            [(first, last), (last, first), (some, last), (last, some), (first, some), (some, some)]
        {
            let mut session: Session = Fixture::new().session;
            let step = session.admit(Call::replayable(), &mut request(), Now::new(monotonic, sent));
            let Ok(Step::Authenticate(login, _)) = step else { panic!("cold") };
            let outcome = read(
                &login,
                200,
                &HeaderMap::new(),
                &format!(r#"{{"token":"{}"}}"#, jwt(r#"{"exp":1e300}"#)),
            );
            assert!(matches!(outcome, Outcome::Granted(_)));
            let now = Now::new(monotonic.saturating_add(secs(1)), later);
            session.settle(login, outcome, now);
            drop(session.explain(now).to_string());
            drop(
                session
                    .snapshot(now)
                    .map(|snapshot| (snapshot.to_json(), session.resume(&snapshot, now))),
            );
            drop(session.admit(Call::one_shot(), &mut request(), now));
            if let Some(generation) = session.generation() {
                session.invalidate(generation, now);
            }
            drop(session.admit(Call::one_shot(), &mut request(), now));
        }
    }
}

#[test]
fn rule_10_resuming_the_held_token_does_not_lengthen_its_lifetime() {
    let (mut fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    fixture.pass(secs(2400));
    fixture.set_wall_back(secs(1800));
    assert!(fixture.resume(&snapshot).is_err());
    fixture.pass(secs(1300));
    fixture.leads(Call::replayable());
}
