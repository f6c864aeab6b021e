//! How answers are written: faults beside a token, and headers that gateways have joined.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use waldo_auth_core::{Call, Explanation, Head, Outcome, Verdict};
use waldo_test_driver::server::{Policy, Rotation};

use crate::stage::Stage;

/// A login whose answer is written as `spell` writes the server's token.
fn log_in(stage: &mut Stage, spell: impl FnOnce(&str) -> Vec<u8>) -> Call {
    let (login, call) = stage.lead(Call::replayable());
    let token = stage.token(&login);
    let outcome = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), &spell(&token));
    assert!(matches!(outcome, Outcome::Granted(_)), "{outcome:?}");
    stage.settle(login, outcome);
    call
}

/// `serde-rs/json#495`: half a surrogate pair anywhere in a text made all of it unreadable. Here a
/// fault beside the token does no harm.
#[test]
fn json_495_lone_surrogate_beside_token_is_accepted() {
    let mut stage = Stage::new(Policy::default());
    let call = log_in(&mut stage, |token| {
        format!(r#"{{"name":"\ud83d","token":"{token}"}}"#).into_bytes()
    });
    assert_eq!(stage.finish(call, "/a"), 200);
    let (login, _) = Stage::new(Policy::default()).lead(Call::replayable());
    let rejected = br#"{"message":"\ude00","code":"INVALID_API_KEY"}"#;
    let outcome = login.read(Head::new(StatusCode::UNAUTHORIZED, &HeaderMap::new()), rejected);
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
}

/// `DollhouseMCP/mcp-server#2520`: a reader that was stricter than the writer made good credentials
/// unreadable. Here a byte-order mark and a number out of range do no harm.
#[test]
fn mcp_server_2520_byte_order_mark_and_huge_number_are_accepted() {
    for (before, after) in
        [("\u{feff}", ""), ("", r#","n":1e999"#), ("\u{feff}\n", r#","n":-1e999"#)]
    {
        let mut stage = Stage::new(Policy::default());
        let call = log_in(&mut stage, |token| {
            format!(r#"{before}{{"token":"{token}"{after}}}"#).into_bytes()
        });
        assert_eq!(stage.finish(call, "/a"), 200);
    }
}

/// `brefphp/bref#1691`: a gateway joins the lines of a header by a comma. With single-use tokens,
/// each value counts.
#[test]
fn bref_1691_comma_joined_tokens_are_read_separately() {
    let mut stage = Stage::new(Policy { rotation: Rotation::Strict, ..Policy::default() });
    assert_eq!(stage.call("/a"), 200);
    for generation in 2..8 {
        let handled = stage.send(Call::replayable(), "/a");
        assert_eq!((handled.generation(), handled.response.status()), (generation, StatusCode::OK));
        let fresh = handled.response.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let joined = HeaderValue::try_from(format!("{fresh}, {fresh}")).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, joined)]);
        let verdict = stage.deliver_as(handled, StatusCode::OK, &headers);
        assert!(matches!(verdict, Verdict::Deliver));
        let next = stage.session.explain(stage.now());
        assert!(
            matches!(next, Explanation::Send { generation: held, .. } if held == generation + 1),
            "{next}"
        );
    }
}
