//! Rule 23: the optional signature check.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Sha256, Sha384, Sha512};
use waldo_auth_core::{
    Call, Config, ConfigBuilder, Credentials, Event, Ignored, NotResumed, Outcome, Reason, Snapshot,
};

use crate::fixture::{Fixture, KEY, ORIGIN, SECRET, bearer, grant_of, jwt, secs};

const PAYLOAD: &str = r#"{"exp":1800003600}"#;

fn checking() -> Fixture {
    Fixture::with(|builder| builder.verify_signatures(true))
}

fn mac<M: Mac + KeyInit>(key: &str, text: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// A token with this header, signed with `key` and the hash that `algorithm` names.
fn signed(header: &str, algorithm: &str, key: &str, payload: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = match algorithm {
        "HS256" => mac::<Hmac<Sha256>>(key, &text),
        "HS384" => mac::<Hmac<Sha384>>(key, &text),
        "HS512" => mac::<Hmac<Sha512>>(key, &text),
        other => panic!("{other}"),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs(algorithm: &str, key: &str, payload: &str) -> String {
    signed(&format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#), algorithm, key, payload)
}

/// The result of a login with this token while signatures are checked.
fn login_with(token: &str) -> Result<(), Reason> {
    let (login, _) = checking().lead(Call::replayable());
    match grant_of(&login, token) {
        Outcome::Granted(_) => Ok(()),
        Outcome::Unavailable(failure) => Err(failure.reason()),
        other @ (Outcome::Rejected(_) | Outcome::FailedElsewhere(_) | Outcome::Abandoned) => {
            panic!("{other:?}")
        }
    }
}

/// Tokens of the right form with a wrong signature.
fn forgeries() -> Vec<String> {
    let good = hs("HS256", SECRET, PAYLOAD);
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = rest.split_once('.').unwrap();
    let other_payload = URL_SAFE_NO_PAD.encode(r#"{"exp":1900003600}"#);
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    vec![
        jwt(PAYLOAD),
        hs("HS256", "another secret", PAYLOAD),
        hs("HS256", KEY, PAYLOAD),
        hs("HS256", "", PAYLOAD),
        format!("{header}.{other_payload}.{signature}"),
        format!("{rest}.{}", URL_SAFE_NO_PAD.encode(&flipped)),
        format!("{rest}.{}", URL_SAFE_NO_PAD.encode(flipped.get(..16).unwrap())),
        format!("{rest}.{signature}AAAA"),
        // The right key, under an algorithm that the header does not name or that is not accepted.
        signed(r#"{"alg":"HS512"}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"alg":"HS256"}"#, "HS512", SECRET, PAYLOAD),
        signed(r#"{"alg":"none"}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"alg":"none"}"#, "HS384", SECRET, PAYLOAD),
        signed(r#"{"alg":"none"}"#, "HS512", SECRET, PAYLOAD),
        signed(r#"{"alg":"None"}"#, "HS256", "", PAYLOAD),
        signed(r#"{"alg":"RS256"}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"alg":"ES256"}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"alg":"hs256"}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"alg":["HS256"]}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"alg":null}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"{"typ":"JWT"}"#, "HS256", SECRET, PAYLOAD),
        signed(r#"["HS256"]"#, "HS256", SECRET, PAYLOAD),
        signed("HS256", "HS256", SECRET, PAYLOAD),
    ]
}

#[test]
fn rule_23_a_published_example_verifies() {
    let config = Config::builder(ORIGIN, Credentials::new("k", "your-256-bit-secret").unwrap());
    let mut fixture = Fixture::of(config.verify_signatures(true).build().unwrap());
    let (login, _) = fixture.lead(Call::replayable());
    let published = concat!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ",
        ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    );
    assert!(matches!(grant_of(&login, published), Outcome::Granted(_)));
}

#[test]
fn rule_23_tokens_signed_with_client_secret_are_accepted() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let token = hs(algorithm, SECRET, PAYLOAD);
        let mut fixture = checking();
        let (login, call) = fixture.lead(Call::replayable());
        fixture.grant(login, &token);
        let sent = fixture.send(call);
        assert_eq!(sent.token, token);
        let newer = hs(algorithm, SECRET, r#"{"exp":1800003601}"#);
        fixture.renew(sent.attempt, &newer);
        assert_eq!(fixture.held(), newer);
    }
}

#[test]
fn rule_23_at_login_a_forgery_is_a_typed_error() {
    for forgery in forgeries() {
        assert_eq!(login_with(&forgery), Err(Reason::BadSignature), "{forgery}");
    }
    assert_eq!(login_with(&hs("HS256", SECRET, PAYLOAD)), Ok(()));
    assert_eq!(
        login_with("malformed"),
        Err(Reason::NoToken),
        "a malformed token has no signature to check"
    );
}

#[test]
fn rule_23_a_forgery_in_a_response_is_malformed() {
    let mut fixture = checking();
    let token = hs("HS256", SECRET, PAYLOAD);
    let (login, _) = fixture.lead(Call::replayable());
    fixture.grant(login, &token);
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 200);
    for forgery in forgeries() {
        let sent = fixture.send(Call::replayable());
        fixture.deliver_with(sent.attempt, 200, &bearer(&forgery));
        assert_eq!(
            fixture.last_event(),
            Event::Ignored { why: Ignored::BadSignature },
            "{forgery}"
        );
        assert_eq!(fixture.held(), token);
    }
}

#[test]
fn rule_23_a_forgery_in_a_store_is_not_resumed() {
    let good = hs("HS256", SECRET, PAYLOAD);
    let mut fixture = checking();
    let (login, _) = fixture.lead(Call::replayable());
    fixture.grant(login, &good);
    let stored = fixture.snapshot().to_json();
    for forgery in forgeries() {
        let snapshot = Snapshot::from_json(stored.replace(&good, &forgery).as_bytes()).unwrap();
        let mut other = checking();
        assert_eq!(other.resume(&snapshot), Err(NotResumed::BadSignature));
        other.leads(Call::replayable());
    }
    let mut other = checking();
    assert_eq!(other.resume(&Snapshot::from_json(stored.as_bytes()).unwrap()), Ok(()));
}

#[test]
fn rule_23_the_check_never_uses_the_local_clock() {
    let mut fixture = checking();
    fixture.set_wall_forward(secs(1_000_000_000));
    let (login, call) = fixture.lead(Call::replayable());
    let long_past = hs("HS256", SECRET, r#"{"exp":1000,"nbf":9999999999,"iat":9999999999}"#);
    fixture.grant(login, &long_past);
    assert_eq!(fixture.send(call).token, long_past);
}

#[test]
fn rule_23_the_check_follows_the_credentials_in_use() {
    let mut fixture = checking();
    let (login, _) = fixture.lead(Call::replayable());
    fixture.grant(login, &hs("HS256", SECRET, PAYLOAD));
    fixture.reset(Credentials::new(KEY, "rotated secret").unwrap());
    let (login, call) = fixture.lead(Call::replayable());
    let of_old = grant_of(&login, &hs("HS256", SECRET, PAYLOAD));
    assert!(
        matches!(of_old, Outcome::Unavailable(failure) if failure.reason() == Reason::BadSignature)
    );
    let rotated = hs("HS256", "rotated secret", PAYLOAD);
    fixture.grant(login, &rotated);
    assert_eq!(fixture.send(call).token, rotated);
}

#[test]
fn rule_23_the_check_is_off_by_default() {
    let accepts = |change: fn(ConfigBuilder) -> ConfigBuilder| {
        let (login, _) = Fixture::with(change).lead(Call::replayable());
        let body = format!(r#"{{"token":"{}"}}"#, jwt(PAYLOAD));
        matches!(crate::fixture::read(&login, 200, &HeaderMap::new(), &body), Outcome::Granted(_))
    };
    assert!(accepts(|builder| builder));
    assert!(accepts(|builder| builder.verify_signatures(true).verify_signatures(false)));
    assert!(!accepts(|builder| builder.verify_signatures(true)));
}
