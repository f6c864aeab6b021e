//! Rules 7 to 9: the effects of a 401.

use http::{HeaderMap, StatusCode};
use waldo_auth_core::{Call, Challenge, Event, Head, Ignored, Snapshot, Verdict};

use crate::fixture::{
    Fixture, bearer, credentials, headers, http_date, just_under, millis, rejection_of, secs, uri,
};

#[test]
fn rule_07_401s_to_held_token_cause_one_login() {
    let (mut fixture, _) = Fixture::warm();
    let sent: Vec<_> = (0..10).map(|_| fixture.send(Call::replayable())).collect();
    let calls: Vec<_> = sent.into_iter().map(|sent| fixture.retry(sent.attempt)).collect();
    let mut calls = calls.into_iter();
    let (login, leader) = fixture.lead(calls.next().unwrap());
    let waiters: Vec<_> = calls.map(|call| fixture.wait(call).0).collect();
    let token = fixture.fresh();
    fixture.grant(login, &token);
    for call in waiters.into_iter().chain([leader]) {
        assert_eq!(fixture.send(call).token, token);
    }
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_07_late_401_after_renewal_causes_no_login() {
    let (mut fixture, _) = Fixture::warm();
    let (slow, fast) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let newer = fixture.fresh();
    fixture.renew(fast.attempt, &newer);
    let call = fixture.retry(slow.attempt);
    let again = fixture.send(call);
    assert_eq!(again.token, newer);
    fixture.deliver(again.attempt, 200);
    assert_eq!(fixture.logins, 1);
}

#[test]
fn rule_07_late_401_after_login_causes_no_second_login() {
    let (mut fixture, _) = Fixture::warm();
    let (slow, fast) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let call = fixture.retry(fast.attempt);
    let (login, _) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let call = fixture.retry(slow.attempt);
    assert_eq!(fixture.send(call).token, token);
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_07_401_after_own_login_is_delivered() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let sent = fixture.send(call);
    fixture.deliver(sent.attempt, 401);
    let outcome = Challenge::FreshFromLogin;
    assert_eq!(fixture.last_event(), Event::Challenged { generation: 1, outcome });
    assert_eq!(fixture.held(), token);
}

#[test]
fn rule_07_401_after_awaited_login_is_delivered() {
    let mut fixture = Fixture::new();
    let (login, _leader) = fixture.lead(Call::replayable());
    let (waiter, _) = fixture.wait(Call::replayable());
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let sent = fixture.send(waiter);
    fixture.deliver(sent.attempt, 401);
    assert_eq!(fixture.held(), token);
}

#[test]
fn rule_07_possibly_expired_token_allows_resend_after_own_login() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.lasting(4);
    fixture.grant(login, &token);
    let sent = fixture.send(call);
    // The request is slow. Servers count whole seconds, so the token may have ended on the way.
    fixture.pass(secs(2));
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    let fresh = fixture.fresh();
    fixture.grant(login, &fresh);
    let sent = fixture.send(call);
    assert_eq!(sent.token, fresh);
    fixture.deliver(sent.attempt, 401); // the one resend after a login is used
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_07_401_to_later_call_drops_the_token() {
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_07_401_to_own_logins_successor_drops_token() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let other = fixture.send(Call::replayable());
    let renewed = fixture.fresh();
    fixture.renew(other.attempt, &renewed);
    let sent = fixture.send(call);
    assert_eq!(sent.token, renewed);
    let call = fixture.retry(sent.attempt);
    fixture.leads(call);
}

#[test]
fn rule_07_later_requests_success_prevents_no_drop() {
    // Requests overtake each other, so the token may have been refused in between.
    let (mut fixture, _) = Fixture::warm();
    let (a, b) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    fixture.deliver(b.attempt, 200);
    let call = fixture.retry(a.attempt);
    fixture.leads(call);
}

#[test]
fn rule_07_a_401_from_another_origin_proves_nothing() {
    for from in
        ["https://evil.example/x", "https://api.waldo.ai:8443/x", "http://api.waldo.ai/x", "/x"]
    {
        let (mut fixture, token) = Fixture::warm();
        let sent = fixture.send(Call::replayable());
        let (map, from) = (HeaderMap::new(), uri(from));
        let head = Head::new(StatusCode::UNAUTHORIZED, &map).with_uri(&from);
        let verdict = fixture.conclude_head(sent.attempt, head);
        assert!(matches!(verdict, Verdict::Deliver), "{from}");
        assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::ForeignOrigin });
        assert_eq!(fixture.held(), token, "{from}");
    }
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    let (map, from) = (HeaderMap::new(), uri("https://API.waldo.ai:443/elsewhere"));
    let head = Head::new(StatusCode::UNAUTHORIZED, &map).with_uri(&from);
    assert!(matches!(fixture.conclude_head(sent.attempt, head), Verdict::Retry(_)));
}

