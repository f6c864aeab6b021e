//! Rule 24: an upload whose connection breaks off.

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use waldo_auth_core::{AdmitError, Call, ConfigError, Event, Explanation, Upload, Verdict};

use crate::fixture::{Fixture, credentials, request, secs};

/// A session after an upload broke off, and the upload's call, which may now send a probe.
fn broken(call: Call) -> (Fixture, Call) {
    let (mut fixture, _) = Fixture::warm();
    let upload = fixture.send(call);
    assert_eq!(upload.attempt.upload(), Upload::Send);
    let call = fixture.break_off(upload.attempt);
    (fixture, call)
}

#[test]
fn rule_24_head_only_401_resends_replayable_upload() {
    let (mut fixture, call) = broken(Call::replayable());
    let probe = fixture.send(call);
    assert_eq!(probe.attempt.upload(), Upload::HeadOnly);
    let call = fixture.retry(probe.attempt);
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let upload = fixture.send(call);
    assert_eq!((upload.token, upload.attempt.upload()), (token, Upload::Send));
    fixture.deliver(upload.attempt, 200);
    let told = fixture.journal();
    let login = ["login_started", "login_granted", "accepted"];
    assert_eq!(told, [&login[..], &["upload_broke_off", "challenged"], &login[..]].concat());
}

#[test]
fn rule_24_head_only_attempt_delivers_one_shot_uploads_401() {
    let (mut fixture, call) = broken(Call::one_shot());
    let probe = fixture.send(call);
    assert_eq!(probe.attempt.upload(), Upload::HeadOnly);
    // The probe did not read the body, but the first attempt did.
    fixture.deliver(probe.attempt.with_untouched_body(), 401);
    fixture.leads(Call::one_shot());
}

#[test]
fn rule_24_other_head_only_response_is_delivered() {
    let (mut fixture, call) = broken(Call::replayable());
    let probe = fixture.send(call);
    fixture.deliver(probe.attempt, 413);
    let next = fixture.send(Call::replayable());
    assert_eq!(next.attempt.upload(), Upload::ExpectContinue, "a 413 says nothing about the token");
}

#[test]
fn rule_24_broken_head_only_attempt_ends_the_call() {
    let (mut fixture, call) = broken(Call::replayable());
    let probe = fixture.send(call);
    fixture.fail_upload(probe.attempt);
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::ExpectContinue);
}

#[test]
fn rule_24_doubtful_token_uses_expect_until_success() {
    let (mut fixture, call) = broken(Call::replayable());
    drop(call);
    let asking = fixture.send(Call::one_shot());
    assert_eq!(asking.attempt.upload(), Upload::ExpectContinue);
    let page = fixture.send(Call::replayable());
    fixture.deliver(page.attempt, 404);
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::ExpectContinue);
    fixture.deliver(asking.attempt, 200);
    assert_eq!(fixture.last_event(), Event::Accepted { generation: 1 });
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::Send);
}

#[test]
fn rule_24_success_of_another_token_keeps_doubt() {
    let (mut fixture, _) = Fixture::warm();
    let (early, renewing) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let newer = fixture.fresh();
    fixture.renew(renewing.attempt, &newer);
    let upload = fixture.send(Call::replayable());
    drop(fixture.break_off(upload.attempt));
    fixture.deliver(early.attempt, 200);
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::ExpectContinue);
}

#[test]
fn rule_24_a_renewed_token_is_not_doubtful() {
    let (mut fixture, call) = broken(Call::replayable());
    drop(call);
    let page = fixture.send(Call::replayable());
    let newer = fixture.fresh();
    fixture.renew(page.attempt, &newer);
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::Send);
}

#[test]
fn rule_24_untouched_one_shot_is_resent_after_login() {
    let (mut fixture, call) = broken(Call::replayable());
    drop(call);
    let asking = fixture.send(Call::one_shot());
    assert_eq!(asking.attempt.upload(), Upload::ExpectContinue);
    let call = fixture.retry(asking.attempt.with_untouched_body());
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    assert_eq!(fixture.send(call).attempt.upload(), Upload::Send);
}

#[test]
fn rule_24_one_401_counts_for_all_broken_uploads() {
    let (mut fixture, _) = Fixture::warm();
    let [asks, late, latest] = [(); 3].map(|()| fixture.send(Call::replayable()).attempt);
    let once = fixture.send(Call::one_shot()).attempt;
    let (asks, late) = (fixture.break_off(asks), fixture.break_off(late));
    let probe = fixture.send(asks);
    let resent = fixture.retry(probe.attempt);
    let (login, resent) = fixture.lead(resent);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    // One upload broke off before the 401, and one breaks off after the 401. Neither needs a probe.
    let latest = fixture.break_off(latest);
    for call in [resent, late, latest] {
        let upload = fixture.send(call);
        assert_eq!(
            (upload.token.as_str(), upload.attempt.upload()),
            (token.as_str(), Upload::Send)
        );
    }
    fixture.fail_upload(once);
}

#[test]
fn rule_24_an_upload_is_sent_three_times_at_most() {
    let (mut fixture, call) = broken(Call::replayable());
    let probe = fixture.send(call);
    let mut call = fixture.retry(probe.attempt);
    let mut sent = 1;
    loop {
        let (login, then) = fixture.lead(call);
        let token = fixture.fresh();
        fixture.grant(login, &token);
        let again = fixture.send(then);
        assert_eq!(again.attempt.upload(), Upload::Send);
        sent += 1;
        let probe = fixture.break_off(again.attempt);
        let probe = fixture.send(probe);
        match fixture.conclude(probe.attempt, 401, &HeaderMap::new()) {
            Verdict::Retry(again) => call = again,
            Verdict::Deliver => break,
        }
    }
    assert!(sent <= 3, "{sent}");
}

