//! Rules 5 and 6: which token is held.

use waldo_auth_core::{Call, Credentials, Event, Ignored};

use crate::world::{KEY, World, bearer, busy, credentials, headers, jwt, millis, rejection_of, secs};

#[test]
fn rule_05_the_successor_of_the_held_token_is_adopted_whatever_its_exp() {
    for seconds in [1, 3599, 3600, 3601, 9000] {
        let (mut world, _) = World::warm();
        let sent = world.send(Call::replayable());
        let successor = world.lasting(seconds);
        world.renew(sent.attempt, &successor);
        assert_eq!(world.held(), successor, "{seconds}");
    }
}

#[test]
fn rule_05_the_chain_of_successors_is_followed_for_ever() {
    let (mut world, _) = World::warm();
    for _ in 0..1000 {
        world.pass(secs(600));
        let sent = world.send(Call::replayable());
        let successor = world.fresh();
        world.renew(sent.attempt, &successor);
        assert_eq!(world.held(), successor);
    }
    assert_eq!(world.logins, 1, "seven days on one login");
}

/// Three attempts with one token; their answers carry tokens that end at 1, 2 and 3, and arrive in every order.
#[test]
fn rule_05_out_of_order_renewals_leave_the_one_that_ends_last() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (mut world, _) = World::warm();
        let renewals: Vec<String> = (1..=3).map(|n| world.lasting(3600 + n)).collect();
        let mut sent: Vec<_> = (0..3).map(|_| Some(world.send(Call::replayable()))).collect();
        for index in order {
            world.renew(sent[index].take().unwrap().attempt, &renewals[index]);
        }
        assert_eq!(world.held(), renewals[2], "{order:?}");
    }
}

#[test]
fn rule_05_a_slower_response_with_an_equal_exp_does_not_replace_the_adopted_one() {
    let (mut world, _) = World::warm();
    let (fast, slow) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let (first, second) = (world.lasting(3601), world.lasting(3601));
    world.renew(fast.attempt, &first);
    world.renew(slow.attempt, &second);
    assert_eq!(world.held(), first);
    assert_eq!(world.last_event(), Event::Ignored { why: Ignored::NotLater });
}