#[test]
fn rule_21_renewed_token_from_another_origin_is_ignored() {
    let (mut fixture, token) = Fixture::warm();
    for from in ["https://api.waldo.ai:8443/x", "https://evil.example/x", "http://api.waldo.ai/x"] {
        let sent = fixture.send(Call::replayable());
        let (evil, from) = (bearer(&fixture.fresh()), uri(from));
        let head = Head::new(StatusCode::OK, &evil).with_uri(&from);
        assert!(matches!(fixture.conclude_head(sent.attempt, head), Verdict::Deliver));
        assert_eq!(fixture.held(), token);
    }
    let sent = fixture.send(Call::replayable());
    let newer = fixture.fresh();
    let (map, from) = (bearer(&newer), uri("https://api.waldo.ai/hop"));
    let head = Head::new(StatusCode::OK, &map).with_uri(&from);
    assert!(matches!(fixture.conclude_head(sent.attempt, head), Verdict::Deliver));
    assert_eq!(fixture.held(), newer, "a redirect within the origin counts");
}

#[test]
fn rule_21_head_returns_its_given_uri() {
    let (nothing, elsewhere) = (HeaderMap::new(), uri("https://elsewhere.example/x"));
    let head = Head::new(StatusCode::OK, &nothing);
    assert_eq!(head.uri(), None);
    assert_eq!(head.with_uri(&elsewhere).uri(), Some(&elsewhere));
}

#[test]
fn rule_21_a_redirect_is_delivered() {
    for status in [301, 302, 303, 307, 308] {
        let (mut fixture, token) = Fixture::warm();
        let sent = fixture.send(Call::replayable());
        let location = headers(&[("location", "https://evil.example/")]);
        fixture.deliver_with(sent.attempt, status, &location);
        assert_eq!(fixture.held(), token);
    }
}

#[test]
fn rule_08_a_call_is_sent_three_times_at_most() {
    let (mut fixture, _) = Fixture::warm();
    let (first, other) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let renewed = fixture.fresh();
    fixture.renew(other.attempt, &renewed);
    // 1: refused, but a newer token is held.
    let call = fixture.retry(first.attempt);
    let second = fixture.send(call);
    assert_eq!(second.token, renewed);
    // 2: refused again, so the token is dropped and a login follows.
    let call = fixture.retry(second.attempt);
    let (login, call) = fixture.lead(call);
    let granted = fixture.fresh();
    fixture.grant(login, &granted);
    let third = fixture.send(call);
    assert_eq!(third.token, granted);
    // 3: the last attempt.
    fixture.deliver(third.attempt, 401);
}

#[test]
fn rule_08_the_resend_with_a_newer_token_happens_once() {
    let (mut fixture, _) = Fixture::warm();
    let mut late = fixture.send(Call::replayable());
    let mut attempts = 1;
    while attempts < 10 {
        let other = fixture.send(Call::replayable());
        let renewed = fixture.fresh();
        fixture.renew(other.attempt, &renewed);
        match fixture.conclude(late.attempt, 401, &HeaderMap::new()) {
            Verdict::Retry(call) => late = fixture.send(call),
            Verdict::Deliver => break,
        }
        attempts += 1;
    }
    assert_eq!(attempts, 2);
    assert_eq!(fixture.logins, 1);
}

