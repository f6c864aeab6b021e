//! Rules 5 and 6: which token is held.

use http::StatusCode;
use waldo_auth_core::{Call, Credentials, Event, Head, Ignored};

use crate::fixture::{
    Fixture, KEY, bearer, busy, credentials, headers, jwt, millis, rejection_of, secs,
};

#[test]
fn rule_05_direct_successor_is_held_with_any_exp() {
    for seconds in [1, 3599, 3600, 3601, 9000] {
        let (mut fixture, _) = Fixture::warm();
        let sent = fixture.send(Call::replayable());
        let successor = fixture.lasting(seconds);
        fixture.renew(sent.attempt, &successor);
        assert_eq!(fixture.held(), successor, "{seconds}");
    }
}

#[test]
fn rule_05_the_chain_of_successors_is_followed_for_ever() {
    let (mut fixture, _) = Fixture::warm();
    for _ in 0..1000 {
        fixture.pass(secs(600));
        let sent = fixture.send(Call::replayable());
        let successor = fixture.fresh();
        fixture.renew(sent.attempt, &successor);
        assert_eq!(fixture.held(), successor);
    }
    assert_eq!(fixture.logins, 1, "seven days on one login");
}

/// Three attempts carry one token. Their responses carry tokens that end at 1, 2 and 3, and arrive
/// in every order.
#[test]
fn rule_05_out_of_order_renewals_keep_latest_expiry() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (mut fixture, _) = Fixture::warm();
        let renewals: Vec<String> = (1..=3).map(|n| fixture.lasting(3600 + n)).collect();
        let mut sent: Vec<_> = (0..3).map(|_| Some(fixture.send(Call::replayable()))).collect();
        for index in order {
            fixture.renew(sent[index].take().unwrap().attempt, &renewals[index]);
        }
        assert_eq!(fixture.held(), renewals[2], "{order:?}");
    }
}

#[test]
fn rule_05_late_renewal_with_equal_exp_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    let (fast, slow) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let (first, second) = (fixture.lasting(3601), fixture.lasting(3601));
    fixture.renew(fast.attempt, &first);
    fixture.renew(slow.attempt, &second);
    assert_eq!(fixture.held(), first);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::NotLater });
}

#[test]
fn rule_05_late_renewal_without_exp_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    let (fast, slow) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let first = fixture.fresh();
    fixture.renew(fast.attempt, &first);
    fixture.renew(slow.attempt, &jwt(r#"{"jti":"no end"}"#));
    assert_eq!(fixture.held(), first);
}

#[test]
fn rule_05_tokens_are_never_ordered_by_iat() {
    let (mut fixture, _) = Fixture::warm();
    let (fast, slow) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let later = jwt(r#"{"exp":1800009000,"iat":1700000000}"#);
    let issued_later = jwt(r#"{"exp":1800008000,"iat":1800000100}"#);
    fixture.renew(fast.attempt, &later);
    fixture.renew(slow.attempt, &issued_later);
    assert_eq!(fixture.held(), later);
}

#[test]
fn rule_05_equal_tokens_of_one_second_are_one_token() {
    let (mut fixture, _) = Fixture::warm();
    let (a, b) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let twin = fixture.fresh();
    fixture.renew(a.attempt, &twin);
    let c = fixture.send(Call::replayable());
    let written = fixture.session.journal().written();
    fixture.renew(b.attempt, &twin);
    fixture.renew(c.attempt, &twin);
    assert_eq!(fixture.held(), twin);
    assert_eq!(fixture.session.journal().written(), written, "a repeated token writes no entry");
    // A 401 to the shared generation drops the held token: no newer token is held.
    let d = fixture.send(Call::replayable());
    drop(fixture.retry(d.attempt));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_05_echo_of_sent_token_keeps_newer_token() {
    let (mut fixture, old) = Fixture::warm();
    let (fast, slow) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let newer = fixture.fresh();
    fixture.renew(fast.attempt, &newer);
    fixture.renew(slow.attempt, &old);
    assert_eq!(fixture.held(), newer);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::NotLater });
}

#[test]
fn rule_05_an_echo_of_the_held_token_changes_nothing() {
    let (mut fixture, token) = Fixture::warm();
    let before = fixture.send(Call::replayable());
    let generation = before.attempt.generation().number();
    fixture.renew(before.attempt, &token);
    assert_eq!(fixture.send(Call::replayable()).attempt.generation().number(), generation);
}

#[test]
fn rule_05_a_repeated_response_does_not_step_back() {
    let (mut fixture, _) = Fixture::warm();
    let (a, b) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let t1 = fixture.lasting(3601);
    fixture.renew(a.attempt, &t1);
    let c = fixture.send(Call::replayable());
    let t2 = fixture.lasting(3602);
    fixture.renew(c.attempt, &t2);
    fixture.renew(b.attempt, &t1);
    assert_eq!(fixture.held(), t2);
}

#[test]
fn rule_05_generation_increases_with_each_renewal_only() {
    let (mut fixture, _) = Fixture::warm();
    let mut last = fixture.send(Call::replayable()).attempt.generation().number();
    assert_eq!(last, 1);
    for _ in 0..5 {
        let sent = fixture.send(Call::replayable());
        assert_eq!(sent.attempt.generation().number(), last);
        let successor = fixture.fresh();
        fixture.renew(sent.attempt, &successor);
        last += 1;
        assert_eq!(fixture.send(Call::replayable()).attempt.generation().number(), last);
    }
}

#[test]
fn rule_06_renewed_token_of_earlier_login_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    let slow = fixture.send(Call::replayable());
    fixture.pass(secs(3600));
    let granted = fixture.log_in();
    let old_chain = fixture.lasting(9000);
    fixture.renew(slow.attempt, &old_chain);
    assert_eq!(fixture.held(), granted);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::EarlierEpoch });
}

