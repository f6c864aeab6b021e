//! The control endpoints under `/_emulator/`.

use serde_json::{Value, json};
use waldo_emulator::model::{Claims, Method, Policy, Server, Stub};

use crate::visitor::{TIMEOUT, Visitor, ask, bearer, emulator, pair};

#[test]
fn the_help_names_every_control() {
    let emulator = emulator();
    for root in ["/_emulator", "/_emulator/"] {
        let answer = ask(&emulator, "GET", root, "");
        assert_eq!(answer.status, 200);
        let help = String::from_utf8(answer.body).unwrap();
        for control in [
            "stats",
            "expire",
            "revoke",
            "restore",
            "signing-key",
            "policy",
            "faults",
            "stubs",
            "latency",
            "hold",
            "release",
        ] {
            assert!(help.contains(&format!("/_emulator/{control} ")), "{control}");
        }
        for endpoint in Server::ENDPOINTS {
            assert!(help.contains(&endpoint.to_string()), "{endpoint}");
        }
        assert!(help.contains("POST /authenticate"));
    }
}

#[test]
fn the_readme_names_every_endpoint_and_every_control() {
    let readme = include_str!("../../README.md");
    for endpoint in Server::ENDPOINTS {
        let row = format!("| `{} {}` | {} |", endpoint.method, endpoint.path, endpoint.takes);
        assert!(readme.contains(&row), "{row}");
    }
    let help = String::from_utf8(ask(&emulator(), "GET", "/_emulator/", "").body).unwrap();
    for line in help.lines().filter(|line| line.contains(" /_emulator/")) {
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        assert!(readme.contains(&format!("| `{}` |", words.join(" "))), "{line}");
    }
}

#[test]
fn control_requests_are_not_counted() {
    let emulator = emulator();
    for _ in 0..3 {
        ask(&emulator, "GET", "/_emulator/stats", "");
        ask(&emulator, "POST", "/_emulator/expire", "");
    }
    assert_eq!(emulator.stats().server.total(), 0);
}

#[test]
fn stats_are_json_and_can_be_set_to_zero() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    assert_eq!(visitor.get("/x", &token).status, 200);
    assert_eq!(visitor.get("/x", "bad").status, 401);
    visitor.ask("POST", "/authenticate", "", b"{}");
    let stats = visitor.ask("GET", "/_emulator/stats", "", b"").json();
    let expected = json!({
        "logins_granted": 1, "logins_refused": { "MISSING_PARAMETERS": 1 }, "logins_failed": 0,
        "requests": { "200": 2, "400": 1, "401": 1 }, "unanswered": 0, "token_checks": 2, "renewals_issued": 1,
        "renewals_echoed": 0, "calls_unauthorized": 1, "most_logins_at_once": 1, "logins_under_way": 0, "held": 0,
        "connections": 1,
    });
    assert_eq!(stats, expected);
    assert_eq!(visitor.ask("DELETE", "/_emulator/stats", "", b"").json(), json!({ "ok": true }));
    assert_eq!(visitor.ask("GET", "/_emulator/stats", "", b"").json()["logins_granted"], 0);
}