/// The server has restarted and refuses every renewed token, and each call carries another one.
#[test]
fn rule_08_refused_newer_token_leaves_resend_after_login() {
    let (mut fixture, _) = Fixture::warm();
    let (late, rolling, other) = (
        fixture.send(Call::replayable()),
        fixture.send(Call::replayable()),
        fixture.send(Call::replayable()),
    );
    let renewed = fixture.fresh();
    fixture.renew(rolling.attempt, &renewed);
    // 1: a newer token is held, but the server refuses it too.
    let call = fixture.retry(late.attempt);
    let second = fixture.send(call);
    assert_eq!(second.token, renewed);
    // Another call sees the refusal first, and logs in.
    let call = fixture.retry(other.attempt);
    let sent = fixture.send(call);
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    let granted = fixture.fresh();
    fixture.grant(login, &granted);
    assert_eq!(fixture.send(call).token, granted);
    // 2: a newer token is held again.
    let call = fixture.retry(second.attempt);
    let third = fixture.send(call);
    assert_eq!(third.token, granted);
    // 3: the last attempt.
    fixture.deliver(third.attempt, 401);
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_08_the_resend_after_a_login_happens_once() {
    let (mut fixture, _) = Fixture::warm();
    let mut attempts = 1;
    let mut sent = fixture.send(Call::replayable());
    // Another call renews the login's token before the resend, so the 401 never refuses a fresh
    // login's token.
    while let Verdict::Retry(call) = fixture.conclude(sent.attempt, 401, &HeaderMap::new()) {
        assert!(attempts < 10);
        let (login, call) = fixture.lead(call);
        let token = fixture.fresh();
        fixture.grant(login, &token);
        let other = fixture.send(Call::replayable());
        let renewed = fixture.fresh();
        fixture.renew(other.attempt, &renewed);
        sent = fixture.send(call);
        attempts += 1;
    }
    assert_eq!(attempts, 2);
    assert_eq!(fixture.logins, 2);
    fixture.leads(Call::replayable()); // the token is dropped, so the next call logs in
}

#[test]
fn rule_08_401_after_drop_leaves_resend_with_newer_token() {
    let (mut fixture, _) = Fixture::warm();
    let (first, second) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    drop(fixture.retry(first.attempt));
    let call = fixture.retry(second.attempt);
    fixture.log_in();
    let (sent, other) = (fixture.send(call), fixture.send(Call::replayable()));
    let newer = fixture.fresh();
    fixture.renew(other.attempt, &newer);
    let call = fixture.retry(sent.attempt);
    assert_eq!(fixture.send(call).token, newer);
}

#[test]
fn rule_08_only_a_401_causes_a_resend() {
    for status in (100..600).filter(|status| *status != 401) {
        let (mut fixture, token) = Fixture::warm();
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, status);
        assert_eq!(fixture.held(), token, "{status}");
        assert_eq!(fixture.logins, 1);
    }
}

#[test]
fn rule_08_rejected_login_refuses_resend_with_servers_code() {
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    assert!(fixture.refuse(call).to_string().contains("INVALID_API_KEY"));
}

#[test]
fn rule_09_a_403_is_delivered_and_the_token_stays() {
    let (mut fixture, token) = Fixture::warm();
    for _ in 0..10 {
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, 403);
    }
    assert_eq!(fixture.held(), token);
    assert_eq!(fixture.logins, 1);
}

/// Sends a call that is refused. If the token is dropped, a login is granted and accepted. Returns
/// whether the token was dropped.
fn refuse_one(fixture: &mut Fixture) -> bool {
    let sent = fixture.send(Call::replayable());
    match fixture.conclude(sent.attempt, 401, &HeaderMap::new()) {
        Verdict::Retry(call) => {
            let (login, call) = fixture.lead(call);
            let token = fixture.fresh();
            fixture.grant(login, &token);
            let sent = fixture.send(call);
            fixture.deliver(sent.attempt, 200);
            true
        }
        Verdict::Deliver => {
            let throttled = matches!(fixture.last_event(), Event::Throttled { .. });
            assert!(throttled, "{:?}", fixture.last_event());
            false
        }
    }
}