#[test]
fn rule_06_a_response_to_the_dropped_token_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    let (slow, refused) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    drop(fixture.retry(refused.attempt));
    let newer = fixture.fresh();
    fixture.renew(slow.attempt, &newer);
    let ignored = Event::Ignored { why: Ignored::NothingHeld };
    assert!(fixture.session.journal().since(0).any(|entry| entry.event == ignored));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_06_late_renewal_after_reset_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    let slow = fixture.send(Call::replayable());
    fixture.reset(Credentials::new("other key", "other secret").unwrap());
    let old = fixture.fresh();
    fixture.renew(slow.attempt, &old);
    fixture.leads(Call::replayable());
}

#[test]
fn rule_06_late_renewal_after_invalidation_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    let slow = fixture.send(Call::replayable());
    fixture.invalidate();
    let old = fixture.fresh();
    fixture.renew(slow.attempt, &old);
    let (login, _) = fixture.lead(Call::replayable());
    let granted = fixture.fresh();
    fixture.grant(login, &granted);
    assert_eq!(fixture.held(), granted);
}

#[test]
fn rule_06_grant_to_old_credentials_is_ignored_after_reset() {
    let mut fixture = Fixture::new();
    let (old_login, call) = fixture.lead(Call::replayable());
    fixture.reset(Credentials::new("other key", "other secret").unwrap());
    // The new login starts at once: the old one blocks no call.
    let (login, call) = fixture.lead(call);
    let body: serde_json::Value = serde_json::from_slice(login.request().body()).unwrap();
    assert_eq!(body["apiKey"], "other key");
    let (of_old, of_new) = (fixture.fresh(), fixture.fresh());
    fixture.grant(old_login, &of_old);
    let (call, _) = fixture.wait(call);
    fixture.grant(login, &of_new);
    assert_eq!(fixture.send(call).token, of_new);
}

#[test]
fn rule_06_rejection_of_old_credentials_opens_no_circuit() {
    let mut fixture = Fixture::new();
    let (old_login, call) = fixture.lead(Call::replayable());
    fixture.reset(Credentials::new("other key", "other secret").unwrap());
    let rejection = rejection_of(&old_login);
    fixture.settle(old_login, rejection);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::LateLogin });
    fixture.leads(call);
}

#[test]
fn rule_06_late_grant_to_old_credentials_is_ignored() {
    let mut fixture = Fixture::new();
    let (old_login, call) = fixture.lead(Call::replayable());
    fixture.reset(Credentials::new(KEY, "a rotated secret").unwrap());
    let (login, call) = fixture.lead(call);
    let (of_old, of_new) = (fixture.fresh(), fixture.fresh());
    fixture.grant(login, &of_new);
    fixture.grant(old_login, &of_old);
    assert_eq!(fixture.send(call).token, of_new);
}

#[test]
fn rule_06_the_same_credentials_change_nothing() {
    let (mut fixture, token) = Fixture::warm();
    fixture.reset(credentials());
    assert_eq!(fixture.held(), token);
    fixture.pass(secs(3600));
    let (login, _) = fixture.lead(Call::replayable());
    fixture.reset(credentials());
    let (call, _) = fixture.wait(Call::replayable());
    let failure = busy(&login, "7");
    fixture.settle(login, failure);
    fixture.reset(credentials());
    let (_, until) = fixture.wait(call);
    assert_eq!(until, fixture.after(secs(7)));
}