#[test]
fn expire_and_signing_key_end_every_token() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    for (control, body) in [
        ("/_emulator/expire", ""),
        ("/_emulator/signing-key", ""),
        ("/_emulator/signing-key", r#"{"key": "a new one"}"#),
        ("/_emulator/signing-key", r#"{"key": null}"#),
    ] {
        let token = visitor.token();
        assert_eq!(visitor.get("/x", &token).status, 200);
        assert_eq!(visitor.ask("POST", control, "", body.as_bytes()).status, 200);
        assert_eq!(visitor.get("/x", &token).status, 401, "{control} {body}");
    }
}

#[test]
fn key_control_accepts_query_and_json() {
    let emulator = emulator();
    let by_query =
        |control: &str| ask(&emulator, "POST", &format!("{control}?key={}", Server::KEY_ID), "");
    let by_json = |control: &str| {
        ask(&emulator, "POST", control, &json!({ "key": Server::KEY_ID }).to_string())
    };
    for way in [&by_query as &dyn Fn(&str) -> _, &by_json] {
        assert_eq!(way("/_emulator/revoke").status, 200);
        assert_eq!(Visitor::to(emulator.addr()).log_in().status, 403);
        assert_eq!(way("/_emulator/restore").status, 200);
        assert_eq!(Visitor::to(emulator.addr()).log_in().status, 200);
    }
}

#[test]
fn policy_change_keeps_all_other_fields() {
    let emulator = emulator();
    let change = r#"{"lifetime": "10s", "rotation": "grace:2s", "renewal": "bare", "claims": {"jti": false}}"#;
    let answer = ask(&emulator, "POST", "/_emulator/policy", change);
    assert_eq!(answer.status, 200);
    let expected: Policy = serde_json::from_str(
        r#"{"lifetime": "10s", "rotation": "grace:2s", "renewal": "bare",
            "claims": {"exp": true, "iat": true, "jti": false, "sub": true}}"#,
    )
    .unwrap();
    assert_eq!(emulator.policy(), expected);
    assert_eq!(answer.json(), ask(&emulator, "GET", "/_emulator/policy", "").json());
    assert_eq!(ask(&emulator, "POST", "/_emulator/policy", r#"{"chain_limit": "1m"}"#).status, 200);
    assert_eq!(ask(&emulator, "POST", "/_emulator/policy", r#"{"chain_limit": null}"#).status, 200);
    assert_eq!(emulator.policy(), expected);
    assert_eq!(
        ask(&emulator, "POST", "/_emulator/policy", r#"{"claims": {"sub": false}}"#).status,
        200
    );
    let Claims { jti, sub, .. } = emulator.policy().claims;
    assert_eq!((jti, sub), (false, false), "what was switched off before stays off");
}

#[test]
fn faults_are_added_one_or_many_listed_and_removed() {
    let emulator = emulator();
    let one = r#"{"on": "login", "answer": {"status": {"status": 503, "retry_after": {"seconds": 5}}}, "times": 2}"#;
    assert_eq!(ask(&emulator, "POST", "/_emulator/faults", one).status, 200);
    let many = r#"[{"on": "calls", "answer": "unauthorized", "times": "forever", "path": "/customer"},
                   {"on": "calls", "answer": "cut", "stage": "after"}]"#;
    let listed = ask(&emulator, "POST", "/_emulator/faults", many).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    let answer = Visitor::to(emulator.addr()).log_in();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(ask(&emulator, "GET", "/_emulator/faults", "").json()[0]["times"], 1);
    assert_eq!(ask(&emulator, "DELETE", "/_emulator/faults", "").status, 200);
    assert_eq!(ask(&emulator, "GET", "/_emulator/faults", "").json(), json!([]));
}

#[test]
fn stubs_are_added_one_or_many_listed_and_removed() {
    let emulator = emulator();
    let one = r#"{"method": "GET", "path": "/customer", "status": 404, "json": {"code": "MINE"}, "times": 1}"#;
    assert_eq!(ask(&emulator, "POST", "/_emulator/stubs", one).status, 200);
    let many = r#"[{"method": "GET", "path": "/customer", "text": "later"}, {"prefix": "/history/", "status": 204}]"#;
    let listed = ask(&emulator, "POST", "/_emulator/stubs", many).json();
    let expected = json!([
        {"method": "GET", "path": "/customer", "status": 404, "json": {"code": "MINE"}, "times": 1,
         "headers": {"content-type": "application/json"}},
        {"method": "GET", "path": "/customer", "status": 200, "text": "later", "times": "forever",
         "headers": {"content-type": "text/plain; charset=utf-8"}},
        {"prefix": "/history/", "status": 204, "times": "forever", "headers": {}},
    ]);
    assert_eq!(listed, expected);
    let mut visitor = Visitor::to(emulator.addr());
    assert_eq!(visitor.get("/customer", "x").status, 401);
    let token = visitor.token();
    let first = visitor.get("/customer", &token);
    assert_eq!((first.status, first.json()), (404, json!({"code": "MINE"})));
    let second = visitor.get("/customer", &token);
    assert_eq!((second.status, second.body.as_slice()), (200, &b"later"[..]));
    assert!(second.header("authorization").is_some());
    assert_eq!(visitor.get("/history/kyc/7", &token).status, 204);
    assert_eq!(visitor.get("/history/kyc/7", &token).status, 204, "the connection is still good");
    assert_eq!(ask(&emulator, "DELETE", "/_emulator/stubs", "").status, 200);
    assert_eq!(ask(&emulator, "GET", "/_emulator/stubs", "").json(), json!([]));
    assert_eq!(visitor.get("/history/kyc/7", &token).status, 200);
}

#[test]
fn an_emulator_in_a_program_has_stubs_too() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    emulator.push_stub(Stub::path(Method::GET, "/mine").json(418, &json!({"mine": true})));
    assert_eq!(visitor.get("/mine", &token).status, 418);
    emulator.clear_stubs();
    assert_eq!(visitor.get("/mine", &token).status, 200);
}

#[test]
fn the_end_of_evaluations_is_set_while_it_runs() {
    let emulator = emulator();
    let change = r#"{"evaluations": "polls:1"}"#;
    assert_eq!(ask(&emulator, "POST", "/_emulator/policy", change).status, 200);
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    let begun = visitor.ask("POST", "/onboard", &bearer(&token), b"{}").json();
    assert_eq!(begun["evaluation"]["status"], "pending");
    let mut poll = || {
        let answer = visitor.get(begun["uri"].as_str().unwrap(), &token).json();
        answer["history"][0]["evaluation"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!([(); 3].map(|()| poll()), ["pending", "complete", "complete"]);
}

#[test]
fn gates_and_latencies_are_set_from_outside() {
    let emulator = emulator();
    assert_eq!(ask(&emulator, "POST", "/_emulator/hold", r#"{"on": "login"}"#).status, 200);
    let mut held = Visitor::to(emulator.addr());
    held.send("POST", "/authenticate", "", &pair());
    assert!(emulator.wait_until_held(1, TIMEOUT));
    assert_eq!(ask(&emulator, "POST", "/_emulator/release", r#"{"on": "calls"}"#).status, 200);
    assert_eq!(emulator.stats().held, 1);
    assert_eq!(ask(&emulator, "POST", "/_emulator/release", "").status, 200);
    assert_eq!(held.receive().unwrap().status, 200);
    assert_eq!(
        ask(&emulator, "POST", "/_emulator/latency", r#"{"login": "1ms", "calls": "0s"}"#).status,
        200
    );
}

#[test]
fn malformed_control_gets_400_with_a_hint() {
    let emulator = emulator();
    let before = emulator.policy();
    let cases = [
        ("policy", "", r#"There is no body: expected JSON such as {"lifetime": "10s""#),
        ("policy", "lifetime=10s", "This is not JSON"),
        ("policy", r#"{"login_path": "login"}"#, "must begin with /"),
        ("policy", r#"{"login_path": "/a b"}"#, "%20"),
        ("policy", r#"{"login_path": "/_emulator/x"}"#, "controls the emulator"),
        ("policy", r#"{"unknown_paths": "refuse"}"#, "not_found"),
        ("policy", r#"{"renewal": "bare", "lifetime": 10}"#, "lifetime: "),
        ("policy", r#"{"lifetime": 10}"#, r#"Now it is "1h"."#),
        ("policy", "[]", "/_emulator/"),
        ("policy", r#"{"lifetme": "5s"}"#, "lifetime"),
        ("policy", r#"{"lifetime": "soon"}"#, "such as 10s"),
        ("policy", r#"{"lifetime": 10}"#, "string"),
        ("policy", r#"{"rotation": "loose"}"#, "lenient, strict"),
        ("policy", r#"{"renewal": "odd"}"#, "bearer"),
        ("faults", "not json", "/_emulator/"),
        ("faults", r#"{"on": "nobody", "answer": "cut"}"#, "login"),
        ("faults", r#"{"on": "login", "answer": "explode"}"#, "hang"),
        ("faults", "", r#"{"on": "login", "answer": 503, "times": 2}"#),
        ("faults", r#"{"on": "login", "answer": 5030}"#, "200 to 999"),
        ("faults", r#"{"on": "login", "answer": 503, "times": "ever"}"#, r#"or "forever""#),
        ("faults", r#"{"on": "calls", "answer": 503, "path": "customer"}"#, "must begin with /"),
        (
            "faults",
            r#"[{"on": "calls", "answer": 503, "path": "/_emulator/x"}]"#,
            "controls the emulator",
        ),
        ("policy", r#"{"evaluations": "soon"}"#, "polls:NUMBER"),
        ("stubs", "", r#"such as {"method": "GET", "path": "/customer""#),
        ("stubs", "not json", "/_emulator/"),
        ("stubs", r#"{"path": "customer"}"#, "must begin with /"),
        ("stubs", r#"[{"path": "/a"}, {"path": "/_emulator/x"}]"#, "controls the emulator"),
        ("revoke", "", "?key=ID"),
        ("revoke", r#"{"key": null}"#, "?key=ID"),
        ("revoke", r#"{"key": "nobody"}"#, "No such key"),
        ("revoke?key=wk%2Esandbox", "", "without decoding"),
        ("signing-key", r#"{"kee": "x"}"#, "null"),
        ("signing-key", "{}", "null"),
        ("latency", r#"{"login": "soon"}"#, "such as 10s"),
        ("latency", "{}", r#"{"login": "200ms", "calls": "0s"}"#),
        ("hold", "{}", r#"{"on": "calls", "stage": "after", "path": "/customer"}"#),
        ("hold", "", "There is no body"),
        ("hold", r#"{"on": "calls", "path": "customer"}"#, "must begin with /"),
        ("hold", r#"{"on": "calls", "path": "/_emulator/x"}"#, "controls the emulator"),
        ("release", r#"{"on": "all"}"#, "login"),
    ];
    for (control, body, hint) in cases {
        let answer = ask(&emulator, "POST", &format!("/_emulator/{control}"), body);
        assert_eq!(answer.status, 400, "{control} {body}");
        let error = answer.json();
        assert_eq!(error["code"], "BAD_CONTROL");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(hint), "{control} {body}: {message}");
        for internal in ["EOF", "untagged", "struct", "at line 0"] {
            assert!(!message.contains(internal), "{control} {body}: {message}");
        }
    }
    assert_eq!(emulator.policy(), before, "a change is made whole or not at all");
    assert_eq!(emulator.with_server(|server| server.faults().len()), 0);
    assert_eq!(emulator.with_server(|server| server.stubs().len()), 0);
}

#[test]
fn a_misplaced_key_is_not_repeated_in_the_error() {
    let emulator = emulator();
    for (control, body) in
        [("signing-key", r#""ws.planted""#), ("revoke", r#"{"key": {"ws.planted": 1}}"#)]
    {
        let answer = ask(&emulator, "POST", &format!("/_emulator/{control}"), body);
        assert_eq!(answer.status, 400);
        assert!(!String::from_utf8_lossy(&answer.body).contains("planted"));
    }
}

#[test]
fn unknown_control_gets_404_with_help_path() {
    let emulator = emulator();
    for (method, control) in [("GET", "nothing"), ("POST", "expires"), ("DELETE", "stats/all")] {
        let answer = ask(&emulator, method, &format!("/_emulator/{control}"), "");
        assert_eq!((answer.status, answer.header("allow")), (404, None));
        assert!(answer.json()["message"].as_str().unwrap().contains("GET /_emulator/"));
    }
}

#[test]
fn wrong_control_method_gets_405_with_allow_header() {
    let emulator = emulator();
    let help = String::from_utf8(ask(&emulator, "GET", "/_emulator/", "").body).unwrap();
    let mut known = std::collections::BTreeMap::<&str, Vec<&str>>::new();
    for line in help.lines() {
        let mut words = line.split_whitespace();
        if let (Some(method), Some(path)) = (words.next(), words.next())
            && path.starts_with("/_emulator/")
        {
            known.entry(path).or_default().push(method);
        }
    }
    assert_eq!(known.len(), 12);
    for (path, methods) in known {
        for wrong in ["GET", "PUT", "POST", "DELETE", "PATCH"]
            .iter()
            .filter(|method| !methods.contains(method))
        {
            let answer = ask(&emulator, wrong, path, "");
            assert_eq!(answer.status, 405, "{wrong} {path}");
            let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(", ").collect();
            allowed.sort_by_key(|allowed| methods.iter().position(|method| method == allowed));
            assert_eq!(allowed, methods, "{path}");
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(&format!("send it as {}", methods[0])), "{message}");
        }
    }
}

#[test]
fn path_similar_to_control_reaches_the_api() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    let answer = visitor.ask("GET", "/_emulators", &bearer(&token), b"");
    assert_eq!(answer.json()["path"], Value::from("/_emulators"));
}

#[test]
fn the_samples_of_the_help_work() {
    let emulator = emulator();
    let help = String::from_utf8(ask(&emulator, "GET", "/_emulator/", "").body).unwrap();
    let mut tried = 0;
    for line in help.lines().filter(|line| line.starts_with("POST")) {
        let control = line.split_whitespace().nth(1).unwrap();
        let Some(at) = line
            .find('{')
            .filter(|_| !control.ends_with("revoke") && !control.ends_with("restore"))
        else {
            continue; // those take a key of one's own
        };
        let mut samples = serde_json::Deserializer::from_str(&line[at..]).into_iter::<Value>();
        let sample = samples.next().unwrap().unwrap().to_string();
        assert_eq!(ask(&emulator, "POST", control, &sample).status, 200, "{line}");
        tried += 1;
    }
    assert_eq!(tried, 7);
}

/// A page in a browser: by a form, by `fetch`, by an image, and after DNS rebinding.
#[test]
fn web_page_control_is_refused_with_reason() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    let rebound = format!("host: evil.example:{}\r\n", emulator.addr().port());
    for (page, why) in [
        ("origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n", "A web page"),
        ("origin: null\r\n", "A web page"),
        ("sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n", "A web page"),
        (rebound.as_str(), "DNS rebinding"),
    ] {
        for control in ["expire", "signing-key", "revoke?key=wk.sandbox.example", "nothing"] {
            let mut page_visitor = Visitor::to(emulator.addr());
            let answer = page_visitor.ask("POST", &format!("/_emulator/{control}"), page, b"");
            assert_eq!(answer.status, 403, "{page} {control}");
            assert!(answer.json()["message"].as_str().unwrap().contains(why), "{page}");
        }
    }
    assert_eq!(visitor.get("/x", &token).status, 200);
    assert_eq!(visitor.ask("GET", "/_emulator/stats", "", b"").json()["logins_granted"], 1);
}
