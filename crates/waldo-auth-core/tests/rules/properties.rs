//! Any input at any border: no input causes a panic, written values are read back, and order has no
//! effect where the protocol says so.
//!
//! A failure prints the smallest failing input, and the seed that replays it:
//! `PROPTEST_RNG_SEED=<seed> cargo test -p waldo-auth-core`. `PROPTEST_CASES` widens a run.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AGE, AUTHORIZATION, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};
use waldo_auth_core::{
    Call, Config, Credentials, Event, Explanation, Head, Now, Origin, Outcome, RejectionCode,
    Snapshot, Step,
};

use crate::fixture::{EPOCH, Fixture, ORIGIN, bearer, grant_of, jwt_of, read, request, secs};

/// Past failures are not kept in a file. Each becomes a test with a name.
#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "the output of a failed test shows the seed"
)]
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let mut config =
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(TestRunner::default().rng().next_u64());
    }
    println!("{:?}", config.rng_seed);
    config
}

/// JSON values of every kind, most of them numbers in the forms of a date.
fn json_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<i64>().prop_map(|n| n.to_string()),
        4 => (EPOCH - 10_000..EPOCH + 10_000).prop_map(|n| n.to_string()),
        2 => any::<f64>().prop_filter("JSON has no infinities", |n| n.is_finite()).prop_map(|n| format!("{n:?}")),
        1 => select(vec!["1e999", "-1e999", "1e-999", "-0", "0.0", "1E5"]).prop_map(str::to_owned),
        1 => Just("9".repeat(400)),
        1 => select(vec!["null", "true", "\"1800000000\"", "[]", "{}", "[[1]]", "\"\\ud800\"", "\"exp\""]).prop_map(str::to_owned),
    ]
}

/// Payloads that are a JSON object with dates, or nearly so.
fn payload() -> impl Strategy<Value = String> {
    let name = select(vec!["exp", "iat", "nbf", "\\u0065xp", "EXP", "x", ""]);
    let members = vec((name, json_value()), 0..5);
    let ends =
        select(vec![("{", "}"), ("{", "}"), ("{", "}"), ("{", ""), (" { ", " } "), ("[{", "}]")]);
    (members, ends).prop_map(|(members, (open, close))| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{open}{}{close}", members.join(","))
    })
}

/// JSON objects in any spelling, and the same objects with a few bytes changed.
fn object() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        json_value(),
        any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
        "\"(\\\\(u[0-9a-fA-F]{4}|[\"\\\\/bfnrt])|[a-z,:{}\\[\\]])*\"",
    ];
    let name = prop_oneof![
        4 => Just("\"code\"".to_owned()),
        2 => select(vec!["\"c\\u006fde\"", "\"token\"", "\"Code\"", "\"\"", "\"\\\"code\"", "\"\\\\\""]).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
    ];
    let space = || select(vec!["", "", " ", "\r\n\t"]);
    let members = move |value: BoxedStrategy<String>| {
        vec((space(), name.clone(), space(), value, space()), 0..5).prop_map(|members| {
            let member = |(a, name, b, value, c)| format!("{a}{name}{b}:{c}{value}{a}");
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<String>>().join(","))
        })
    };
    let nested = {
        let members = members.clone();
        leaf.prop_recursive(4, 30, 5, move |value| {
            let array =
                vec(value.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(" ,")));
            prop_oneof![array, members(value.boxed())]
        })
    };
    let edits = vec(
        (any::<prop::sample::Index>(), select(b"\"\\{}[]:, \t\n0u\xff".to_vec()), any::<bool>()),
        0..3,
    );
    (members(nested.boxed()), prop_oneof![Just(Vec::new()), edits]).prop_map(|(json, edits)| {
        let mut json = json.into_bytes();
        for (at, byte, is_added) in edits {
            let at = at.index(json.len());
            json.splice(at..at + usize::from(!is_added), [byte]);
        }
        json
    })
}

/// Bytes of any kind, with more of the bytes that occur in a token.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(select(b"Bearer :.,e30_-=\t \xff{}\"".to_vec()), 0..60),
        payload().prop_map(|payload| jwt_of(payload.as_bytes()).into_bytes()),
        payload().prop_map(|payload| format!("bearer:{}", jwt_of(payload.as_bytes())).into_bytes()),
        vec(any::<u8>(), 0..50).prop_map(|payload| jwt_of(&payload).into_bytes()),
        (0..40_000_usize).prop_map(|length| vec![b'a'; length]),
    ]
}