#[test]
fn rule_06_repeated_invalidation_of_generation_drops_one_token() {
    let (mut fixture, _) = Fixture::warm();
    let sent: Vec<_> =
        (0..500).map(|_| fixture.send(Call::replayable()).attempt.generation()).collect();
    let invalidate = |fixture: &mut Fixture, generation| {
        fixture.step(|session, now| session.invalidate(generation, now))
    };
    assert!(invalidate(&mut fixture, sent[0]));
    assert!(!invalidate(&mut fixture, sent[1]), "the token is dropped already");
    let (login, _) = fixture.lead(Call::replayable());
    assert!(!invalidate(&mut fixture, sent[2]), "a login is under way");
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let given_up = sent.into_iter().filter(|generation| invalidate(&mut fixture, *generation));
    assert_eq!(given_up.count(), 0, "another token is held");
    assert_eq!(fixture.held(), token);
}

#[test]
fn rule_16_an_invalidation_costs_a_permit() {
    let (mut fixture, _) = Fixture::warm();
    let mut invalidate = || {
        let held = fixture.session.generation().unwrap();
        let is_given_up = fixture.step(|session, now| session.invalidate(held, now));
        if is_given_up {
            fixture.log_in();
        }
        is_given_up
    };
    let given_up = (0..20).filter(|_| invalidate()).count();
    assert_eq!(given_up, 10);
    assert_eq!(fixture.last_event().name(), "throttled");
    fixture.pass(secs(30));
    let held = fixture.session.generation().unwrap();
    assert!(fixture.step(|session, now| session.invalidate(held, now)));
}

#[test]
fn rule_06_invalidate_during_login_or_open_circuit_is_ignored() {
    let (mut fixture, token) = Fixture::warm();
    fixture.pass(secs(3400)); // below the leeway of a one-shot call
    let (login, _) = fixture.lead(Call::one_shot());
    let (held, other) =
        (fixture.session.generation().unwrap(), Fixture::warm().0.session.generation().unwrap());
    let invalidate = |fixture: &mut Fixture, generation| {
        fixture.step(|session, now| session.invalidate(generation, now))
    };
    assert!(!invalidate(&mut fixture, held));
    assert_eq!(fixture.held(), token);
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    assert!(!invalidate(&mut fixture, held), "no login could replace the token");
    assert!(!invalidate(&mut fixture, other));
    fixture.pass(secs(60));
    drop(fixture.lead(Call::one_shot()));
    fixture.pass(secs(30));
    assert_eq!(fixture.held(), token);
}

#[test]
fn rule_06_call_in_flight_at_reset_uses_new_credentials() {
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    fixture.reset(Credentials::new("other key", "other secret").unwrap());
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let sent = fixture.send(call);
    assert_eq!(sent.token, token);
    fixture.deliver(sent.attempt, 200);
}

#[test]
fn rule_06_a_renewed_token_belongs_to_its_requests_epoch() {
    let (mut fixture, _) = Fixture::warm();
    let (a, b) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let renewed = fixture.lasting(3601);
    fixture.renew(a.attempt, &renewed);
    let c = fixture.send(Call::replayable());
    // The next login replaces both the first token and the renewed token.
    let refused = fixture.send(Call::replayable());
    let call = fixture.retry(refused.attempt);
    let (login, _) = fixture.lead(call);
    let granted = fixture.fresh();
    fixture.grant(login, &granted);
    for late in [b, c] {
        let token = fixture.lasting(9000);
        fixture.renew(late.attempt, &token);
        assert_eq!(fixture.held(), granted);
    }
}

#[test]
fn a_permit_of_another_session_changes_nothing_here() {
    let (mut ours, token) = Fixture::warm();
    let (mut theirs, _) = Fixture::warm();
    let foreign = theirs.send(Call::replayable());
    let newer = theirs.fresh();
    ours.deliver_with(foreign.attempt, 200, &bearer(&newer));
    assert_eq!(ours.last_event(), Event::Ignored { why: Ignored::OtherSession });
    let foreign = theirs.send(Call::replayable());
    ours.deliver(foreign.attempt, 401);
    let generation = theirs.session.generation().unwrap();
    assert!(!ours.step(|session, now| session.invalidate(generation, now)));
    assert_eq!(ours.held(), token);

    let (mut cold, mut other) = (Fixture::new(), Fixture::new());
    let (login, _) = other.lead(Call::replayable());
    let token = other.fresh();
    cold.grant(login, &token);
    assert_eq!(cold.last_event(), Event::Ignored { why: Ignored::OtherSession });
    cold.leads(Call::replayable());
}

