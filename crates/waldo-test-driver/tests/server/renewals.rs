//! How a fresh token is sent, and on which responses.

use waldo_test_driver::server::{
    Accept, Answer, Fault, LoginAnswer, Policy, RenewalForm, RenewalOn,
};

use crate::caller::{Caller, authorization, body, call_request};

fn sent_as(renewal: RenewalForm) -> (Caller, Option<String>) {
    let mut caller = Caller::of(Policy { renewal, ..Policy::default() });
    let token = caller.login();
    let response = caller.get("/x", &token);
    assert_eq!(response.status(), 200);
    (caller, authorization(&response).map(str::to_owned))
}

#[test]
fn each_renewal_form_carries_a_valid_token() {
    let forms = [
        (RenewalForm::Bearer, "Bearer "),
        (RenewalForm::LowerCase, "bearer "),
        (RenewalForm::Colon, "Bearer:"),
        (RenewalForm::Bare, ""),
        (RenewalForm::Doubled, "Bearer Bearer "),
    ];
    for (form, prefix) in forms {
        let (mut caller, value) = sent_as(form);
        let value = value.unwrap();
        let token = value.strip_prefix(prefix).unwrap();
        assert_eq!(caller.status(token), 200, "{form:?}");
        assert_eq!(caller.server.stats().renewals_issued, 2);
    }
}

#[test]
fn blank_malformed_and_none_issue_no_token() {
    let forms = [
        (RenewalForm::Blank, Some(" ")),
        (RenewalForm::Malformed, Some("from scheme response function")),
        (RenewalForm::None, None),
    ];
    for (form, expected) in forms {
        let (caller, value) = sent_as(form);
        assert_eq!(value.as_deref(), expected, "{form:?}");
        assert_eq!(caller.server.stats().renewals_issued, 0);
    }
}

#[test]
fn a_renewal_is_marked_as_sensitive() {
    let mut caller = Caller::new();
    let token = caller.login();
    let response = caller.get("/x", &token);
    assert!(response.headers()["authorization"].is_sensitive());
    assert!(!format!("{response:?}").contains(authorization(&response).unwrap()));
}

/// For each policy: whether a 200, a 204, a 404 and a 500 carry a renewed token.
#[test]
fn policy_selects_responses_with_renewals() {
    let table = [
        (RenewalOn::Success, [true, true, false, false]),
        (RenewalOn::Ok, [true, false, false, false]),
        (RenewalOn::All, [true, true, true, true]),
    ];
    for (renewal_on, expected) in table {
        for (status, expected) in [200, 204, 404, 500].into_iter().zip(expected) {
            let mut caller = Caller::of(Policy { renewal_on, ..Policy::default() });
            let token = caller.login();
            caller.server.push_fault(Fault::call(Answer::status(status)).after_handling());
            let response = caller.get("/x", &token);
            assert_eq!(response.status(), status);
            assert_eq!(authorization(&response).is_some(), expected, "{renewal_on:?} on {status}");
        }
    }
}

#[test]
fn renewals_on_endpoint_errors_follow_the_policy() {
    for (renewal_on, expected) in [(RenewalOn::Success, false), (RenewalOn::All, true)] {
        let mut caller = Caller::of(Policy { renewal_on, ..Policy::default() });
        let token = caller.login();
        let response = caller.get("/history/kyc/unknown", &token);
        assert_eq!(response.status(), 404);
        assert_eq!(authorization(&response).is_some(), expected);
    }
}

#[test]
fn refused_token_never_gets_a_renewal() {
    let mut caller = Caller::of(Policy { renewal_on: RenewalOn::All, ..Policy::default() });
    let response = caller.get("/x", "a.b.c");
    assert_eq!(response.status(), 401);
    assert_eq!(authorization(&response), None);
}

#[test]
fn several_headers_carry_one_token_oversized_none() {
    let mut caller = Caller::of(Policy { renewal: RenewalForm::Several, ..Policy::default() });
    let token = caller.login();
    let response = caller.get("/x", &token);
    let values: Vec<_> = response.headers().get_all("authorization").iter().collect();
    assert_eq!(values.len(), 3, "{values:?}");
    let fresh = values[1].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert_eq!(caller.status(fresh), 200);
    let (caller, value) = sent_as(RenewalForm::Oversized);
    assert!(value.unwrap().len() > 16 << 10);
    assert_eq!(caller.server.stats().renewals_issued, 0);
}

#[test]
fn login_answer_form_follows_the_policy() {
    for login_answer in [LoginAnswer::Prefixed, LoginAnswer::Created, LoginAnswer::Header] {
        let mut caller = Caller::of(Policy { login_answer, ..Policy::default() });
        let response = caller.try_login();
        assert_eq!(response.status(), if login_answer == LoginAnswer::Created { 201 } else { 200 });
        let header = authorization(&response).map(str::to_owned);
        let text = body(&response)["token"].as_str().map(str::to_owned);
        assert_eq!(header.is_some(), text.is_none(), "{login_answer:?}");
        let text = header.or(text).unwrap();
        assert_eq!(text.starts_with("Bearer "), login_answer != LoginAnswer::Created);
        assert_eq!(caller.status(text.strip_prefix("Bearer ").unwrap_or(&text)), 200);
    }
}

#[test]
fn login_can_carry_token_in_header_too() {
    let mut caller = Caller::of(Policy { login_header: true, ..Policy::default() });
    let response = caller.try_login();
    let token = body(&response)["token"].as_str().unwrap().to_owned();
    assert_eq!(authorization(&response), Some(format!("Bearer {token}").as_str()));
}

#[test]
fn non_bearer_forms_need_lenient_policy() {
    let lenient = Accept { bare: true, doubled: true, lower_case: true };
    for (accept, expected) in [(Accept::default(), 401), (lenient, 200)] {
        for prefix in ["", "bearer ", "Bearer Bearer "] {
            let mut caller = Caller::of(Policy { accept, ..Policy::default() });
            let token = caller.login();
            let mut request = call_request("GET", "/x", &token, "");
            request
                .headers_mut()
                .insert("authorization", format!("{prefix}{token}").parse().unwrap());
            assert_eq!(caller.answer(&request).status(), expected, "{prefix:?}");
        }
    }
}
