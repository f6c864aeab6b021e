//! Logins and requests without end, and one for each of a crowd.

use std::time::Duration;

use waldo_test_driver::server::{Answer, DateStyle, Fault, Policy, RenewalForm};

use crate::meets;
use crate::stage::Stage;

/// `square/okhttp#960`: a route that always answers 401 was asked over and over. Here a call has
/// three attempts, and the drops have a budget.
#[test]
fn okhttp_960_permanent_401_route_gets_at_most_three_attempts() {
    meets(["a-route-that-always-refuses", "three-attempts-at-most", "one-resend-after-a-login"]);
}

/// `kadirahq/lokka-transport-jwt-auth#3`: tokens that had ended on arrival were renewed for ever.
/// Here they are kept for some seconds, and their 401s are delivered.
#[test]
fn lokka_transport_jwt_auth_3_tokens_refused_on_arrival_cause_no_login_storm() {
    meets(["tokens-that-are-dead-on-arrival"]);
}

/// `octokit/auth-app.js#65`: a fresh token was refused until all servers knew it. Here the client
/// keeps the token, and logs in once.
#[test]
fn auth_app_js_65_fresh_token_is_kept_while_servers_lag() {
    meets(["a-fresh-token-is-known-a-little-later"]);
}

/// `coder/coder#8956`: another replica refused a fresh token. Here a call may be answered 401, but
/// no further login follows.
#[test]
fn coder_8956_lagging_replica_causes_no_further_login() {
    let mut stage =
        Stage::new(Policy { known_after: Duration::from_millis(1400), ..Policy::default() });
    for _ in 0..14 {
        assert_eq!(stage.call("/a"), 401);
        stage.pass(Duration::from_millis(100));
    }
    assert_eq!(stage.call("/a"), 200);
    assert_eq!(stage.server.stats().logins(), 1);
}

/// `hashicorp/consul#15157`: the same after the old token was revoked. One login follows the
/// revocation, and the next call that comes after the lag is answered.
#[test]
fn consul_15157_lag_after_revocation_causes_one_login() {
    let mut stage = Stage::new(Policy { known_after: Duration::from_secs(1), ..Policy::default() });
    assert_eq!(stage.call("/a"), 401);
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.call("/a"), 200);
    stage.server.expire_all();
    for _ in 0..10 {
        assert_eq!(stage.call("/a"), 401);
        stage.pass(Duration::from_millis(100));
    }
    assert_eq!(stage.call("/a"), 200);
    assert_eq!(stage.server.stats().logins(), 2);
}

/// `open-metadata/OpenMetadata#33773`: 147 identical requests were answered 401 within 45 seconds.
/// Here no response has accepted a token before, so 147 calls in 45 seconds cost four logins: the
/// first, and one after 3, 9 and 21 seconds.
#[test]
fn openmetadata_33773_many_401s_cause_four_logins() {
    let mut stage = Stage::new(Policy::default());
    stage.server.push_fault(Fault::call(Answer::Unauthorized).on_path("/bad").forever());
    for _ in 0..147 {
        assert_eq!(stage.call("/bad"), 401);
        stage.pass(Duration::from_secs(45) / 147);
    }
    assert_eq!(stage.server.stats().logins(), 4);
    assert_eq!(stage.call("/good"), 200);
}

/// `medplum/medplum#9680`: a token that the server refused, but whose `exp` lay ahead, was sent
/// again for ever. It is not sent a second time by the same call.
#[test]
fn medplum_9680_call_does_not_resend_its_refused_token() {
    meets(["three-attempts-at-most", "one-resend-after-a-login", "a-401-is-healed"]);
}

/// `spring-projects/spring-security#11461`: every thread that found the token ended fetched one.
/// Sixteen calls are one login, whether it is granted or rejected.
#[test]
fn spring_security_11461_a_crowd_is_one_login() {
    meets(["one-login-for-a-crowd", "rejection-refuses-a-crowd"]);
}

/// `djc/gcp_auth#41`: who had waited for a token did not look again, and fetched one more. Who has
/// waited is admitted anew.
#[test]
fn gcp_auth_41_waiter_uses_the_granted_token() {
    meets(["one-login-for-a-crowd", "a-storm-of-401s-is-one-login"]);
}

/// `databricks/zerobus-sdk#701`: after a failure, each that had waited minted in turn. All share
/// one failure, and one tries again for all.
#[test]
fn zerobus_sdk_701_waiters_do_not_mint_in_turn() {
    meets(["backoff-is-shared", "one-failure-for-all"]);
}

/// `Bdaya-Dev/oidc#123`: renewed a minute before the end, a token of a minute was renewed without
/// end. The leeway is a part of the lifetime, so the lifetime of a fresh token always exceeds it.
#[test]
fn oidc_123_leeway_of_whole_lifetime_causes_one_login() {
    meets(["short-lives-cause-no-storm", "leeway-of-a-tenth"]);
    calls_of_one_moment_are_one_login(Duration::from_secs(60));
}

/// `Wei-Shaw/sub2api#5885`: the same, here with a leeway far beyond the lifetime.
#[test]
fn sub2api_5885_leeway_beyond_lifetime_causes_one_login() {
    calls_of_one_moment_are_one_login(Duration::from_secs(3600));
    calls_of_one_moment_are_one_login(Duration::MAX);
}

/// With the largest share that a leeway may take, and lives from a blink to a minute.
#[track_caller]
fn calls_of_one_moment_are_one_login(leeway: Duration) {
    for millis in [1, 50, 1000, 29_000, 30_000, 60_000] {
        let lifetime = Duration::from_millis(millis);
        let policy = Policy {
            lifetime,
            dates: DateStyle::Fractional,
            renewal: RenewalForm::None,
            ..Policy::default()
        };
        let mut stage =
            Stage::with(policy, |limits| limits.leeway(leeway, 2).one_shot_leeway(leeway, 2));
        for _ in 0..10 {
            assert_eq!(stage.call("/a"), 200, "{lifetime:?}");
        }
        assert_eq!(stage.server.stats().logins(), 1, "{lifetime:?}");
    }
}