#[test]
fn rule_05_a_slower_response_without_an_exp_does_not_replace_the_adopted_one() {
    let (mut world, _) = World::warm();
    let (fast, slow) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let first = world.fresh();
    world.renew(fast.attempt, &first);
    world.renew(slow.attempt, &jwt(r#"{"jti":"no end"}"#));
    assert_eq!(world.held(), first);
}

#[test]
fn rule_05_tokens_are_never_ordered_by_iat() {
    let (mut world, _) = World::warm();
    let (fast, slow) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let later = jwt(r#"{"exp":1800009000,"iat":1700000000}"#);
    let issued_later = jwt(r#"{"exp":1800008000,"iat":1800000100}"#);
    world.renew(fast.attempt, &later);
    world.renew(slow.attempt, &issued_later);
    assert_eq!(world.held(), later);
}

#[test]
fn rule_05_equal_tokens_of_one_second_are_one_token() {
    let (mut world, _) = World::warm();
    let (a, b) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let twin = world.fresh();
    world.renew(a.attempt, &twin);
    let c = world.send(Call::replayable());
    let written = world.session.journal().written();
    world.renew(b.attempt, &twin);
    world.renew(c.attempt, &twin);
    assert_eq!(world.held(), twin);
    assert_eq!(world.session.journal().written(), written, "a repetition is no news");
    // A refusal of the one generation is the refusal of the held one: it is not taken for a newer one.
    let d = world.send(Call::replayable());
    drop(world.retry(d.attempt));
    world.leads(Call::replayable());
}

#[test]
fn rule_05_a_batch_echo_of_the_sent_token_does_not_bring_it_back() {
    let (mut world, old) = World::warm();
    let (fast, slow) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let newer = world.fresh();
    world.renew(fast.attempt, &newer);
    world.renew(slow.attempt, &old);
    assert_eq!(world.held(), newer);
    assert_eq!(world.last_event(), Event::Ignored { why: Ignored::NotLater });
}

#[test]
fn rule_05_an_echo_of_the_held_token_changes_nothing() {
    let (mut world, token) = World::warm();
    let before = world.send(Call::replayable());
    let generation = before.attempt.generation().number();
    world.renew(before.attempt, &token);
    assert_eq!(world.send(Call::replayable()).attempt.generation().number(), generation);
}

#[test]
fn rule_05_a_repeated_response_does_not_step_back() {
    let (mut world, _) = World::warm();
    let (a, b) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let t1 = world.lasting(3601);
    world.renew(a.attempt, &t1);
    let c = world.send(Call::replayable());
    let t2 = world.lasting(3602);
    world.renew(c.attempt, &t2);
    world.renew(b.attempt, &t1);
    assert_eq!(world.held(), t2);
}

#[test]
fn rule_05_an_generation_grows_with_every_change_and_only_then() {
    let (mut world, _) = World::warm();
    let mut last = world.send(Call::replayable()).attempt.generation().number();
    assert_eq!(last, 1);
    for _ in 0..5 {
        let sent = world.send(Call::replayable());
        assert_eq!(sent.attempt.generation().number(), last);
        let successor = world.fresh();
        world.renew(sent.attempt, &successor);
        last += 1;
        assert_eq!(world.send(Call::replayable()).attempt.generation().number(), last);
    }
}

#[test]
fn rule_06_a_response_to_a_request_of_an_earlier_login_is_ignored() {
    let (mut world, _) = World::warm();
    let slow = world.send(Call::replayable());
    world.pass(secs(3600));
    let granted = world.log_in();
    let old_chain = world.lasting(9000);
    world.renew(slow.attempt, &old_chain);
    assert_eq!(world.held(), granted);
    assert_eq!(world.last_event(), Event::Ignored { why: Ignored::EarlierEpoch });
}

#[test]
fn rule_06_a_response_to_the_dropped_token_is_ignored() {
    let (mut world, _) = World::warm();
    let (slow, refused) = (world.send(Call::replayable()), world.send(Call::replayable()));
    drop(world.retry(refused.attempt));
    let newer = world.fresh();
    world.renew(slow.attempt, &newer);
    let ignored = Event::Ignored { why: Ignored::NothingHeld };
    assert!(world.session.journal().since(0).any(|entry| entry.event == ignored));
    world.leads(Call::replayable());
}

#[test]
fn rule_06_a_response_that_is_late_for_a_reset_does_not_reinstall_a_token() {
    let (mut world, _) = World::warm();
    let slow = world.send(Call::replayable());
    world.reset(Credentials::new("other key", "other secret").unwrap());
    let old = world.fresh();
    world.renew(slow.attempt, &old);
    world.leads(Call::replayable());
}

#[test]
fn rule_06_a_response_that_is_late_for_an_invalidation_does_not_reinstall_a_token() {
    let (mut world, _) = World::warm();
    let slow = world.send(Call::replayable());
    world.invalidate();
    let old = world.fresh();
    world.renew(slow.attempt, &old);
    let (login, _) = world.lead(Call::replayable());
    let granted = world.fresh();
    world.grant(login, &granted);
    assert_eq!(world.held(), granted);
}

#[test]
fn rule_06_a_login_of_the_old_credentials_does_not_answer_for_the_new_ones() {
    let mut world = World::new();
    let (old_login, call) = world.lead(Call::replayable());
    world.reset(Credentials::new("other key", "other secret").unwrap());
    // The new login starts at once: the old one blocks no call.
    let (login, call) = world.lead(call);
    let body: serde_json::Value = serde_json::from_slice(login.request().body()).unwrap();
    assert_eq!(body["apiKey"], "other key");
    let (of_old, of_new) = (world.fresh(), world.fresh());
    world.grant(old_login, &of_old);
    let (call, _) = world.wait(call);
    world.grant(login, &of_new);
    assert_eq!(world.send(call).token, of_new);
}

#[test]
fn rule_06_the_rejection_of_the_old_credentials_does_not_circuit_the_new_ones() {
    let mut world = World::new();
    let (old_login, call) = world.lead(Call::replayable());
    world.reset(Credentials::new("other key", "other secret").unwrap());
    let rejection = rejection_of(&old_login);
    world.settle(old_login, rejection);
    assert_eq!(world.last_event(), Event::Ignored { why: Ignored::LateLogin });
    world.leads(call);
}

#[test]
fn rule_06_other_credentials_give_up_the_login_under_way() {
    let mut world = World::new();
    let (old_login, call) = world.lead(Call::replayable());
    world.reset(Credentials::new(KEY, "a rotated secret").unwrap());
    let (login, call) = world.lead(call);
    let (of_old, of_new) = (world.fresh(), world.fresh());
    world.grant(login, &of_new);
    world.grant(old_login, &of_old);
    assert_eq!(world.send(call).token, of_new);
}

#[test]
fn rule_06_the_same_credentials_change_nothing() {
    let (mut world, token) = World::warm();
    world.reset(credentials());
    assert_eq!(world.held(), token);
    world.pass(secs(3600));
    let (login, _) = world.lead(Call::replayable());
    world.reset(credentials());
    let (call, _) = world.wait(Call::replayable());
    let failure = busy(&login, "7");
    world.settle(login, failure);
    world.reset(credentials());
    let (_, until) = world.wait(call);
    assert_eq!(until, world.after(secs(7)));
}

#[test]
fn rule_06_many_late_responses_to_one_token_give_it_up_once() {
    let (mut world, _) = World::warm();
    let sent: Vec<_> = (0..500).map(|_| world.send(Call::replayable()).attempt.generation()).collect();
    let invalidate =
        |world: &mut World, generation| world.step(|session, now| session.invalidate(generation, now));
    assert!(invalidate(&mut world, sent[0]));
    assert!(!invalidate(&mut world, sent[1]), "it is given up");
    let (login, _) = world.lead(Call::replayable());
    assert!(!invalidate(&mut world, sent[2]), "a login is under way");
    let token = world.fresh();
    world.grant(login, &token);
    let given_up = sent.into_iter().filter(|generation| invalidate(&mut world, *generation));
    assert_eq!(given_up.count(), 0, "another token is held");
    assert_eq!(world.held(), token);
}

#[test]
fn rule_16_an_invalidation_costs_a_permit() {
    let (mut world, _) = World::warm();
    let mut invalidate = || {
        let held = world.session.generation().unwrap();
        let is_given_up = world.step(|session, now| session.invalidate(held, now));
        if is_given_up {
            world.log_in();
        }
        is_given_up
    };
    let given_up = (0..20).filter(|_| invalidate()).count();
    assert_eq!(given_up, 10);
    assert_eq!(world.last_event().name(), "throttled");
    world.pass(secs(30));
    let held = world.session.generation().unwrap();
    assert!(world.step(|session, now| session.invalidate(held, now)));
}

#[test]
fn rule_06_a_token_is_given_up_neither_during_a_login_nor_by_another_session() {
    let (mut world, token) = World::warm();
    world.pass(secs(3400)); // less is left than a one-shot call wants
    let (login, _) = world.lead(Call::one_shot());
    let (held, other) = (world.session.generation().unwrap(), World::warm().0.session.generation().unwrap());
    let invalidate =
        |world: &mut World, generation| world.step(|session, now| session.invalidate(generation, now));
    assert!(!invalidate(&mut world, held));
    assert_eq!(world.held(), token);
    let rejection = rejection_of(&login);
    world.settle(login, rejection);
    assert!(!invalidate(&mut world, held), "no login would follow");
    assert!(!invalidate(&mut world, other));
    world.pass(secs(60));
    drop(world.lead(Call::one_shot()));
    world.pass(secs(30));
    assert_eq!(world.held(), token);
}

#[test]
fn rule_06_a_call_in_flight_over_a_reset_is_healed_with_the_new_credentials() {
    let (mut world, _) = World::warm();
    let sent = world.send(Call::replayable());
    world.reset(Credentials::new("other key", "other secret").unwrap());
    let call = world.retry(sent.attempt);
    let (login, call) = world.lead(call);
    let token = world.fresh();
    world.grant(login, &token);
    let sent = world.send(call);
    assert_eq!(sent.token, token);
    world.deliver(sent.attempt, 200);
}

#[test]
fn rule_06_a_renewed_token_belongs_to_its_requests_epoch() {
    let (mut world, _) = World::warm();
    let (a, b) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let renewed = world.lasting(3601);
    world.renew(a.attempt, &renewed);
    let c = world.send(Call::replayable());
    // The next login does away with both the token and its successor's descendants.
    let refused = world.send(Call::replayable());
    let call = world.retry(refused.attempt);
    let (login, _) = world.lead(call);
    let granted = world.fresh();
    world.grant(login, &granted);
    for late in [b, c] {
        let token = world.lasting(9000);
        world.renew(late.attempt, &token);
        assert_eq!(world.held(), granted);
    }
}

#[test]
fn a_permit_of_another_session_changes_nothing_here() {
    let (mut ours, token) = World::warm();
    let (mut theirs, _) = World::warm();
    let foreign = theirs.send(Call::replayable());
    let newer = theirs.fresh();
    ours.deliver_with(foreign.attempt, 200, &bearer(&newer));
    assert_eq!(ours.last_event(), Event::Ignored { why: Ignored::OtherSession });
    let foreign = theirs.send(Call::replayable());
    ours.deliver(foreign.attempt, 401);
    let generation = theirs.session.generation().unwrap();
    assert!(!ours.step(|session, now| session.invalidate(generation, now)));
    assert_eq!(ours.held(), token);

    let (mut cold, mut other) = (World::new(), World::new());
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
    let (mut a, mut b) = (World::of(config.clone()), World::of(config));
    a.log_in();
    let token = b.log_in();
    let foreign = a.send(Call::replayable());
    b.deliver(foreign.attempt, 401);
    assert_eq!(b.held(), token);
}

#[test]
fn rule_05_a_renewal_is_anchored_where_its_request_was_sent() {
    let (mut world, _) = World::warm();
    let sent = world.send(Call::replayable());
    let date = crate::world::http_date(world.unix());
    let short = world.lasting(100);
    world.pass(secs(60) + millis(1));
    world.deliver_with(
        sent.attempt,
        200,
        &headers(&[("date", &date), ("authorization", &format!("Bearer {short}"))]),
    );
    assert_eq!(world.held(), short, "39.999 s are left, of which 3 s are the leeway");
    world.pass(secs(37));
    world.leads(Call::replayable());
}

#[test]
fn rule_05_a_delayed_duplicate_does_not_bring_an_older_token_back() {
    let (mut world, _) = World::warm();
    let (a, b) = (world.send(Call::replayable()), world.send(Call::replayable()));
    let t1 = world.lasting(3700);
    world.renew(a.attempt, &t1);
    let c = world.send(Call::replayable());
    let t2 = world.lasting(3699); // another node, whose clock is a second behind
    world.renew(c.attempt, &t2);
    world.renew(b.attempt, &t1); // a batch window: the same answer, later
    assert_eq!(world.held(), t2);
}

#[test]
fn a_grant_of_another_sessions_login_is_not_taken() {
    let (mut ours, mut theirs) = (World::new(), World::new());
    let (their_login, _) = theirs.lead(Call::replayable());
    let (login, call) = ours.lead(Call::replayable());
    let token = theirs.fresh();
    let grant = crate::world::grant_of(&their_login, &token);
    ours.settle(login, grant);
    // The login has brought no token, and no call waits for it any longer.
    assert_eq!(ours.last_event(), Event::LoginAbandoned { login: 1 });
    ours.leads(call);
}

#[test]
fn a_grant_of_an_earlier_login_does_not_answer_a_later_one() {
    let mut world = World::new();
    let (earlier, _) = world.lead(Call::replayable());
    let token = world.fresh();
    let grant = crate::world::grant_of(&earlier, &token);
    let now = world.now();
    world.session.reset(Credentials::new("other", "pair").unwrap(), now);
    let (later, call) = world.lead(Call::replayable());
    world.settle(later, grant);
    world.leads(call);
}

#[test]
fn rule_05_what_an_earlier_login_brought_sets_no_mark_for_a_later_one() {
    // The server hands out shorter lives than before; the last login ended first or was refused.
    for refused in [false, true] {
        let mut world = World::new();
        let (login, _) = world.lead(Call::replayable());
        let long = world.lasting(10_000);
        world.grant(login, &long);
        let sent = world.send(Call::replayable());
        world.deliver(sent.attempt, 200);
        world.pass(secs(9800));
        let call = if refused {
            let sent = world.send(Call::replayable());
            world.retry(sent.attempt)
        } else {
            Call::one_shot()
        };
        let (login, _) = world.lead(call);
        let short = world.lasting(100);
        world.grant(login, &short);
        let (a, b) = (world.send(Call::replayable()), world.send(Call::replayable()));
        let (first, second) = (world.lasting(101), world.lasting(102));
        world.renew(a.attempt, &first);
        world.renew(b.attempt, &second);
        assert_eq!(world.held(), second, "refused: {refused}");
    }
}
