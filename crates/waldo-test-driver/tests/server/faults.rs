//! Failures on request.

use std::time::Duration;

use waldo_test_driver::server::{Answer, Fault, Reply, RetryAfter, Server};

use crate::caller::{
    Caller, authorization, body, call_request, error, header, login_request, pair,
};

#[test]
fn a_fault_happens_as_often_as_it_says() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::status(503)).times(2));
    let statuses: Vec<u16> = (0..3).map(|_| caller.try_login().status().as_u16()).collect();
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(caller.server.stats().logins_failed, 2);
    assert_eq!(caller.server.stats().logins(), 3);
    assert_eq!(caller.server.stats().requests.get(&503), Some(&2));
}

#[test]
fn login_faults_and_call_faults_are_separate() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_fault(Fault::login(Answer::status(500)).forever());
    assert_eq!(caller.status(&token), 200);
    caller.server.clear_faults();
    caller.server.push_fault(Fault::call(Answer::status(500)).forever());
    assert_eq!(caller.try_login().status(), 200);
    assert_eq!(caller.status(&token), 500);
}

#[test]
fn one_route_can_always_answer_401() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_fault(Fault::call(Answer::Unauthorized).on_path("/customer").forever());
    for _ in 0..5 {
        let response = caller.get("/customer?email=a", &token);
        assert_eq!(error(&response).1, "INVALID_TOKEN");
        assert_eq!(caller.status(&token), 200);
    }
    let stats = caller.server.stats();
    assert_eq!((stats.calls_unauthorized, stats.logins_failed), (5, 0));
}

#[test]
fn cut_grants_login_only_after_handling() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::Cut));
    assert!(matches!(caller.send(&login_request(&pair())), Reply::Cut));
    assert_eq!(caller.server.stats().logins_granted, 0);
    caller.server.push_fault(Fault::login(Answer::Cut).after_handling());
    assert!(matches!(caller.send(&login_request(&pair())), Reply::Cut));
    assert_eq!(caller.server.stats().logins_granted, 1);
    assert_eq!(caller.server.stats().unanswered, 2);
}

#[test]
fn a_status_without_content_has_none() {
    let mut caller = Caller::new();
    let token = caller.login();
    for status in [204, 205, 304] {
        caller.server.push_fault(Fault::call(Answer::status(status)));
        let response = caller.get("/a", &token);
        assert_eq!((response.status().as_u16(), response.body().len()), (status, 0));
    }
}

#[test]
fn a_firewall_answers_403_with_a_page() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::Firewall));
    let response = caller.try_login();
    assert_eq!(response.status(), 403);
    assert_eq!(header(&response, "content-type"), Some("text/html"));
    assert!(serde_json::from_slice::<serde_json::Value>(response.body()).is_err());
}

#[test]
fn a_refused_login_has_the_login_s_code() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::Unauthorized));
    assert_eq!(error(&caller.try_login()).1, "INVALID_API_KEY");
    caller.server.push_fault(Fault::login(Answer::Refusal { status: 403, code: "ODD".to_owned() }));
    let (status, code, _) = error(&caller.try_login());
    assert_eq!((status, code.as_str()), (403, "ODD"));
}

#[test]
fn single_quotes_fault_sends_invalid_json_400() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::SingleQuotes));
    let response = caller.try_login();
    assert_eq!(response.status(), 400);
    assert!(serde_json::from_slice::<serde_json::Value>(response.body()).is_err());
    assert!(String::from_utf8_lossy(response.body()).contains("MISSING_PARAMETERS"));
}

#[test]
fn retry_after_fault_sends_seconds_date_or_text() {
    let mut caller = Caller::new();
    let forms = [
        (RetryAfter::Seconds(7), "7"),
        (RetryAfter::Date(Duration::from_secs(90)), "Mon, 15 Jun 2026 08:01:30 GMT"),
        (RetryAfter::Text("99999999999999999999".to_owned()), "99999999999999999999"),
    ];
    for (form, expected) in forms {
        caller.server.push_fault(Fault::login(Answer::too_many_requests(form)));
        let response = caller.try_login();
        assert_eq!(response.status(), 429);
        assert_eq!(header(&response, "retry-after"), Some(expected));
    }
    let retry_after = Some(RetryAfter::Seconds(1));
    caller.server.push_fault(Fault::login(Answer::Status { status: 503, retry_after }));
    assert_eq!(header(&caller.try_login(), "retry-after"), Some("1"));
    caller.server.push_fault(Fault::login(Answer::status(503)));
    assert_eq!(header(&caller.try_login(), "retry-after"), None);
}

