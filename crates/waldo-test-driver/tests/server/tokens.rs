//! What tokens say, how long they live, and how they are signed.

use std::time::Duration;

use jsonwebtoken::decode_header;
use waldo_test_driver::server::{
    Algorithm, Answer, Claims, DateStyle, Fault, IssuedAt, Policy, Server, Servers,
};

use crate::caller::{Caller, START, claims};

#[test]
fn default_token_lifetime_is_exactly_one_hour() {
    let mut caller = Caller::new();
    let token = caller.login();
    assert_eq!(claims(&token)["iat"], START);
    assert_eq!(claims(&token)["exp"], START + 3600);
    assert_eq!(claims(&token)["sub"], Server::KEY_ID);
    caller.pass(3_599_999);
    assert!(caller.server.accepts(&token, caller.now));
    caller.pass(1);
    assert!(!caller.server.accepts(&token, caller.now));
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn whole_dates_cut_iat_and_round_the_lifetime_up() {
    let mut caller =
        Caller::of(Policy { lifetime: Duration::from_millis(1500), ..Policy::default() });
    caller.pass(900);
    let token = caller.login();
    assert_eq!(claims(&token)["iat"], START);
    assert_eq!(claims(&token)["exp"], START + 2);
    caller.pass(1_099);
    assert_eq!(caller.status(&token), 200);
    caller.pass(1);
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn fractional_dates_are_exact_to_the_millisecond() {
    let policy = Policy {
        lifetime: Duration::from_millis(1500),
        dates: DateStyle::Fractional,
        ..Policy::default()
    };
    let mut caller = Caller::of(policy);
    caller.pass(250);
    let token = caller.login();
    let exp = claims(&token)["exp"].as_f64().unwrap();
    assert!((exp - 1_781_510_401.75).abs() < 1e-6, "{exp}");
    caller.pass(1_499);
    assert_eq!(caller.status(&token), 200);
    caller.pass(1);
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn a_lifetime_of_zero_rejects_what_was_just_issued() {
    let mut caller = Caller::of(Policy { lifetime: Duration::ZERO, ..Policy::default() });
    let token = caller.login();
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn each_algorithm_signs_with_the_client_secret() {
    let cases = [
        (Algorithm::HS256, jsonwebtoken::Algorithm::HS256),
        (Algorithm::HS384, jsonwebtoken::Algorithm::HS384),
        (Algorithm::HS512, jsonwebtoken::Algorithm::HS512),
    ];
    for (algorithm, expected) in cases {
        let mut caller = Caller::of(Policy { algorithm, ..Policy::default() });
        let token = caller.login();
        assert_eq!(decode_header(&token).unwrap().alg, expected);
        let secret = jsonwebtoken::DecodingKey::from_secret(Server::KEY_SECRET.as_bytes());
        let mut validation = jsonwebtoken::Validation::new(expected);
        validation.validate_exp = false;
        jsonwebtoken::decode::<serde_json::Value>(&token, &secret, &validation).unwrap();
        assert_eq!(caller.status(&token), 200);
    }
}

#[test]
fn a_token_of_another_algorithm_is_invalid() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.set_policy(Policy { algorithm: Algorithm::HS512, ..Policy::default() });
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn a_claim_that_is_switched_off_is_absent() {
    let names = ["exp", "iat", "jti", "sub"];
    for off in names {
        let on = |name| name != off;
        let claims_of = Claims { exp: on("exp"), iat: on("iat"), jti: on("jti"), sub: on("sub") };
        let mut caller = Caller::of(Policy { claims: claims_of, ..Policy::default() });
        let token = caller.login();
        let present = claims(&token);
        for name in names {
            assert_eq!(present.get(name).is_some(), on(name), "{name} without {off}");
        }
        assert_eq!(caller.status(&token), 200, "without {off}");
    }
}

#[test]
fn token_without_exp_expires_after_its_lifetime() {
    let claims = Claims { exp: false, ..Claims::default() };
    let mut caller = Caller::of(Policy { claims, ..Policy::default() });
    let token = caller.login();
    caller.pass(3_599_999);
    assert_eq!(caller.status(&token), 200);
    caller.pass(1);
    assert_eq!(caller.status(&token), 401);
}

#[test]
fn jti_makes_tokens_of_one_second_distinct() {
    let without = Claims { jti: false, ..Claims::default() };
    let mut caller = Caller::of(Policy { claims: without, ..Policy::default() });
    let login = caller.login();
    caller.pass(999);
    assert_eq!(caller.renew(&login), login);
    caller.pass(1);
    assert_ne!(caller.renew(&login), login);

    let mut caller = Caller::new();
    let login = caller.login();
    assert_ne!(caller.renew(&login), login);
    assert_ne!(caller.login(), login);
}

#[test]
fn renewed_token_can_keep_login_iat() {
    let mut caller = Caller::of(Policy { iat: IssuedAt::Login, ..Policy::default() });
    let mut token = caller.login();
    for minute in 1..=3 {
        caller.pass(60_000);
        token = caller.renew(&token);
        assert_eq!(claims(&token)["iat"], START);
        assert_eq!(claims(&token)["exp"], START + minute * 60 + 3600);
    }
}

#[test]
fn renewal_chain_ends_at_limit_before_exp() {
    let policy = Policy { chain_limit: Some(Duration::from_secs(90 * 60)), ..Policy::default() };
    let mut caller = Caller::of(policy);
    let mut token = caller.login();
    for _ in 0..2 {
        caller.pass(44 * 60_000);
        token = caller.renew(&token);
    }
    assert!(claims(&token)["exp"].as_u64().unwrap() > START + 140 * 60);
    caller.pass(2 * 60_000);
    assert_eq!(caller.status(&token), 401);
    let fresh = caller.login();
    assert_eq!(caller.status(&fresh), 200, "a new login opens a new chain");
}

#[test]
fn known_after_delays_login_tokens_only() {
    let mut caller =
        Caller::of(Policy { known_after: Duration::from_millis(300), ..Policy::default() });
    let token = caller.login();
    caller.pass(299);
    assert_eq!(caller.status(&token), 401);
    caller.pass(1);
    let renewed = caller.renew(&token);
    assert_eq!(caller.status(&renewed), 200);
}

#[test]
fn two_servers_by_turns_have_keys_of_their_own() {
    let mut caller = Caller::new();
    let old = caller.login();
    caller.server.set_policy(Policy { servers: Servers::ByTurns, ..Policy::default() });
    assert_eq!([1, 2, 3, 4].map(|_| caller.status(&old)), [401, 200, 401, 200]);
    let new = caller.login();
    assert_eq!([1, 2].map(|_| caller.status(&new)), [401, 200], "the second server has issued it");
    caller.server.set_policy(Policy::default());
    assert_eq!((caller.status(&old), caller.status(&new)), (200, 401));
    caller.server.rotate_signing_key();
    assert_eq!((caller.status(&old), caller.status(&new)), (401, 200));
}

#[test]
fn a_cache_repeats_the_first_renewed_token() {
    let mut caller = Caller::new();
    let token = caller.login();
    let first = caller.renew(&token);
    assert_ne!(caller.renew(&token), first);
    caller.server.push_fault(Fault::call(Answer::StaleRenewal).times(2));
    assert_eq!([1, 2].map(|_| caller.renew(&token)), [first.clone(), first.clone()]);
    assert_ne!(caller.renew(&token), first);
}

#[test]
fn another_signing_key_makes_every_older_token_invalid() {
    let mut caller = Caller::new();
    let before = caller.login();
    caller.server.rotate_signing_key();
    assert_eq!(caller.status(&before), 401);
    let after = caller.login();
    assert_eq!(caller.status(&after), 200);
    caller.server.rotate_signing_key();
    assert_eq!(caller.status(&after), 401, "each rotation makes a key of its own");
    caller.server.set_signing_key(None);
    assert_eq!(caller.status(&before), 200, "under the client secret it is genuine again");
}

#[test]
fn a_given_signing_key_signs_for_all() {
    let mut caller = Caller::new();
    caller.server.set_signing_key(Some("a key of its own"));
    let token = caller.login();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.validate_exp = false;
    let under = |secret: &str| {
        let key = jsonwebtoken::DecodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).is_ok()
    };
    assert!(under("a key of its own"));
    assert!(!under(Server::KEY_SECRET));
}

#[test]
fn expire_all_ends_every_token_issued_so_far() {
    let mut caller = Caller::new();
    let login = caller.login();
    let renewal = caller.renew(&login);
    caller.server.expire_all();
    assert_eq!((caller.status(&login), caller.status(&renewal)), (401, 401));
    let fresh = caller.login();
    assert_eq!(caller.status(&fresh), 200);
}

#[test]
fn same_requests_and_times_give_same_replies() {
    let run = || {
        let mut caller = Caller::new();
        let mut seen = Vec::new();
        let mut token = caller.login();
        for step in 0..20 {
            caller.pass(step * 137);
            token = caller.renew(&token);
            seen.push(token.clone());
        }
        (seen, caller.server.stats().clone())
    };
    assert_eq!(run(), run());
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut caller = Caller::new();
    let token = caller.login();
    let mut other = Caller { server: caller.server.clone(), now: caller.now };
    other.server.expire_all();
    assert_eq!(other.status(&token), 401);
    assert_eq!(caller.status(&token), 200);
}

#[test]
fn long_runs_forget_expired_tokens() {
    let mut caller = Caller::of(Policy { lifetime: Duration::from_secs(10), ..Policy::default() });
    let mut token = caller.login();
    for _ in 0..1_000 {
        caller.pass(1_000);
        token = caller.renew(&token);
        caller.login();
    }
    let shown = format!("{:?}", caller.server);
    let ledger = shown.split("Ledger(").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let counts: Vec<usize> = ledger.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!(counts.len(), 2, "tokens and logins: {ledger}");
    assert!(counts.iter().all(|count| *count <= 65), "{ledger} are remembered");
}

#[test]
fn many_logins_at_once_all_get_tokens_that_work() {
    let mut caller = Caller::new();
    let tokens: Vec<String> = (0..300).map(|_| caller.login()).collect();
    for token in &tokens {
        assert_eq!(caller.status(token), 200);
    }
}
