//! Rules 1 to 4: the requests, the responses and the headers on the wire.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use waldo_auth_core::{
    Call, Config, Credentials, Event, Head, Ignored, Origin, Outcome, Reason, RejectionCode,
};

use crate::fixture::{Fixture, ORIGIN, bearer, credentials, headers, jwt, millis, read, secs, uri};

#[test]
fn rule_01_login_posts_json_to_authenticate_path() {
    let (login, _) = Fixture::new().lead(Call::replayable());
    let request = login.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://api.waldo.ai/authenticate");
    assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(request.headers()[ACCEPT], "application/json");
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"apiKey": "wk.key-canary", "clientSecret": "ws.secret-canary"})
    );
}

#[test]
fn rule_01_the_login_never_carries_an_authorization_header() {
    let (mut fixture, _) = Fixture::warm();
    fixture.pass(secs(3600));
    // The last token has expired, but the session still holds it.
    let (login, _) = fixture.lead(Call::replayable());
    assert!(!login.request().headers().contains_key(AUTHORIZATION));
}

#[test]
fn rule_01_configured_login_path_stays_at_origin() {
    let config = |path: &str| Config::builder(ORIGIN, credentials()).login_path(path).build();
    let (login, _) = Fixture::of(config("/v2/authentication").unwrap()).lead(Call::replayable());
    assert_eq!(login.request().uri(), "https://api.waldo.ai/v2/authentication");
    for path in [
        "",
        "authenticate",
        "@evil.example/",
        ".evil.example/",
        ":8443/",
        "https://evil.example/",
        "/a b",
        "/a#b",
        "/\n",
    ] {
        assert!(config(path).is_err(), "{path:?}");
    }
    // A path may begin with two slashes. Its first segment is not a host.
    let (login, _) = Fixture::of(config("//evil.example/x").unwrap()).lead(Call::replayable());
    assert_eq!(login.request().uri().host(), Some("api.waldo.ai"));
}

