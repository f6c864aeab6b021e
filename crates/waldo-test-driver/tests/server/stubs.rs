//! Answers of a test's own.

use http::{Response, StatusCode};
use serde_json::json;
use waldo_test_driver::server::{Answer, Fault, Method, Policy, RenewalOn, Stub};

use crate::caller::{Caller, authorization, body, error, refusal};

fn not_found() -> Stub {
    Stub::path(Method::GET, "/customer").json(404, &json!({ "code": "MINE" }))
}

#[test]
fn a_stub_answers_its_route_and_no_other() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_stub(not_found());
    let answer = caller.get("/customer?email=a", &token);
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(body(&answer), json!({ "code": "MINE" }));
    assert_eq!(caller.post("/customer", &token, "").status(), 200);
    assert_eq!(caller.get("/customers", &token).status(), 200);
    caller.server.clear_stubs();
    assert_eq!(caller.get("/customer?email=a", &token).status(), 200);
}

#[test]
fn a_stub_answers_as_often_as_it_says() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_stub(not_found().times(2));
    let statuses = [(); 3].map(|()| caller.get("/customer?email=a", &token).status().as_u16());
    assert_eq!(statuses, [404, 404, 200]);
}

#[test]
fn a_stubbed_call_still_needs_a_valid_token() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_stub(not_found().times(1));
    let invalid = refusal(401, "INVALID_TOKEN", "Invalid token.");
    assert_eq!(error(&caller.get("/customer", "x.y.z")), invalid);
    caller.server.expire_all();
    assert_eq!(error(&caller.get("/customer", &token)), invalid);
    let token = caller.login();
    assert_eq!(caller.get("/customer", &token).status(), 404, "a refused call uses no stub");
}

#[test]
fn a_stubbed_success_brings_a_renewed_token() {
    let mut caller = Caller::new();
    let token = caller.login();
    let created = Response::builder().status(201).header("x-mine", "1").body("text").unwrap();
    caller.server.push_stub(Stub::prefix(Method::GET, "/history/").response(created));
    let answer = caller.get("/history/kyc/7", &token);
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(
        (answer.headers()["x-mine"].as_bytes(), answer.body().as_slice()),
        (&b"1"[..], &b"text"[..])
    );
    let renewed = authorization(&answer).expect("a renewed token");
    let renewed = renewed.strip_prefix("Bearer ").unwrap();
    assert_eq!(caller.get("/customer?email=a", renewed).status(), 200);
    caller.server.push_stub(not_found());
    assert_eq!(authorization(&caller.get("/customer", &token)), None);
    let policy = Policy { renewal_on: RenewalOn::All, ..Policy::default() };
    caller.server.set_policy(policy);
    assert!(authorization(&caller.get("/customer", &token)).is_some());
}

#[test]
fn a_fault_comes_before_a_stub() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_stub(not_found().times(1));
    caller.server.push_fault(Fault::call(Answer::Unauthorized));
    assert_eq!(caller.get("/customer", &token).status(), 401);
    assert_eq!(caller.get("/customer", &token).status(), 404);
}

#[test]
fn a_stub_answers_no_login() {
    let mut caller = Caller::new();
    caller.server.push_stub(Stub::prefix(Method::POST, "/").json(500, &json!({})));
    let token = caller.login();
    assert_eq!(caller.post("/onboard", &token, "{}").status(), 500);
}

#[test]
fn invalid_status_number_becomes_500() {
    let mut caller = Caller::new();
    let token = caller.login();
    for number in [0, 100, 199, 1000] {
        caller.server.push_stub(Stub::path(Method::GET, "/customer").json(number, &json!({})));
        assert_eq!(caller.get("/customer", &token).status(), 500, "{number}");
    }
}

#[test]
fn a_status_without_a_body_is_sent_without_one() {
    let mut caller = Caller::new();
    let token = caller.login();
    for status in [204, 205, 304] {
        let stub = Stub::path(Method::GET, "/customer").json(status, &json!({}));
        caller.server.push_stub(stub);
        let answer = caller.get("/customer", &token);
        assert_eq!((answer.status().as_u16(), answer.body().len()), (status, 0));
    }
}

#[test]
fn the_stubs_in_the_readme_are_stubs() {
    let readme = include_str!("../../README.md");
    let readme = &readme[readme.find("## Stubs").unwrap()..];
    let from = readme.find("```json\n").unwrap() + "```json\n".len();
    let list = &readme[from..][..readme[from..].find("```").unwrap()];
    assert_eq!(Stub::read_all(list).unwrap().len(), 2);
}