#[test]
fn the_same_configuration_makes_two_sessions() {
    let config = waldo_auth_core::Config::builder("https://api.waldo.ai", credentials());
    let config = config.build().unwrap();
    let (mut a, mut b) = (Fixture::of(config.clone()), Fixture::of(config));
    a.log_in();
    let token = b.log_in();
    let foreign = a.send(Call::replayable());
    b.deliver(foreign.attempt, 401);
    assert_eq!(b.held(), token);
}

#[test]
fn rule_05_a_renewal_is_anchored_where_its_request_was_sent() {
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    let date = crate::fixture::http_date(fixture.unix());
    let short = fixture.lasting(100);
    fixture.pass(secs(60) + millis(1));
    fixture.deliver_with(
        sent.attempt,
        200,
        &headers(&[("date", &date), ("authorization", &format!("Bearer {short}"))]),
    );
    assert_eq!(fixture.held(), short, "39.999 s are left, and the leeway is 3 s");
    fixture.pass(secs(37));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_05_delayed_duplicate_renewal_restores_no_older_token() {
    let (mut fixture, _) = Fixture::warm();
    let (a, b) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let t1 = fixture.lasting(3700);
    fixture.renew(a.attempt, &t1);
    let c = fixture.send(Call::replayable());
    let t2 = fixture.lasting(3699); // from a node whose clock is a second behind
    fixture.renew(c.attempt, &t2);
    fixture.renew(b.attempt, &t1); // a batch window repeats the first answer
    assert_eq!(fixture.held(), t2);
}

#[test]
fn a_grant_of_another_sessions_login_is_not_taken() {
    let (mut ours, mut theirs) = (Fixture::new(), Fixture::new());
    let (their_login, _) = theirs.lead(Call::replayable());
    let (login, call) = ours.lead(Call::replayable());
    let token = theirs.fresh();
    let grant = crate::fixture::grant_of(&their_login, &token);
    ours.settle(login, grant);
    // The login brought no token, and no call waits for the login any longer.
    assert_eq!(ours.last_event(), Event::LoginAbandoned { login: 1 });
    ours.leads(call);
}

#[test]
fn earlier_logins_grant_does_not_settle_later_login() {
    let mut fixture = Fixture::new();
    let (earlier, _) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    let grant = crate::fixture::grant_of(&earlier, &token);
    let now = fixture.now();
    fixture.session.reset(Credentials::new("other", "pair").unwrap(), now);
    let (later, call) = fixture.lead(Call::replayable());
    fixture.settle(later, grant);
    fixture.leads(call);
}

#[test]
fn rule_05_latest_exp_seen_resets_at_each_login() {
    // The server issues shorter lifetimes than before. The last login expired first or was refused.
    for refused in [false, true] {
        let mut fixture = Fixture::new();
        let (login, _) = fixture.lead(Call::replayable());
        let long = fixture.lasting(10_000);
        fixture.grant(login, &long);
        let sent = fixture.send(Call::replayable());
        fixture.deliver(sent.attempt, 200);
        fixture.pass(secs(9800));
        let call = if refused {
            let sent = fixture.send(Call::replayable());
            fixture.retry(sent.attempt)
        } else {
            Call::one_shot()
        };
        let (login, _) = fixture.lead(call);
        let short = fixture.lasting(100);
        fixture.grant(login, &short);
        let (a, b) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
        let (first, second) = (fixture.lasting(101), fixture.lasting(102));
        fixture.renew(a.attempt, &first);
        fixture.renew(b.attempt, &second);
        assert_eq!(fixture.held(), second, "refused: {refused}");
    }
}

#[test]
fn rule_04_a_token_decoded_early_is_judged_alike() {
    let good = bearer(&jwt(r#"{"exp":1800005000,"iat":1800000000}"#));
    let value = |text: &str| headers(&[("authorization", text)]);
    let two = |text: &str| {
        let mut two = value(text);
        two.append("authorization", good.get("authorization").unwrap().clone());
        two
    };
    let joined = format!("Bearer x, {}", good.get("authorization").unwrap().to_str().unwrap());
    for headers in
        [headers(&[]), good.clone(), value(""), value("Bearer x"), value(&joined), two("x")]
    {
        let conclude = |early: bool| {
            let (mut fixture, _) = Fixture::warm();
            let sent = fixture.send(Call::replayable());
            let head = Head::new(StatusCode::OK, &headers);
            drop(fixture.conclude_head(sent.attempt, if early { head.decode() } else { head }));
            (fixture.held(), fixture.journal(), fixture.session.digest())
        };
        assert_eq!(conclude(true), conclude(false), "{headers:?}");
    }
}