fn header_map() -> impl Strategy<Value = HeaderMap> {
    let name = select(vec![AUTHORIZATION, AUTHORIZATION, DATE, AGE, RETRY_AFTER]);
    let text = select(vec![
        "",
        "0",
        "99999999999999999999",
        "-1",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 31 Feb 2023 25:61:61 GMT",
    ]);
    let value = prop_oneof![bytes(), text.prop_map(|text| text.as_bytes().to_vec())];
    vec((name, value), 0..6).prop_map(|pairs: Vec<(HeaderName, Vec<u8>)>| {
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::from_bytes(&value).ok()?)))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    })
}

fn status() -> impl Strategy<Value = StatusCode> {
    prop_oneof![select(vec![200_u16, 201, 204, 304, 400, 401, 403, 429, 503]), 100_u16..1000]
        .prop_map(|status| StatusCode::from_u16(status).unwrap())
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        bytes(),
        (select(vec!["token", "code", "x"]), json_value())
            .prop_map(|(name, value)| format!(r#"{{"{name}":{value}}}"#).into_bytes()),
        payload().prop_map(
            |payload| format!(r#"{{"token":"{}"}}"#, jwt_of(payload.as_bytes())).into_bytes()
        ),
        any::<String>()
            .prop_map(|code| serde_json::json!({ "code": code }).to_string().into_bytes()),
        (65_000..66_000_usize).prop_map(|length| vec![b' '; length]),
    ]
}

/// Any time.
fn now() -> impl Strategy<Value = Now> {
    let any_duration = || {
        prop_oneof![
            (0..10_000_u64).prop_map(secs),
            any::<u64>().prop_map(Duration::from_nanos),
            any::<u32>().prop_map(|s| secs(u64::from(s))),
        ]
    };
    (any_duration(), any_duration(), any::<bool>()).prop_map(|(monotonic, wall, before)| {
        let wall = if before { UNIX_EPOCH - wall } else { UNIX_EPOCH + wall };
        Now::new(monotonic, wall)
    })
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_login_answer_is_read_and_settled(
        status in status(), headers in header_map(), body in body(), sent in now(), settled in now(),
    ) {
        let mut session = Fixture::new().session;
        let step = session.admit(Call::replayable(), &mut request(), sent);
        let Ok(Step::Authenticate(login, call)) = step else { panic!("cold") };
        let outcome = login.read(Head::new(status, &headers), &body);
        if let Outcome::Rejected(rejection) = &outcome {
            prop_assert!(matches!(status.as_u16(), 400 | 401 | 403));
            if let RejectionCode::Other(code) = rejection.code() {
                prop_assert!(code.len() <= 64 && (code.bytes().all(|b| b.is_ascii_graphic()) || &**code == "…"));
            }
        }
        if let Outcome::Granted(_) = &outcome {
            prop_assert!(status.is_success());
        }
        if let Outcome::Unavailable(failure) = &outcome {
            prop_assert!(failure.retry_after().is_none_or(|wait| wait <= secs(3600)));
        }
        session.settle(login, outcome, settled);
        drop(session.explain(settled).to_string());
        if let Ok(Step::Wait(_, until)) = session.admit(call, &mut request(), settled) {
            prop_assert!(until > settled.monotonic);
        }
    }

    /// If serde_json accepts an object, this reader finds the same members in it. If a name occurs
    /// twice, the last value counts.
    #[test]
    fn rule_02_a_code_is_read_as_the_oracle_reads_it(json in object()) {
        let (login, _) = Fixture::new().lead(Call::replayable());
        let outcome = login.read(Head::new(StatusCode::UNAUTHORIZED, &HeaderMap::new()), &json);
        let read = match &outcome {
            Outcome::Rejected(rejection) => Some(rejection.code().as_str()),
            _ => None,
        };
        let Ok(oracle) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json) else {
            return Ok(());
        };
        let code = oracle.get("code").and_then(serde_json::Value::as_str);
        let kept = code.map(|code| code.chars().filter(char::is_ascii_graphic).take(64).collect::<String>());
        prop_assert_eq!(read, kept.as_deref(), "{}", json.escape_ascii());
    }

    #[test]
    fn any_response_can_be_concluded(
        status in status(), headers in header_map(), one_shot in any::<bool>(), from in select(vec![
            None, Some("https://api.waldo.ai/x"), Some("https://evil.example/"), Some("/x"), Some("*"),
        ]),
    ) {
        let (mut fixture, before) = Fixture::warm();
        let sent = fixture.send(if one_shot { Call::one_shot() } else { Call::replayable() });
        let from: Option<Uri> = from.map(|uri| uri.parse().unwrap());
        let head = Head::new(status, &headers);
        let head = from.as_ref().map_or(head, |uri| head.with_uri(uri));
        let verdict = fixture.conclude_head(sent.attempt, head);
        let is_retry = matches!(verdict, waldo_auth_core::Verdict::Retry(_));
        prop_assert!(!is_retry || status == 401);
        match fixture.session.explain(fixture.now()) {
            Explanation::Send { generation: 1, .. } => prop_assert_eq!(fixture.held(), before),
            Explanation::Send { .. } => {
                prop_assert!(status.is_success());
                // A response header carried the held token, and a request can carry the token
                // unchanged.
                let held = fixture.held();
                let came = headers.get_all(AUTHORIZATION).iter().any(|value| {
                    value.to_str().is_ok_and(|text| text.trim().ends_with(&held))
                });
                prop_assert!(came);
            }
            // The lifetime of a renewed token may be over at once.
            Explanation::Authenticate { .. } => prop_assert!(status == 401 || status.is_success()),
            other => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn any_bytes_are_a_snapshot_or_an_error(bytes in bytes()) {
        drop(Snapshot::from_json(&bytes));
    }

    #[test]
    fn valid_snapshot_round_trips_and_resume_never_panics(
        origin in "https://[a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?", key in any::<u64>(), payload in payload(),
        began in any::<u64>(), lifetime in any::<u64>(), now in now(),
    ) {
        let json = serde_json::json!({
            "version": 1, "origin": origin, "key": format!("{key:016x}"), "token": jwt_of(payload.as_bytes()),
            "began_ms": began, "lifetime_ms": lifetime,
        });
        if let Ok(snapshot) = Snapshot::from_json(json.to_string().as_bytes()) {
            let again = Snapshot::from_json(snapshot.to_json().as_bytes()).unwrap();
            prop_assert_eq!(&again, &snapshot);
            let _ = Fixture::new().session.resume(&snapshot, now);
        }
    }

    #[test]
    fn usable_snapshot_is_resumed_by_another_session(lifetime in 20..100_000_i64, spent in 0..100_000_u64) {
        let mut fixture = Fixture::new();
        let (login, _) = fixture.lead(Call::replayable());
        let token = fixture.lasting(lifetime);
        fixture.grant(login, &token);
        let stored = fixture.snapshot().to_json();
        let mut other = Fixture::new();
        other.pass(secs(spent));
        fixture.pass(secs(spent));
        let resumed = other.resume(&Snapshot::from_json(stored.as_bytes()).unwrap());
        // The token is usable in the second session if and only if it is usable in the first.
        let usable = matches!(fixture.session.explain(fixture.now()), Explanation::Send { .. });
        prop_assert_eq!(resumed.is_ok(), usable);
        prop_assert_eq!(other.session.explain(other.now()).to_string(), match resumed {
            Ok(()) => fixture.session.explain(fixture.now()).to_string(),
            Err(_) => "the next call would log in, because there has been no token yet".to_owned(),
        });
    }

    #[test]
    fn credentials_are_refused_or_sent_unchanged(key in any::<String>(), secret in any::<String>()) {
        let Ok(credentials) = Credentials::new(key.clone(), secret.clone()) else {
            let blank = |text: &str| text.is_empty() || text.trim() != text;
            prop_assert!(blank(&key) || blank(&secret));
            return Ok(());
        };
        let shown = format!("{credentials:?}");
        prop_assert_eq!(shown, "Credentials(…)");
        let mut fixture = Fixture::of(Config::builder(ORIGIN, credentials).build().unwrap());
        let (login, _) = fixture.lead(Call::replayable());
        let body: serde_json::Value = serde_json::from_slice(login.request().body()).unwrap();
        prop_assert_eq!(body, serde_json::json!({"apiKey": key, "clientSecret": secret}));
    }

    #[test]
    fn any_text_is_an_origin_or_an_error(text in prop_oneof![
        any::<String>(),
        "(http|https|HTTPS|ftp)://[a-z0-9.:@\\[\\]/?#%+-]{0,20}",
        "https://(api\\.waldo\\.ai|\\[::1\\]|127\\.0\\.0\\.1)[:@.]?[0-9+a-z]{0,6}[/?#]?",
    ]) {
        if let Ok(origin) = text.parse::<Origin>() {
            // The written origin parses as an equal origin, and an origin contains its own paths.
            // No user name, query or fragment was accepted.
            let written = origin.to_string();
            prop_assert_eq!(&written.parse::<Origin>().unwrap(), &origin);
            let inside: Uri = format!("{written}/x").parse().unwrap();
            prop_assert!(origin.contains(&inside));
            prop_assert!(!text.contains('@') && !text.contains('?') && !text.contains('#'));
        }
        drop(Config::builder(ORIGIN, crate::fixture::credentials()).login_path(text).build());
    }

    /// The `url` crate, which follows the browsers' standard, reads the authority: the host and its
    /// port follow the last `@`.
    #[test]
    fn token_goes_only_to_configured_origin(
        user in select(vec!["", "me@", "api.waldo.ai@", "api.waldo.ai:443@", "a:b@"]),
        host in select(vec!["api.waldo.ai", "API.WALDO.AI", "api.waldo.ai.", "evil.example", "api.waldo.ai.evil.example", "[::1]"]),
        port in select(vec!["", ":", ":443", ":0443", ":80", ":8443", ":65979", ":+443", ":-443", ":443x"]),
        scheme in select(vec!["https", "HTTPS", "http", "ws", "wss"]),
    ) {
        let (mut fixture, _) = Fixture::warm();
        let Ok(uri) = format!("{scheme}://{user}{host}{port}/x").parse::<Uri>() else { return Ok(()) };
        let mut request = Request::get(uri).body(()).unwrap();
        let attached = fixture.attach(&mut request).is_ok();
        let expected = scheme.eq_ignore_ascii_case("https")
            && host.eq_ignore_ascii_case("api.waldo.ai")
            && matches!(port, "" | ":" | ":443" | ":0443");
        prop_assert_eq!(attached, expected);
        prop_assert_eq!(request.headers().contains_key(AUTHORIZATION), expected);
    }

    #[test]
    fn a_renewed_token_is_sent_back_byte_for_byte(payload in payload(), scheme in select(vec!["", "Bearer ", "bearer:"])) {
        let (mut fixture, before) = Fixture::warm();
        let token = jwt_of(payload.as_bytes());
        let sent = fixture.send(Call::replayable());
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("{scheme}{token}")).unwrap());
        fixture.deliver_with(sent.attempt, 200, &headers);
        let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&payload).is_ok();
        if let Explanation::Send { generation: 1, .. } = fixture.session.explain(fixture.now()) {
            prop_assert!(!is_object, "{}", payload);
            prop_assert_eq!(fixture.held(), before);
        } else {
            let kept = fixture.session.snapshot(fixture.now()).unwrap().to_json();
            prop_assert!(kept.contains(&token), "{}", payload);
        }
    }

    /// If the oracle can read the dates of a payload, the lifetime follows from those dates.
    #[test]
    fn the_claims_are_read_as_the_oracle_reads_them(payload in payload()) {
        let token = jwt_of(payload.as_bytes());
        let oracle = jsonwebtoken::dangerous::insecure_decode_claims::<serde_json::Map<String, serde_json::Value>>(&token);
        let (login, _) = Fixture::new().lead(Call::replayable());
        let outcome = grant_of(&login, &token);
        let Ok(claims) = oracle else {
            // The oracle cannot read `1e999`. Every other payload that it cannot read is no object
            // of claims.
            let readable = matches!(outcome, Outcome::Granted(_));
            prop_assert!(!readable || payload.contains("999") || payload.contains("ud800"), "{}", payload);
            return Ok(());
        };
        prop_assert!(matches!(outcome, Outcome::Granted(_)), "{}", payload);
        // Dates are read to the millisecond, in the range of an `i64` of milliseconds.
        #[expect(clippy::cast_precision_loss, reason = "the ends and the epoch need no precision")]
        let (least, most, local) = (i64::MIN as f64, i64::MAX as f64, EPOCH as f64 * 1000.0);
        let date = |name: &str| {
            let number = claims.get(name).filter(|value| value.is_number()).and_then(serde_json::Value::as_f64);
            number.map(|seconds| (seconds * 1000.0).floor().clamp(least, most))
        };
        let expected = date("exp").and_then(|exp| {
            match date("iat") {
                Some(iat) => Some(exp - iat).filter(|span| *span > 0.0),
                None => Some(exp - local).filter(|span| *span > 0.0 && *span <= 86_400_000.0),
            }
        });
        let expected = expected.unwrap_or(3_600_000.0) / 1000.0;
        let mut fixture = Fixture::new();
        let (login, _) = fixture.lead(Call::replayable());
        fixture.grant(login, &token);
        let Explanation::Send { left, .. } = fixture.session.explain(fixture.now()) else { panic!("{payload}") };
        let close = (left.as_secs_f64() - expected).abs() <= 0.0005 + expected * 1e-9;
        prop_assert!(close || expected > 9e15, "{:?}, expected {}: {}", left, expected, payload);
    }

    /// Rule 5: several tokens answer one held token. The session keeps the latest of them, in any
    /// order of arrival.
    #[test]
    fn the_order_of_responses_does_not_matter(
        ends in vec(1..20_i64, 1..8), first in any::<prop::sample::Index>(),
    ) {
        let run = |rotate: usize, reverse: bool| {
            let (mut fixture, _) = Fixture::warm();
            // The token that ends first comes first. The order of all later tokens is then unknown.
            let opener = fixture.send(Call::replayable());
            let mut sent: Vec<_> = ends
                .iter()
                .map(|end| {
                    let attempt = fixture.send(Call::replayable()).attempt;
                    (attempt, crate::fixture::jwt(&format!(r#"{{"exp":{}}}"#, EPOCH.cast_signed() + 3600 + end)))
                })
                .collect();
            sent.rotate_left(rotate);
            if reverse {
                sent.reverse();
            }
            let first = crate::fixture::jwt(&format!(r#"{{"exp":{}}}"#, EPOCH + 3600));
            fixture.renew(opener.attempt, &first);
            for (attempt, token) in sent {
                fixture.deliver_with(attempt, 200, &bearer(&token));
            }
            fixture.held()
        };
        let expected = run(0, false);
        let rotate = first.index(ends.len());
        prop_assert_eq!(run(rotate, false), expected.clone());
        prop_assert_eq!(run(rotate, true), expected.clone());
        let latest = ends.iter().max().unwrap();
        let latest = crate::fixture::jwt(&format!(r#"{{"exp":{}}}"#, EPOCH.cast_signed() + 3600 + latest));
        prop_assert_eq!(expected, latest);
    }
}

#[test]
fn claim_reader_handles_known_awkward_tokens() {
    // The oracle accepts a token with an empty signature. The reader does not.
    let (login, _) = Fixture::new().lead(Call::replayable());
    assert!(
        jsonwebtoken::dangerous::insecure_decode_claims::<serde_json::Value>("e30.e30.").is_ok()
    );
    for token in ["e30.e30.", "e30.e30", "e30.e30.e30.e30"] {
        let outcome = read(&login, 200, &HeaderMap::new(), &format!(r#"{{"token":"{token}"}}"#));
        assert!(matches!(outcome, Outcome::Unavailable(_)), "{token}");
    }
    // The reader uses no deep recursion for nested values, up to the largest token.
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(6000), "]".repeat(6000));
    let token = format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(deep));
    assert!(token.len() <= 16 * 1024);
    assert!(matches!(grant_of(&login, &token), Outcome::Granted(_)));
    let deep = format!(r#"{{"exp":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let token = format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(deep));
    assert!(matches!(grant_of(&login, &token), Outcome::Granted(_)));
    let body = "[".repeat(60_000);
    assert!(matches!(read(&login, 200, &HeaderMap::new(), &body), Outcome::Unavailable(_)));
    // A malformed header also writes an entry, and changes nothing else.
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    fixture.deliver_with(sent.attempt, 200, &bearer("e30.e30."));
    assert!(matches!(fixture.last_event(), Event::Ignored { .. }));
}
