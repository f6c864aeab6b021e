//! Every answer the API documents.

use http::Request;
use serde_json::{Value, json};
use waldo_test_driver::server::{Policy, Server, UnknownPaths};

use crate::caller::{Caller, authorization, body, error, login_request, pair, refusal};

const REVOKED: &str =
    "This API key has been revoked. Please visit the Waldo AI dashboard to review your API key.";

#[test]
fn login_response_contains_only_a_token() {
    let mut caller = Caller::new();
    let response = caller.try_login();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = body(&response);
    assert_eq!(body.as_object().unwrap().len(), 1);
    assert_eq!(body["token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(authorization(&response), None);
}

#[test]
fn a_login_without_both_parameters_is_a_400() {
    let mut caller = Caller::new();
    let expected = refusal(400, "MISSING_PARAMETERS", "Missing parameters");
    let bodies = [
        json!({}),
        json!({ "apiKey": Server::KEY_ID }),
        json!({ "clientSecret": Server::KEY_SECRET }),
        json!({ "apiKey": "", "clientSecret": "" }),
        json!({ "apiKey": 5, "clientSecret": null }),
        json!([]),
        json!("text"),
    ];
    for body in &bodies {
        assert_eq!(error(&caller.login_with(body)), expected, "{body}");
    }
    let form = Request::post("/authenticate").body(b"apiKey=a&clientSecret=b".to_vec()).unwrap();
    assert_eq!(error(&caller.answer(&form)), expected);
    let refused = &caller.server.stats().logins_refused;
    assert_eq!(refused.get("MISSING_PARAMETERS"), Some(&(bodies.len() as u64 + 1)));
}

#[test]
fn login_with_wrong_credentials_gets_401() {
    let mut caller = Caller::new();
    let expected = refusal(401, "INVALID_API_KEY", "Invalid API key");
    for (id, secret) in
        [(Server::KEY_ID, "wrong"), ("wrong", Server::KEY_SECRET), ("wrong", "wrong")]
    {
        let response = caller.login_with(&json!({ "apiKey": id, "clientSecret": secret }));
        assert_eq!(error(&response), expected);
    }
    let stats = caller.server.stats();
    assert_eq!((stats.logins_granted, stats.calls_unauthorized), (0, 0), "a login is not a call");
    assert_eq!(stats.requests.get(&401), Some(&3));
}

#[test]
fn a_login_with_a_revoked_key_is_a_403() {
    let mut caller = Caller::new();
    assert!(caller.server.revoke_key(Server::KEY_ID));
    assert_eq!(error(&caller.try_login()), refusal(403, "API_KEY_REVOKED", REVOKED));
}

#[test]
fn a_login_is_json_whatever_its_content_type_says() {
    let mut caller = Caller::new();
    for content_type in ["application/json", "application/x-www-form-urlencoded", "text/plain"] {
        let mut request = login_request(&pair());
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        assert_eq!(caller.answer(&request).status(), 200, "{content_type}");
    }
    assert_eq!(caller.answer(&login_request(&pair())).status(), 200, "none at all");
}

#[test]
fn the_path_of_the_login_can_be_another() {
    let mut caller =
        Caller::of(Policy { login_path: "/authentication".to_owned(), ..Policy::default() });
    assert_eq!(caller.try_login().status(), 403, "the usual path is an ordinary one then");
    let request = Request::post("/authentication").body(pair().to_string().into_bytes()).unwrap();
    assert_eq!(caller.answer(&request).status(), 200);
}

#[test]
fn call_without_token_gets_403_not_401() {
    let mut caller = Caller::new();
    let request = Request::get("/customer?email=a").body(Vec::new()).unwrap();
    assert_eq!(error(&caller.answer(&request)), refusal(403, "NOT_AUTHORIZED", "Not authorized."));
    assert_eq!(caller.server.stats().token_checks, 0);
}

#[test]
fn a_call_with_an_invalid_token_is_a_401() {
    let mut caller = Caller::new();
    let good = caller.login();
    let tampered = format!("{}x", &good[..good.len() - 1]);
    let other_claims =
        good.replacen(good.split('.').nth(1).unwrap(), "eyJleHAiOjk5OTk5OTk5OTl9", 1);
    for bad in
        ["", "x", "a.b.c", "a.b.c.d", &tampered, &other_claims, &format!("{good}.x"), "not a token"]
    {
        let response = caller.get("/customer?email=a", bad);
        assert_eq!(error(&response), refusal(401, "INVALID_TOKEN", "Invalid token."), "{bad}");
        assert_eq!(authorization(&response), None, "no renewal on a refusal");
    }
    assert_eq!(caller.status(&good), 200);
    assert_eq!(caller.server.stats().calls_unauthorized, 8);
}

#[test]
fn call_with_revoked_key_gets_403() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.revoke_key(Server::KEY_ID);
    assert_eq!(
        error(&caller.get("/customer?email=a", &token)),
        refusal(403, "API_KEY_REVOKED", REVOKED)
    );
}

#[test]
fn a_successful_call_brings_a_fresh_token_that_works() {
    let mut caller = Caller::new();
    let first = caller.login();
    let second = caller.renew(&first);
    assert_ne!(first, second);
    assert_eq!(caller.status(&second), 200);
    assert_eq!(caller.server.stats().renewals_issued, 2);
}

#[test]
fn the_endpoints_answer_in_small() {
    let mut caller = Caller::new();
    let token = caller.login();
    let onboard = body(&caller.post("/onboard", &token, "{}"));
    assert_eq!(onboard["event"], "onboard");
    for part in ["requestId", "customerId", "uri"] {
        assert!(onboard[part].is_string(), "{part}");
    }
    assert!(
        onboard["evaluation"]["type"].is_string() && onboard["evaluation"]["status"].is_string()
    );
    assert_eq!(body(&caller.post("/check-fraud", &token, "{}"))["event"], "check-fraud");
    assert_eq!(body(&caller.post("/flag", &token, r#"{"customerId": "c"}"#))["customerId"], "c");
    assert_eq!(body(&caller.post("/document", &token, "multipart"))["bytes"], 9);
    assert_eq!(body(&caller.get("/customer?email=a%40b.c", &token))["email"], "a%40b.c");
    assert_eq!(body(&caller.get("/history/kyc/c-7", &token))["customerId"], "c-7");
    assert_eq!(body(&caller.get("/history/fraud/c-7", &token))["type"], "fraud");
}

#[test]
fn the_endpoints_refuse_what_they_cannot_use() {
    let mut caller = Caller::new();
    let token = caller.login();
    let oversize = "x".repeat((10 << 20) + 1);
    let cases = [
        (caller.post("/onboard", &token, "no json"), 400, "INVALID_DATA"),
        (caller.post("/check-fraud", &token, "[]"), 400, "INVALID_DATA"),
        (caller.post("/flag", &token, "{}"), 400, "MISSING_DATA"),
        (caller.post("/document", &token, ""), 400, "MISSING_DATA"),
        (caller.post("/document", &token, &oversize), 400, "INVALID_DATA"),
        (caller.get("/customer", &token), 400, "INVALID_QUERY"),
        (caller.get("/customer?email=", &token), 400, "INVALID_QUERY"),
        (caller.get("/customer?email=unknown", &token), 404, "NOT_FOUND"),
        (caller.get("/history/kyc/unknown", &token), 404, "NOT_FOUND"),
        (caller.get("/history/fraud/", &token), 404, "NOT_FOUND"),
    ];
    for (response, status, code) in cases {
        let (was_status, was_code, _) = error(&response);
        assert_eq!((was_status, was_code.as_str()), (status, code));
    }
}

#[test]
fn customer_error_shows_a_working_query() {
    let mut caller = Caller::new();
    let token = caller.login();
    for target in ["/customer", "/customer?", "/customer?email", "/customer?email=", "/customer?=a"]
    {
        let (status, code, message) = error(&caller.get(target, &token));
        assert_eq!((status, code.as_str()), (400, "INVALID_QUERY"), "{target}");
        let (_, example) = message.split_once("such as ").unwrap();
        let example = example.trim_end_matches('.');
        assert_eq!(caller.get(example, &token).status(), 200, "{target}: {message}");
    }
}

#[test]
fn any_other_path_is_echoed() {
    let mut caller = Caller::new();
    let token = caller.login();
    let echoed: Value = body(&caller.post("/some-endpoint?x=1", &token, "12345"));
    assert_eq!(echoed, json!({ "method": "POST", "path": "/some-endpoint", "bytes": 5 }));
    // The login's path with another method is an ordinary call.
    assert_eq!(body(&caller.get("/authenticate", &token))["method"], "GET");
}

#[test]
fn unknown_paths_policy_returns_404() {
    let mut caller =
        Caller::of(Policy { unknown_paths: UnknownPaths::NotFound, ..Policy::default() });
    let token = caller.login();
    for endpoint in Server::ENDPOINTS {
        let target = endpoint.path.replace("FIELD=VALUE", "email=a").replace("ID", "7");
        let response = match endpoint.method {
            "GET" => caller.get(&target, &token),
            _ => caller.post(&target, &token, r#"{"customerId": "c"}"#),
        };
        assert_eq!(response.status(), 200, "{endpoint:?}");
    }
    let expected = refusal(404, "NOT_FOUND", "Not found.");
    for unknown in [
        "/",
        "/costumer?email=a",
        "/customer/7",
        "/history/kyc",
        "/history/aml/7",
        "/history/kyc/7/8",
    ] {
        let response = caller.get(unknown, &token);
        assert_eq!(error(&response), expected, "{unknown}");
        assert_eq!(authorization(&response), None, "a refusal brings no fresh token");
    }
    assert_eq!(error(&caller.get("/onboard", &token)), expected, "the path with another method");
    assert_eq!(caller.get("/costumer", "bad").status(), 401, "the token is looked at first");
}

#[test]
fn the_readme_names_every_endpoint() {
    let readme = include_str!("../../README.md");
    for endpoint in Server::ENDPOINTS {
        let row = format!("| `{} {}` | {} |", endpoint.method, endpoint.path, endpoint.takes);
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_readme_names_every_field_of_the_policy() {
    let readme = include_str!("../../README.md");
    let policy = serde_json::to_value(Policy::default()).unwrap();
    for field in policy.as_object().unwrap().keys() {
        assert!(readme.contains(&format!("| `{field}` |")), "{field}");
    }
}
