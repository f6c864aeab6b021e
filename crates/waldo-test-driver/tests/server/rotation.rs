//! What becomes of a token when its successor is issued.

use std::time::Duration;

use waldo_test_driver::server::{
    Answer, Claims, Echo, Fault, Policy, RenewalForm, Reply, Rotation,
};

use crate::caller::{Caller, authorization, call_request, claims};

fn under(rotation: Rotation) -> Caller {
    Caller::of(Policy { rotation, ..Policy::default() })
}

fn batch(echo: Echo) -> Caller {
    under(Rotation::Batch { window: Duration::from_secs(5), echo })
}

#[test]
fn lenient_every_token_lives_until_its_exp() {
    let mut caller = under(Rotation::Lenient);
    let first = caller.login();
    let second = caller.renew(&first);
    let third = caller.renew(&second);
    for token in [&first, &second, &third] {
        assert_eq!(caller.status(token), 200);
    }
}

#[test]
fn strict_renewal_invalidates_the_previous_token() {
    let mut caller = under(Rotation::Strict);
    let mut token = caller.login();
    for _ in 0..5 {
        let next = caller.renew(&token);
        assert_eq!(caller.status(&token), 401);
        token = next;
    }
}

#[test]
fn strict_second_call_with_same_token_is_refused() {
    let mut caller = under(Rotation::Strict);
    let token = caller.login();
    assert_eq!(caller.status(&token), 200);
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn strict_lost_response_loses_the_only_token() {
    let mut caller = under(Rotation::Strict);
    let token = caller.login();
    caller.server.push_fault(Fault::call(Answer::Cut).after_handling());
    assert!(matches!(caller.send(&call_request("GET", "/x", &token, "")), Reply::Cut));
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn strict_a_renewal_that_is_no_token_retires_nothing() {
    for renewal in [RenewalForm::None, RenewalForm::Blank, RenewalForm::Malformed] {
        let mut caller =
            Caller::of(Policy { rotation: Rotation::Strict, renewal, ..Policy::default() });
        let token = caller.login();
        assert_eq!(caller.status(&token), 200);
        assert_eq!(caller.status(&token), 200, "{renewal:?}");
    }
}

#[test]
fn strict_a_successor_that_is_byte_identical_retires_nothing() {
    let claims = Claims { jti: false, ..Claims::default() };
    let mut caller = Caller::of(Policy { rotation: Rotation::Strict, claims, ..Policy::default() });
    let token = caller.login();
    assert_eq!(caller.renew(&token), token);
    assert_eq!(caller.renew(&token), token);
    caller.pass(1_000);
    let next = caller.renew(&token);
    assert_ne!(next, token);
    assert_eq!(caller.status(&token), 401);
    assert_eq!(caller.status(&next), 200);
}

#[test]
fn strict_two_logins_do_not_disturb_each_other() {
    let mut caller = under(Rotation::Strict);
    let (one, two) = (caller.login(), caller.login());
    let one_next = caller.renew(&one);
    assert_eq!(caller.status(&two), 200);
    assert_eq!(caller.status(&one_next), 200);
}

#[test]
fn grace_starts_at_the_first_renewal() {
    let mut caller = under(Rotation::Grace(Duration::from_secs(5)));
    let old = caller.login();
    let first = caller.renew(&old);
    caller.pass(4_000);
    let second = caller.renew(&old);
    assert_ne!(first, second, "a token in its grace is renewed like any other");
    caller.pass(999);
    assert_eq!(caller.status(&old), 200);
    caller.pass(1);
    assert_eq!(caller.status(&old), 401, "the second renewal has not prolonged it");
    assert_eq!((caller.status(&first), caller.status(&second)), (200, 200));
}

#[test]
fn grace_of_zero_is_strict() {
    let mut caller = under(Rotation::Grace(Duration::ZERO));
    let old = caller.login();
    assert_eq!(caller.status(&old), 200);
    assert_eq!(caller.status(&old), 401);
}

#[test]
fn batch_previous_token_is_valid_until_next_rotation() {
    let mut caller = batch(Echo::Restamped);
    let first = caller.login();
    let second = caller.renew(&first);
    caller.pass(6_000);
    assert!(caller.server.accepts(&first, caller.now), "the previous one, long after the window");
    let third = caller.renew(&second);
    assert!(caller.server.accepts(&first, caller.now), "the one before that, inside the window");
    caller.pass(6_000);
    assert!(!caller.server.accepts(&first, caller.now), "and not outside it");
    assert!(caller.server.accepts(&second, caller.now));
    let _fourth = caller.renew(&third);
    caller.pass(6_000);
    assert_eq!(caller.status(&first), 401);
    assert_eq!(caller.status(&second), 401);
    assert_eq!(caller.status(&third), 200);
}

#[test]
fn batch_window_echoes_sent_token_with_newest_exp() {
    let mut caller = batch(Echo::Restamped);
    let old = caller.login();
    caller.pass(60_000);
    let new = caller.renew(&old);
    caller.pass(1_000);
    let echo = caller.renew(&old);
    assert_eq!(claims(&echo)["jti"], claims(&old)["jti"], "it is the old token …");
    assert_eq!(claims(&echo)["exp"], claims(&new)["exp"], "… that looks as fresh as the new one");
    assert_ne!(echo, old);
    assert_eq!(caller.status(&echo), 200);
    assert_eq!(caller.renew(&new), new, "the newest one is echoed as it is");

    caller.pass(6_000);
    let newer = caller.renew(&new);
    caller.pass(6_000);
    let _newest = caller.renew(&newer);
    caller.pass(6_000);
    assert_eq!(
        caller.status(&echo),
        401,
        "who stepped back to it is logged out two rotations later"
    );
    let stats = caller.server.stats();
    assert_eq!((stats.renewals_issued, stats.renewals_echoed), (3, 3));
}

#[test]
fn batch_requests_extend_the_window() {
    let mut caller = batch(Echo::Sent);
    let old = caller.login();
    let new = caller.renew(&old);
    for _ in 0..10 {
        caller.pass(4_000);
        assert_eq!(caller.renew(&old), old);
    }
    caller.pass(5_000);
    assert_ne!(caller.renew(&new), new);
}

#[test]
fn batch_may_answer_with_a_blank() {
    let mut caller = batch(Echo::Blank);
    let old = caller.login();
    let _new = caller.renew(&old);
    let response = caller.get("/x", &old);
    assert_eq!(authorization(&response), Some(" "));
}

#[test]
fn the_rotation_can_change_while_tokens_live() {
    let mut caller = under(Rotation::Lenient);
    let first = caller.login();
    let second = caller.renew(&first);
    caller.server.set_policy(Policy { rotation: Rotation::Strict, ..Policy::default() });
    assert_eq!(caller.status(&first), 200, "nothing has retired it");
    assert_eq!(caller.status(&first), 401, "its next successor does");
    assert_eq!(caller.status(&second), 200);
}

#[test]
fn batch_identical_echo_keeps_newest_token_valid() {
    let policy = Policy {
        rotation: Rotation::Batch { window: Duration::from_secs(5), echo: Echo::Restamped },
        claims: Claims { jti: false, iat: false, ..Claims::default() },
        ..Policy::default()
    };
    let mut caller = Caller::of(policy);
    let old = caller.login();
    caller.pass(60_000);
    let new = caller.renew(&old);
    assert_eq!(caller.renew(&old), new, "subject and expiry are all they say");
    caller.pass(6_000);
    let _next = caller.renew(&new);
    caller.pass(6_000);
    assert_eq!(caller.status(&new), 200, "it is the previous one, not the one before");
}
