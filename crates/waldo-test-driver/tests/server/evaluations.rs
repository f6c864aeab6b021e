//! Evaluations that end while a client polls.

use std::time::Duration;

use serde_json::{Value, json};
use waldo_test_driver::server::{Answer, EvaluationEnd, Fault, Policy};

use crate::caller::{Caller, body};

fn caller(end: EvaluationEnd) -> (Caller, String) {
    let mut caller = Caller::of(Policy { evaluations: end, ..Policy::default() });
    let token = caller.login();
    (caller, token)
}

/// Begins an evaluation, and returns its answer.
fn begin(caller: &mut Caller, token: &str, path: &str) -> Value {
    let begun = body(&caller.post(path, token, "{}"));
    assert_eq!(begun["evaluation"]["status"], "pending", "{path}");
    begun
}

/// The status that a poll of the history shows.
fn poll(caller: &mut Caller, token: &str, begun: &Value) -> Value {
    let mut answer = body(&caller.get(begun["uri"].as_str().unwrap(), token));
    let mut entry = answer["history"][0].take();
    assert_eq!(answer["history"].as_array().map(Vec::len), Some(1));
    for name in ["requestId", "event"] {
        assert_eq!(entry[name], begun[name]);
    }
    entry["evaluation"]["status"].take()
}

#[test]
fn an_evaluation_ends_after_a_number_of_polls() {
    for path in ["/onboard", "/check-fraud", "/document"] {
        let (mut caller, token) = caller(EvaluationEnd::Polls(2));
        let begun = begin(&mut caller, &token, path);
        let seen = [(); 4].map(|()| poll(&mut caller, &token, &begun));
        assert_eq!(seen, ["pending", "pending", "complete", "complete"], "{path}");
    }
}

#[test]
fn evaluation_ends_by_server_clock() {
    let (mut caller, token) = caller(EvaluationEnd::After(Duration::from_secs(5)));
    let begun = begin(&mut caller, &token, "/onboard");
    caller.pass(4_999);
    assert_eq!(poll(&mut caller, &token, &begun), "pending");
    caller.pass(1);
    assert_eq!(poll(&mut caller, &token, &begun), "complete");
}

#[test]
fn each_evaluation_has_polls_of_its_own() {
    let (mut caller, token) = caller(EvaluationEnd::Polls(1));
    let [one, two] = [(); 2].map(|()| begin(&mut caller, &token, "/onboard"));
    assert_ne!(one["customerId"], two["customerId"]);
    assert_eq!(poll(&mut caller, &token, &one), "pending");
    assert_eq!(poll(&mut caller, &token, &one), "complete");
    assert_eq!(poll(&mut caller, &token, &two), "pending");
}

#[test]
fn the_customer_shows_the_evaluation_too() {
    let (mut caller, token) = caller(EvaluationEnd::Polls(1));
    let begun = begin(&mut caller, &token, "/check-fraud");
    let path = format!("/customer?customerId={}", begun["customerId"].as_str().unwrap());
    for status in ["pending", "complete"] {
        let answer = body(&caller.get(&path, &token));
        let evaluation = json!({ "type": "automatic", "status": status });
        assert_eq!(answer, json!({ "customerId": begun["customerId"], "evaluation": evaluation }));
    }
}

#[test]
fn a_poll_that_is_refused_does_not_count() {
    let (mut caller, token) = caller(EvaluationEnd::Polls(1));
    let begun = begin(&mut caller, &token, "/onboard");
    let uri = begun["uri"].as_str().unwrap();
    assert_eq!(caller.get(uri, "x.y.z").status(), 401);
    caller.server.push_fault(Fault::call(Answer::status(503)));
    assert_eq!(caller.get(uri, &token).status(), 503);
    let other = uri.replace("kyc", "fraud");
    assert_eq!(body(&caller.get(&other, &token))["history"], json!([]), "another history");
    assert_eq!(poll(&mut caller, &token, &begun), "pending");
    assert_eq!(poll(&mut caller, &token, &begun), "complete");
}

#[test]
fn default_evaluation_stays_pending() {
    let (mut caller, token) = caller(EvaluationEnd::default());
    let begun = begin(&mut caller, &token, "/onboard");
    for _ in 0..3 {
        let answer = body(&caller.get(begun["uri"].as_str().unwrap(), &token));
        assert_eq!(answer["history"], json!([]));
    }
    let path = format!("/customer?customerId={}", begun["customerId"].as_str().unwrap());
    assert_eq!(body(&caller.get(&path, &token)), json!({ "customerId": begun["customerId"] }));
}

#[test]
fn an_evaluation_can_be_ended_while_a_client_polls() {
    let (mut caller, token) = caller(EvaluationEnd::Polls(u32::MAX));
    let begun = begin(&mut caller, &token, "/onboard");
    assert_eq!(poll(&mut caller, &token, &begun), "pending");
    let end = EvaluationEnd::After(Duration::ZERO);
    caller.server.set_policy(Policy { evaluations: end, ..Policy::default() });
    assert_eq!(poll(&mut caller, &token, &begun), "complete");
}

#[test]
fn reset_of_counts_repeats_no_customer_id() {
    let (mut caller, token) = caller(EvaluationEnd::Polls(1));
    let first = begin(&mut caller, &token, "/onboard");
    caller.server.reset_stats();
    let ids: Vec<_> =
        (0..3).map(|_| begin(&mut caller, &token, "/onboard")["customerId"].take()).collect();
    assert!(!ids.contains(&first["customerId"]), "{ids:?} and {first}");
}