#[test]
fn rule_16_drops_slow_down_as_permits_run_out() {
    let (mut fixture, _) = Fixture::warm();
    let at_once: Vec<bool> = (0..7).map(|_| refuse_one(&mut fixture)).collect();
    assert_eq!(at_once, [true, true, true, true, true, false, false]);
    for _ in 0..5 {
        assert!(!refuse_one(&mut fixture));
        fixture.pass(just_under(secs(1)));
        assert!(!refuse_one(&mut fixture));
        fixture.pass(millis(1));
        assert!(refuse_one(&mut fixture));
    }
    // Five seconds have refilled a sixth of a permit.
    fixture.pass(secs(24));
    assert!(!refuse_one(&mut fixture));
    fixture.pass(secs(1));
    assert!(refuse_one(&mut fixture));
    fixture.pass(secs(2));
    assert!(!refuse_one(&mut fixture));
    fixture.pass(secs(1800));
    let much_later: Vec<bool> = (0..7).map(|_| refuse_one(&mut fixture)).collect();
    assert_eq!(much_later, [true, true, true, true, true, false, false]);
}

#[test]
fn rule_16_a_success_ends_the_second_of_refusals() {
    let (mut fixture, _) = Fixture::warm();
    while refuse_one(&mut fixture) {}
    fixture.pass(just_under(secs(1)));
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 200);
    fixture.pass(millis(1));
    assert!(!refuse_one(&mut fixture));
    fixture.pass(secs(1));
    assert!(refuse_one(&mut fixture));
}

#[test]
fn rule_16_a_token_that_nothing_has_accepted_is_kept() {
    let mut fixture = Fixture::new();
    let token = fixture.log_in();
    let refuse = |fixture: &mut Fixture| {
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, 401);
        fixture.last_event()
    };
    let kept = Event::Challenged { generation: 1, outcome: Challenge::NotAccepted };
    assert_eq!(refuse(&mut fixture), kept);
    fixture.pass(just_under(secs(3)));
    assert_eq!(refuse(&mut fixture), kept);
    assert_eq!(fixture.held(), token);
    fixture.pass(millis(1));
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
    // The next login whose token is not accepted yet gets twice the time.
    fixture.log_in();
    assert!(matches!(
        refuse(&mut fixture),
        Event::Challenged { outcome: Challenge::NotAccepted, .. }
    ));
    fixture.pass(just_under(secs(6)));
    assert!(matches!(
        refuse(&mut fixture),
        Event::Challenged { outcome: Challenge::NotAccepted, .. }
    ));
    fixture.pass(millis(1));
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
}

#[test]
fn rule_16_answer_other_than_5xx_accepts_token() {
    for (status, shows) in
        [(200, true), (302, true), (404, true), (403, true), (500, false), (503, false)]
    {
        let mut fixture = Fixture::new();
        fixture.log_in();
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, status);
        let sent = fixture.send(Call::replayable());
        let dropped =
            matches!(fixture.conclude(sent.attempt, 401, &HeaderMap::new()), Verdict::Retry(_));
        assert_eq!(dropped, shows, "{status}");
    }
}

#[test]
fn rule_16_a_date_past_the_end_makes_a_drop_free() {
    for (date, free) in [(0, false), (1, true), (2, true)] {
        let mut fixture = Fixture::with(|builder| builder.invalidation_budget(0, secs(30)));
        let began = fixture.unix();
        let (login, _) = fixture.lead(Call::replayable());
        let token = fixture.lasting(1);
        fixture.grant(login, &token);
        let sent = fixture.send(Call::replayable());
        fixture.pass(millis(400));
        let date = headers(&[("date", &http_date(began + date))]);
        let verdict = fixture.conclude(sent.attempt, 401, &date);
        assert_eq!(matches!(verdict, Verdict::Retry(_)), free, "{date:?}");
    }
    // A drop is not free while the token has seconds left.
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(0, secs(30)));
    fixture.warm_up();
    let sent = fixture.send(Call::replayable());
    let late = headers(&[("date", &http_date(fixture.unix() + 7200))]);
    fixture.deliver_with(sent.attempt, 401, &late);
}

#[test]
fn rule_16_a_token_that_is_not_dropped_stays_for_everyone() {
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(0, secs(30)));
    let token = fixture.log_in();
    for _ in 0..10 {
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, 401);
        assert_eq!(fixture.held(), token);
    }
    assert_eq!(fixture.logins, 1);
}