#[test]
fn rule_24_renewed_token_needs_no_head_only_attempt() {
    let (mut fixture, _) = Fixture::warm();
    let (upload, page) = (fixture.send(Call::replayable()), fixture.send(Call::replayable()));
    let newer = fixture.fresh();
    fixture.renew(page.attempt, &newer);
    fixture.fail_upload(upload.attempt);
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::Send);
}

#[test]
fn rule_24_an_upload_of_another_session_says_nothing() {
    let (mut fixture, _) = Fixture::warm();
    let (mut other, _) = Fixture::warm();
    fixture.fail_upload(other.send(Call::replayable()).attempt);
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::Send);
}

#[test]
fn rule_22_explain_reports_a_doubtful_token() {
    let (mut fixture, call) = broken(Call::replayable());
    drop(call);
    assert_eq!(
        fixture.explain(),
        "the next call would be sent with generation 1, which has 3600.0s left; an upload with this token broke \
         off, so the server may refuse the token"
    );
    let explanation = fixture.session.explain(fixture.now());
    assert!(matches!(explanation, Explanation::Send { doubtful: true, .. }));
    fixture.invalidate();
    fixture.log_in();
    assert!(!fixture.explain().contains("broke off"));
}

#[test]
fn rule_07_a_configured_status_counts_as_a_401() {
    let (mut plain, _) = Fixture::warm();
    let sent = plain.send(Call::replayable());
    plain.deliver(sent.attempt, 422);
    let mut fixture =
        Fixture::with(|config| config.challenge_statuses([StatusCode::UNPROCESSABLE_ENTITY]));
    fixture.log_in();
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 200);
    for status in [422, 401] {
        let sent = fixture.send(Call::replayable());
        let call = match fixture.conclude(sent.attempt, status, &HeaderMap::new()) {
            Verdict::Retry(call) => call,
            Verdict::Deliver => panic!("{status} refuses the token"),
        };
        let (login, call) = fixture.lead(call);
        let token = fixture.fresh();
        fixture.grant(login, &token);
        let sent = fixture.send(call);
        fixture.deliver(sent.attempt, 200);
        fixture.pass(secs(60));
    }
    let sent = fixture.send(Call::replayable());
    fixture.deliver(sent.attempt, 403);
}

#[test]
fn rule_07_only_a_4xx_can_refuse_a_token() {
    for status in [
        StatusCode::OK,
        StatusCode::FOUND,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::EXPECTATION_FAILED,
    ] {
        let config = waldo_auth_core::Config::builder("https://api.waldo.ai", credentials());
        let error = config.challenge_statuses([status]).build().unwrap_err();
        assert_eq!(error, ConfigError::ChallengeStatus);
    }
}

#[test]
fn rule_03_full_header_map_is_an_error() {
    let (mut fixture, _) = Fixture::warm();
    let mut full = request();
    let mut number = 0;
    while full
        .headers_mut()
        .try_append(
            HeaderName::try_from(format!("x-{number}")).unwrap(),
            HeaderValue::from_static("1"),
        )
        .is_ok()
    {
        number += 1;
    }
    assert_eq!(fixture.attach(&mut full).unwrap_err(), AdmitError::TooManyHeaders);
    assert!(!full.headers().contains_key("authorization"));
}

#[test]
fn rule_03_an_admitted_request_has_the_origins_own_spelling() {
    let (mut fixture, _) = Fixture::warm();
    let mut request =
        Request::get("https://me:pw@API.Waldo.ai:443/customer?field=id").body(()).unwrap();
    drop(fixture.attach(&mut request).unwrap());
    assert_eq!(request.uri(), "https://api.waldo.ai/customer?field=id");
    let mut localhost = Request::get("https://localhost/x").body(()).unwrap();
    assert!(matches!(fixture.attach(&mut localhost), Err(AdmitError::ForeignOrigin(_))));
    let mut capitals = request;
    let mut parts = capitals.uri().clone().into_parts();
    parts.scheme = Some("HTTPS".parse().unwrap());
    *capitals.uri_mut() = http::Uri::from_parts(parts).unwrap();
    capitals.headers_mut().clear();
    assert!(matches!(fixture.attach(&mut capitals), Err(AdmitError::ForeignOrigin(_))));
    assert!(capitals.headers().is_empty());
}

#[test]
fn rule_24_a_second_broken_upload_drops_the_token() {
    let (mut fixture, call) = broken(Call::replayable());
    drop(call);
    let asking = fixture.send(Call::replayable());
    assert_eq!(asking.attempt.upload(), Upload::ExpectContinue);
    fixture.fail_upload(asking.attempt);
    assert_eq!(fixture.last_event(), Event::DoubtfulDropped { generation: 1 });
    assert_eq!(
        fixture.explain(),
        "the next call would log in, because two uploads in a row broke off with the last token"
    );
    fixture.log_in();
    assert_eq!(fixture.send(Call::replayable()).attempt.upload(), Upload::Send);
}

#[test]
fn rule_24_broken_uploads_cause_bounded_logins() {
    let (mut fixture, _) = Fixture::warm();
    for _ in 0..100 {
        match fixture.admit(Call::one_shot()) {
            waldo_auth_core::Step::Send(attempt) => {
                drop(fixture.step(|session, now| session.break_off(attempt, now)));
            }
            waldo_auth_core::Step::Authenticate(login, _) => {
                let token = fixture.fresh();
                fixture.grant(login, &token);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fixture.logins, 6);
    assert!(matches!(fixture.last_event(), Event::Throttled { .. }));
}