#[test]
fn faults_can_send_malformed_or_oversized_200() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_fault(Fault::login(Answer::NoToken));
    assert_eq!(body(&caller.try_login()), serde_json::json!({}));
    caller.server.push_fault(Fault::login(Answer::NotJson));
    let response = caller.try_login();
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (200, Some("text/html"))
    );
    caller.server.push_fault(Fault::login(Answer::Oversize { bytes: 70_000 }));
    assert!(caller.try_login().body().len() >= 70_000);
    caller.server.push_fault(Fault::call(Answer::NoToken).after_handling());
    let response = caller.get("/x", &token);
    assert_eq!((response.status().as_u16(), authorization(&response)), (200, None));
}

#[test]
fn padded_answer_is_handled_with_surrounding_whitespace() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::Padded { bytes: 70_000 }));
    let response = caller.try_login();
    assert_eq!(response.body().len(), 70_000);
    assert!(response.body().starts_with(b"\n{") && response.body().ends_with(b" "));
    let token = body(&response)["token"].as_str().unwrap().to_owned();
    assert_eq!(caller.status(&token), 200);
}

#[test]
fn a_redirect_names_its_location() {
    let mut caller = Caller::new();
    let token = caller.login();
    let location = "http://127.0.0.1:1/elsewhere".to_owned();
    caller
        .server
        .push_fault(Fault::call(Answer::Redirect { status: 307, location: location.clone() }));
    let response = caller.get("/x", &token);
    assert_eq!(
        (response.status().as_u16(), header(&response, "location")),
        (307, Some(location.as_str()))
    );
}

#[test]
fn a_hang_is_no_answer() {
    let mut caller = Caller::new();
    caller.server.push_fault(Fault::login(Answer::Hang));
    assert!(matches!(caller.send(&login_request(&pair())), Reply::Hang));
    assert_eq!(caller.try_login().status(), 200);
}

#[test]
fn truncated_answer_is_handled_and_carries_renewal() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_fault(Fault::call(Answer::CutShort));
    let Reply::CutShort(response) = caller.send(&call_request("GET", "/x", &token, "")) else {
        panic!("the answer is whole");
    };
    assert_eq!(response.status(), 200);
    let renewal = authorization(&response).unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    assert_eq!(caller.status(&renewal), 200);
}

#[test]
fn trickled_answer_is_handled_and_carries_renewal() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.push_fault(Fault::call(Answer::Trickle));
    let Reply::Trickle(response) = caller.send(&call_request("GET", "/x", &token, "")) else {
        panic!("the answer is whole");
    };
    assert_eq!(response.status(), 200);
    let renewal = authorization(&response).unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    assert_eq!(caller.status(&renewal), 200);
}

#[test]
fn invalid_final_status_is_sent_as_500() {
    for status in [0, 99, 100, 199, 1000, u16::MAX] {
        let mut caller = Caller::new();
        caller.server.push_fault(Fault::login(Answer::status(status)));
        assert_eq!(caller.try_login().status(), 500, "{status}");
    }
}

#[test]
fn a_server_with_faults_is_still_a_value() {
    let mut server = Server::default();
    server.push_fault(Fault::call(Answer::Hang).forever());
    assert_eq!(server.clone().faults(), server.faults());
    server.clear_faults();
    assert!(server.faults().is_empty());
}

#[test]
fn the_faults_in_the_readme_are_faults() {
    let readme = include_str!("../../README.md");
    let readme = &readme[readme.find("## Injected faults").unwrap()..];
    let from = readme.find("```json\n[").unwrap() + "```json\n".len();
    let list = &readme[from..][..readme[from..].find("```").unwrap()];
    assert_eq!(Fault::read_all(list).unwrap().len(), 3);
}

#[test]
fn readme_lists_exactly_the_valid_answers() {
    let readme = include_str!("../../README.md");
    let table = &readme[readme.find("| answer | what").unwrap()..];
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    for row in &rows {
        assert!(serde_json::from_str::<Answer>(row).is_ok(), "{row}");
    }
    assert_eq!(rows.len(), Answer::FORMS.lines().count());
    for form in Answer::FORMS.lines() {
        assert!(rows.contains(&form), "{form}");
    }
}