/// A route that always answers 401, polled each second for three days, among calls that work.
#[test]
fn rule_16_permanent_401_route_causes_bounded_logins() {
    const DAYS: u64 = 3;
    let (mut fixture, _) = Fixture::warm();
    for _ in 0..DAYS * 24 * 3600 {
        fixture.pass(secs(1));
        let mut call = Call::replayable();
        for steps in 0.. {
            assert!(steps < 10, "the call never ends");
            match fixture.admit(call) {
                waldo_auth_core::Step::Send(attempt) => {
                    match fixture.conclude(attempt, 401, &HeaderMap::new()) {
                        Verdict::Retry(again) => call = again,
                        Verdict::Deliver => break,
                    }
                }
                waldo_auth_core::Step::Authenticate(login, then) => {
                    let token = fixture.fresh();
                    fixture.grant(login, &token);
                    call = then;
                }
                other @ (waldo_auth_core::Step::Wait(..) | waldo_auth_core::Step::Refuse(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }
    let most = 1 + 10 + DAYS * 24 * 3600 / 30;
    assert!(fixture.logins <= most, "{} logins, at most {most}", fixture.logins);
    assert!(
        fixture.logins >= most - 10,
        "the budget is not used up: {} logins of {most}",
        fixture.logins
    );
}

#[test]
fn rule_16_expired_token_costs_no_permit() {
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(0, secs(30)));
    fixture.log_in();
    // The token was sent within its lifetime, and had ended by the server's clock.
    fixture.pass(secs(3565));
    let sent = fixture.send(Call::replayable());
    fixture.pass(secs(34));
    let call = fixture.retry(sent.attempt);
    fixture.leads(call);
}

#[test]
fn rule_16_expiry_leaves_permit_for_unexplained_401() {
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(1, secs(30)));
    fixture.warm_up();
    fixture.pass(secs(3565));
    let sent = fixture.send(Call::replayable());
    fixture.pass(secs(34));
    drop(fixture.retry(sent.attempt));
    fixture.warm_up();
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
    fixture.warm_up();
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 401);
}

#[test]
fn rule_16_wall_clock_adds_no_permits() {
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(1, secs(30)));
    fixture.warm_up();
    let sent = fixture.send(Call::replayable());
    let call = fixture.retry(sent.attempt);
    let (login, _) = fixture.lead(call);
    let token = fixture.lasting(24 * 3600);
    fixture.grant(login, &token);
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 200);
    fixture.set_wall_forward(secs(7200));
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 401);
    assert_eq!(fixture.held(), token);
}

#[test]
fn rule_16_reset_invalidate_and_resume_add_no_permit() {
    type Renewal = fn(&mut Fixture, &Snapshot);
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(1, secs(30)));
    fixture.warm_up();
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
    let (mut stored, _) = Fixture::warm();
    stored.invalidate();
    let (login, _) = stored.lead(Call::replayable());
    let token = stored.lasting(4000);
    stored.grant(login, &token);
    let snapshot = stored.snapshot();
    let renewals: [(&str, Renewal); 3] = [
        ("reset", |fixture, _| fixture.reset(credentials())),
        ("invalidate", |fixture, _| fixture.invalidate()),
        ("resume", |fixture, snapshot| fixture.resume(snapshot).unwrap()),
    ];
    for (name, renew) in renewals {
        renew(&mut fixture, &snapshot);
        if fixture.session.snapshot(fixture.now()).is_none() {
            fixture.warm_up();
        }
        let held = fixture.held();
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, 401);
        assert_eq!(fixture.held(), held, "{name}");
        fixture.invalidate();
    }
}

#[test]
fn rule_16_free_drop_requires_half_the_lifetime() {
    let mut fixture = Fixture::with(|builder| builder.invalidation_budget(0, secs(30)));
    let (login, _) = fixture.lead(Call::replayable());
    let token = fixture.lasting(1);
    fixture.grant(login, &token);
    let (early, late) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    fixture.pass(millis(499));
    fixture.deliver(early.attempt, 401);
    assert_eq!(fixture.held(), token);
    fixture.pass(millis(1));
    drop(fixture.retry(late.attempt));
}