#[test]
fn rule_02_any_success_with_a_token_is_a_grant() {
    for status in [200, 201, 202, 204, 299] {
        let mut fixture = Fixture::new();
        let (login, call) = fixture.lead(Call::replayable());
        let token = fixture.fresh();
        let outcome = read(&login, status, &HeaderMap::new(), &format!(r#"{{"token":"{token}"}}"#));
        fixture.settle(login, outcome);
        assert_eq!(fixture.send(call).token, token);
    }
}

#[test]
fn rule_02_bearer_prefix_in_body_is_removed() {
    for prefix in ["Bearer ", "bearer ", "BEARER:", " Bearer  "] {
        let mut fixture = Fixture::new();
        let (login, call) = fixture.lead(Call::replayable());
        let token = fixture.fresh();
        let outcome =
            read(&login, 200, &HeaderMap::new(), &format!(r#"{{"token":"{prefix}{token}"}}"#));
        fixture.settle(login, outcome);
        assert_eq!(fixture.send(call).token, token, "{prefix:?}");
    }
}

#[test]
fn rule_02_the_header_counts_where_the_body_has_no_token() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    let outcome = read(&login, 201, &bearer(&token), r#"{"token":"undefined"}"#);
    fixture.settle(login, outcome);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_02_oversized_body_or_token_is_refused() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    let padded = |pad: usize| format!(r#"{{"token":"{token}","pad":"{}"}}"#, "p".repeat(pad));
    let frame = padded(0).len();
    let reason = |body: &str| match read(&login, 200, &HeaderMap::new(), body) {
        Outcome::Unavailable(failure) => Some(failure.reason()),
        Outcome::Granted(_) => None,
        other @ (Outcome::Rejected(_) | Outcome::FailedElsewhere(_) | Outcome::Abandoned) => {
            panic!("{other:?}")
        }
    };
    assert_eq!(reason(&padded(64 * 1024 - frame)), None);
    assert_eq!(reason(&padded(64 * 1024 - frame + 1)), Some(Reason::BodyTooLarge));
    let with_token_of =
        |length: usize| format!(r#"{{"token":"e30.e30.{}"}}"#, "c".repeat(length - 8));
    assert_eq!(reason(&with_token_of(16 * 1024)), None);
    assert_eq!(reason(&with_token_of(16 * 1024 + 4)), Some(Reason::NoToken));
}

#[test]
fn rule_02_json_code_with_400_401_403_is_rejection() {
    for (status, text, code) in [
        (400, "MISSING_PARAMETERS", RejectionCode::MissingParameters),
        (401, "INVALID_API_KEY", RejectionCode::InvalidApiKey),
        (403, "API_KEY_REVOKED", RejectionCode::ApiKeyRevoked),
        (403, "SOMETHING_NEW", RejectionCode::Other("SOMETHING_NEW".into())),
    ] {
        let (login, _) = Fixture::new().lead(Call::replayable());
        match read(
            &login,
            status,
            &HeaderMap::new(),
            &format!(r#"{{"message":"m","code":"{text}"}}"#),
        ) {
            Outcome::Rejected(rejection) => {
                assert_eq!(*rejection.code(), code);
                assert_eq!(rejection.status(), status);
                assert_eq!(rejection.code().as_str(), text);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rule_02_everything_else_is_unavailable() {
    let (login, _) = Fixture::new().lead(Call::replayable());
    let large = "<p>a proxy's error page</p>".repeat(5000);
    for (status, body) in [
        (403, "<html>Request blocked by the firewall</html>"),
        (400, "{'code': 'MISSING_PARAMETERS'}"),
        (401, r#"{"code":null}"#),
        (401, r#"["INVALID_API_KEY"]"#),
        (404, r#"{"code":"NOT_FOUND"}"#),
        (422, r#"{"code":"INVALID_API_KEY"}"#),
        (429, r#"{"code":"API_KEY_REVOKED"}"#),
        (302, r#"{"code":"API_KEY_REVOKED"}"#),
        (500, r#"{"code":"API_KEY_REVOKED"}"#),
        (503, ""),
        (502, large.as_str()),
        (403, large.as_str()),
    ] {
        match read(&login, status, &HeaderMap::new(), body) {
            Outcome::Unavailable(failure) => {
                assert_eq!(failure.reason(), Reason::Status(StatusCode::from_u16(status).unwrap()));
                assert!(
                    failure
                        .reason()
                        .to_string()
                        .starts_with(&format!("the server answered {status}"))
                );
            }
            other => panic!("{status} {body}: {other:?}"),
        }
    }
    for body in ["", "{}", r#"{"token":7}"#, r#"{"token":"x"}"#, "[]"] {
        match read(&login, 200, &HeaderMap::new(), body) {
            Outcome::Unavailable(failure) => assert_eq!(failure.reason(), Reason::NoToken),
            other => panic!("{body}: {other:?}"),
        }
    }
}

/// Seen in serde-rs/json#495: Half a surrogate pair makes a whole text unreadable.
/// Seen in DollhouseMCP/mcp-server#2520: A reader that is stricter than the writer makes good
/// credentials unreadable.
#[test]
fn rule_02_faults_beside_token_or_code_do_no_harm() {
    let bodies = |name: &str, text: &str| {
        let member = format!(r#""{name}":"{text}""#);
        let utf_16 =
            |json: String| json.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let bytes = |before: &[u8], after: &[u8]| [before, member.as_bytes(), after].concat();
        vec![
            bytes(b"\xef\xbb\xbf{", b"}"),
            bytes(b"{", br#","name":"\ud83d"}"#),
            bytes(br#"{"name":"\ud83d","#, b"}"),
            bytes(b"{", br#","n":1e999}"#),
            bytes(br#"{"n":-1e999,"m":NaN,"#, b"}"),
            bytes(b"{\"name\":\"J\xf6rg\nM\x00\",", b"}"),
            bytes(b"{", b"}\r\n<!-- cached -->"),
            bytes(br#"{"token":7,"code":7,"#, b"}"),
            bytes(
                [&br#"{"deep":"#[..], &b"[".repeat(500), &b"]".repeat(500), b","]
                    .concat()
                    .as_slice(),
                b"}",
            ),
            utf_16(format!("{{{member}}}")),
            utf_16(format!("\u{feff}{{{member}}}")),
        ]
    };
    let token = jwt(r#"{"exp":1800003600}"#);
    for body in bodies("token", &token) {
        let mut fixture = Fixture::new();
        let (login, call) = fixture.lead(Call::replayable());
        let outcome = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), &body);
        fixture.settle(login, outcome);
        assert_eq!(fixture.send(call).token, token, "{}", body.escape_ascii());
    }
    for body in bodies("code", "INVALID_API_KEY") {
        let (login, _) = Fixture::new().lead(Call::replayable());
        let outcome = login.read(Head::new(StatusCode::UNAUTHORIZED, &HeaderMap::new()), &body);
        assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?} of {}", body.escape_ascii());
    }
}

#[test]
fn rule_02_a_compressed_answer_says_so() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0";
    let zstd = b"\x28\xb5\x2f\xfd\x04";
    let reason = |status: u16, coding: Option<&str>, body: &[u8]| {
        let map = headers(
            &coding.map(|coding| ("content-encoding", coding)).into_iter().collect::<Vec<_>>(),
        );
        let (login, _) = Fixture::new().lead(Call::replayable());
        match login.read(Head::new(StatusCode::from_u16(status).unwrap(), &map), body) {
            Outcome::Unavailable(failure) => Some(failure.reason()),
            Outcome::Granted(_)
            | Outcome::Rejected(_)
            | Outcome::FailedElsewhere(_)
            | Outcome::Abandoned => None,
        }
    };
    for status in [200, 201, 400, 401, 403] {
        let compressed = Some(Reason::Compressed(StatusCode::from_u16(status).unwrap()));
        for (coding, body) in [
            (Some("gzip"), &gzip[..]),
            (Some("br"), b"\x0b\x02\x80"),
            (Some(" Deflate "), b"\x78\x9c\x03\0"),
            (Some("identity, gzip"), b"?"),
            (None, gzip),
            (None, zstd),
            (None, b"\x78\x9c\x03\0"),
            (Some("gzip"), &vec![0; 70_000]),
        ] {
            assert_eq!(
                reason(status, coding, body),
                compressed,
                "{status} {coding:?} {}",
                body.len()
            );
        }
    }
    assert_eq!(
        reason(503, Some("gzip"), gzip),
        Some(Reason::Status(StatusCode::SERVICE_UNAVAILABLE))
    );
    assert_eq!(reason(200, Some("identity"), b"{}"), Some(Reason::NoToken));
    assert_eq!(reason(200, Some(""), b"{}"), Some(Reason::NoToken));
    assert_eq!(
        reason(200, Some("gzip"), br#"{"token":"e30.e30.e30"}"#),
        None,
        "the stack has decoded the body"
    );
    assert_eq!(reason(401, Some("gzip"), br#"{"code":"INVALID_API_KEY"}"#), None);
    let said = Reason::Compressed(StatusCode::OK).to_string();
    assert!(said.contains("compressed") && said.contains("switch compression off"), "{said}");
}

#[test]
fn rule_02_a_misread_is_not_made_permanent() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let outcome = read(&login, 403, &HeaderMap::new(), "<html>Request blocked</html>");
    fixture.settle(login, outcome);
    let (call, until) = fixture.wait(call);
    fixture.pass_until(until);
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_02_retry_after_seconds_or_date_is_capped() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for (pairs, wait) in [
        (vec![("retry-after", "120")], 120),
        (vec![("retry-after", "3601")], 3600),
        (vec![("retry-after", "99999999999999999999999999999999")], 3600),
        (vec![date, ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT")], 120),
        (vec![date, ("retry-after", "Sat, 06 Nov 2094 08:49:37 GMT")], 3600),
        // A cache has kept the response. Its `Date` gives no lifetime, but the retry date still
        // counts from that `Date`.
        (vec![date, ("age", "5"), ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT")], 120),
        // Without a `Date`, the local clock counts. The local clock is in 2027.
        (vec![("retry-after", "Fri, 15 Jan 2027 08:01:00 GMT")], 60),
    ] {
        let mut fixture = Fixture::new();
        let (login, call) = fixture.lead(Call::replayable());
        let outcome = read(&login, 429, &headers(&pairs), "");
        fixture.settle(login, outcome);
        assert_eq!(fixture.wait(call).1, fixture.after(secs(wait)), "{pairs:?}");
    }
}

#[test]
fn rule_03_sensitive_bearer_header_replaces_earlier_values() {
    let (mut fixture, token) = Fixture::warm();
    let mut request = Request::get("https://api.waldo.ai/customer")
        .header(AUTHORIZATION, "Basic abc")
        .header(AUTHORIZATION, "Bearer stale")
        .body(())
        .unwrap();
    let attempt = fixture.attach(&mut request).unwrap();
    let values: Vec<&HeaderValue> = request.headers().get_all(AUTHORIZATION).iter().collect();
    assert_eq!(values, [&HeaderValue::try_from(format!("Bearer {token}")).unwrap()]);
    assert!(values.iter().all(|value| value.is_sensitive()));
    fixture.deliver(attempt, 200);
}

#[test]
fn rule_03_renewed_token_is_always_sent_as_bearer() {
    for form in ["Bearer {}", "bearer {}", "BEARER  {}", "Bearer:{}", "{}", "  {}  "] {
        let (mut fixture, _) = Fixture::warm();
        let newer = fixture.fresh();
        let sent = fixture.send(Call::replayable());
        fixture.deliver_with(
            sent.attempt,
            200,
            &headers(&[("authorization", &form.replace("{}", &newer))]),
        );
        let mut request = Request::get("https://api.waldo.ai/").body(()).unwrap();
        let _attempt = fixture.attach(&mut request).unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {newer}"), "{form}");
        assert!(request.headers()[AUTHORIZATION].is_sensitive(), "{form}");
    }
}

#[test]
fn rule_20_code_echoing_key_with_stripped_characters_is_redacted() {
    for key in ["wk key-canary", "wk\u{e9}key-canary"] {
        let credentials = Credentials::new(key, "s").unwrap();
        let mut fixture = Fixture::of(Config::builder(ORIGIN, credentials).build().unwrap());
        let (login, _) = fixture.lead(Call::replayable());
        let Outcome::Rejected(rejection) =
            read(&login, 401, &HeaderMap::new(), &format!(r#"{{"code":"no {key}"}}"#))
        else {
            panic!("expected a rejection")
        };
        assert_eq!(rejection.code().as_str(), "\u{2026}");
    }
}

#[test]
fn rule_03_foreign_origin_fails_before_any_login() {
    let mut fixture = Fixture::new();
    for target in [
        "https://evil.example/",
        "http://api.waldo.ai/",
        "https://api.waldo.ai:8443/",
        "https://api.waldo.ai.evil.example/",
        "https://api.waldo.ai@evil.example/",
        "ftp://api.waldo.ai/",
    ] {
        let mut request = Request::get(target).body(()).unwrap();
        assert!(fixture.attach(&mut request).is_err(), "{target}");
        assert_eq!((fixture.logins, fixture.session.journal().written()), (0, 0), "{target}");
    }
}

#[test]
fn rule_03_the_token_goes_to_the_sessions_origin_only() {
    for (target, allowed) in [
        ("https://api.waldo.ai/x", true),
        ("https://API.Waldo.AI/x?y=z", true),
        ("https://api.waldo.ai:443/x", true),
        ("https://api.waldo.ai:/x", true),
        ("HTTPS://api.waldo.ai/x", true),
        ("http://api.waldo.ai/x", false),
        ("http://api.waldo.ai:443/x", false),
        ("https://api.waldo.ai:8443/x", false),
        ("https://api.waldo.ai:80/x", false),
        ("https://api.waldo.ai:65979/x", false), // 443 + 65536
        ("https://waldo.ai/x", false),
        ("https://evil-api.waldo.ai/x", false),
        ("https://api.waldo.ai.evil.example/x", false),
        ("https://api.waldo.ai./x", false),
        ("https://me:p@ss@api.waldo.ai/x", true),
        ("https://api.waldo.ai@evil.example/x", false),
        ("https://api.waldo.ai:443@evil.example/x", false),
        ("https://api.waldo.ai%2f@evil.example/x", false),
        ("https://evil.example/https://api.waldo.ai/", false),
        ("https://evil.example?https://api.waldo.ai/", false),
        ("https://127.0.0.1/x", false),
        ("ftp://api.waldo.ai/x", false),
        ("wss://api.waldo.ai/x", false),
        ("/x", false),
    ] {
        let (mut fixture, _) = Fixture::warm();
        let mut request =
            Request::get(uri(target)).header(AUTHORIZATION, "Basic mine").body(()).unwrap();
        match fixture.attach(&mut request) {
            Ok(_attempt) => assert!(allowed, "{target}"),
            Err(error) => {
                assert!(!allowed, "{target}");
                assert_eq!(
                    request.headers()[AUTHORIZATION],
                    "Basic mine",
                    "the request is unchanged"
                );
                assert!(error.to_string().contains("https://api.waldo.ai"), "{error}");
                assert!(!error.to_string().contains("evil"), "{error}");
            }
        }
    }
}

#[test]
fn rule_03_https_is_required_except_on_loopback() {
    let build = |origin: &str| Config::builder(origin, credentials()).build();
    for origin in
        ["http://localhost:8787", "http://127.0.0.1", "http://[::1]:1", "https://example.com"]
    {
        assert!(build(origin).is_ok(), "{origin}");
    }
    for origin in [
        "http://api.waldo.ai",
        "http://192.168.0.1",
        "http://0.0.0.0",
        "http://localhost.evil.example",
        "http://evil-localhost",
        "http://evil.localhost",
    ] {
        assert!(build(origin).is_err(), "{origin}");
    }
}

/// The token that is held after a 200 with these headers, or the reason why the headers were
/// ignored.
fn renewed(values: &[&str]) -> Result<String, Option<Ignored>> {
    let (mut fixture, old) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    let pairs: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
    fixture.deliver_with(sent.attempt, 200, &headers(&pairs));
    let held = fixture.held();
    if held != old {
        return Ok(held);
    }
    Err(match fixture.last_event() {
        Event::Ignored { why } => Some(why),
        _ => None,
    })
}

#[test]
fn rule_04_a_fresh_token_is_read_in_every_form() {
    let newer = jwt(r#"{"exp":1800009000}"#);
    for form in [
        "Bearer {}",
        "bearer {}",
        "bEaReR {}",
        "Bearer:{}",
        "Bearer: {}",
        "Bearer\t{}",
        "{}",
        " {} ",
    ] {
        assert_eq!(renewed(&[&form.replace("{}", &newer)]), Ok(newer.clone()), "{form:?}");
    }
}

#[test]
fn rule_04_invalid_renewed_token_is_journalled_and_ignored() {
    let oversized = format!("Bearer e30.e30.{}", "c".repeat(16 * 1024));
    for (value, why) in [
        ("", Ignored::Blank),
        (" ", Ignored::Blank),
        ("Bearer", Ignored::Blank),
        ("Bearer ", Ignored::Blank),
        ("from scheme response function", Ignored::NotJwt),
        ("undefined", Ignored::NotJwt),
        ("Bearer null", Ignored::NotJwt),
        ("Bearer Bearer e30.e30.e30", Ignored::NotJwt),
        ("Basic e30.e30.e30", Ignored::NotJwt),
        ("e30.e30", Ignored::NotJwt),
        ("e30.e30.e30.e30", Ignored::NotJwt),
        ("e30.W10.e30", Ignored::NotJwt),
        ("e30.e30.", Ignored::NotJwt),
        ("Bearer e30.e30.e30 Bearer e30.e30.e30", Ignored::NotJwt),
        ("Bearer e30.e30.e30; Bearer e30.e30.e30", Ignored::NotJwt),
        (", ,", Ignored::Blank),
        ("e30=.e30=.e30", Ignored::NotJwt),
        ("\u{e9}", Ignored::NotJwt),
        (&oversized, Ignored::Oversized),
    ] {
        assert_eq!(renewed(&[value]), Err(Some(why)), "{value:?}");
    }
}

#[test]
fn rule_04_header_bytes_that_are_no_text_are_malformed() {
    let (mut fixture, old) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    let mut map = HeaderMap::new();
    map.append(AUTHORIZATION, HeaderValue::from_bytes(b"\xff\xfe.\x80.\xc3").unwrap());
    map.append(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    fixture.deliver_with(sent.attempt, 200, &map);
    assert_eq!(fixture.held(), old);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::NotJwt });
}

#[test]
fn rule_04_every_value_is_looked_at() {
    let newer = jwt(r#"{"exp":1800009000}"#);
    let canonical = format!("Bearer {newer}");
    assert_eq!(renewed(&["malformed", "", &canonical]), Ok(newer.clone()));
    assert_eq!(renewed(&[&canonical, "malformed"]), Ok(newer.clone()));
    // The token that ends later is kept, in either order.
    let earlier = format!("Bearer {}", jwt(r#"{"exp":1800008000}"#));
    assert_eq!(renewed(&[&earlier, &canonical]), Ok(newer.clone()));
    assert_eq!(renewed(&[&canonical, &earlier]), Ok(newer));
}

/// Seen in brefphp/bref#1691: A gateway joins the lines of a header by a comma.
#[test]
fn rule_04_values_joined_by_a_comma_are_several_values() {
    let newer = jwt(r#"{"exp":1800009000}"#);
    let earlier = jwt(r#"{"exp":1800008000}"#);
    for joined in [
        format!("Bearer {newer}, Bearer {newer}"),
        format!("Bearer {newer},Bearer {newer}"),
        format!("{newer} , {newer}"),
        format!("Bearer {newer},"),
        format!(",, bearer:{newer}"),
        format!("Basic realm=\"a, b\", Bearer {newer}"),
        format!("Bearer {earlier}, Bearer {newer}"),
        format!("Bearer {newer}, Bearer {earlier}"),
    ] {
        assert_eq!(renewed(&[&joined]), Ok(newer.clone()), "{joined}");
        assert_eq!(renewed(&["malformed, malformed", &joined]), Ok(newer.clone()), "{joined}");
        let mut fixture = Fixture::new();
        let (login, call) = fixture.lead(Call::replayable());
        let outcome = read(&login, 200, &headers(&[("authorization", &joined)]), "");
        fixture.settle(login, outcome);
        assert!([&newer, &earlier].contains(&&fixture.send(call).token), "{joined}");
    }
    // A header that repeats the held token twice changes nothing.
    let (mut fixture, old) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    let written = fixture.session.journal().written();
    fixture.deliver_with(
        sent.attempt,
        200,
        &headers(&[("authorization", &format!("Bearer {old}, Bearer {old}"))]),
    );
    assert_eq!((fixture.held(), fixture.session.journal().written()), (old, written));
}

#[test]
fn rule_04_tokens_are_taken_from_successes_only() {
    for status in [100, 103, 300, 302, 304, 307, 400, 403, 404, 409, 422, 429, 500, 503] {
        let (mut fixture, old) = Fixture::warm();
        let sent = fixture.send(Call::replayable());
        let newer = fixture.fresh();
        fixture.deliver_with(sent.attempt, status, &bearer(&newer));
        assert_eq!(fixture.held(), old, "{status}");
    }
    for status in [200, 201, 204, 206] {
        let (mut fixture, _) = Fixture::warm();
        let sent = fixture.send(Call::replayable());
        let newer = fixture.fresh();
        fixture.deliver_with(sent.attempt, status, &bearer(&newer));
        assert_eq!(fixture.held(), newer, "{status}");
    }
}

#[test]
fn rule_04_the_token_on_a_401_is_not_taken() {
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::one_shot());
    let newer = fixture.fresh();
    fixture.deliver_with(sent.attempt, 401, &bearer(&newer));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_04_no_renewal_means_keep_what_is_held() {
    let (mut fixture, old) = Fixture::warm();
    for _ in 0..3 {
        let sent = fixture.send(Call::replayable());
        fixture.pass(millis(10));
        fixture.deliver(sent.attempt, 200);
    }
    assert_eq!(fixture.held(), old);
    assert_eq!(fixture.logins, 1);
}

#[test]
fn rule_03_a_port_is_digits() {
    let origin: Origin = "https://api.waldo.ai:8443".parse().unwrap();
    assert!(origin.contains(&uri("https://api.waldo.ai:8443/")));
    assert!(!origin.contains(&uri("https://api.waldo.ai:+8443/")));
    assert!("https://api.waldo.ai:+8443".parse::<Origin>().is_err());
}
