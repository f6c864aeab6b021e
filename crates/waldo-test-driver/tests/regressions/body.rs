//! The body of the second sending, and the response that the caller gets. The work of an adapter is
//! in its own tests.

use waldo_auth_core::{Call, Upload, Verdict};
use waldo_test_driver::server::Policy;

use crate::meets;
use crate::stage::Stage;

/// `n8n-io/n8n#37000`: a replay sent a body that had been drained. Each attempt carries all of it.
#[test]
fn n8n_37000_a_resend_carries_the_whole_body() {
    meets(["a-replayable-body-is-sent-whole-again"]);
}

/// `a2aproject/a2a-js#735`: the same. A body that cannot be read again is not sent again.
#[test]
fn a2a_js_735_a_drained_body_is_not_sent() {
    meets(["a-replayable-body-is-sent-whole-again", "a-one-shot-gets-its-401"]);
}

/// `thomaslazar/abs-cli#89`: after a good retry the caller was handed the first response, the 401.
/// Here the response to the last attempt is delivered.
#[test]
fn abs_cli_89_last_attempts_response_is_delivered() {
    meets(["a-401-is-healed", "three-attempts-at-most"]);
}

/// `TrueLayer/reqwest-middleware#44`: a body that cannot be sent twice failed before it was sent
/// once. It is sent once.
#[test]
fn reqwest_middleware_44_one_shot_body_is_sent_once() {
    meets(["a-one-shot-on-a-cold-start"]);
}

/// `urllib3/urllib3#241`: the server refused an upload early and closed, and the client reported a
/// broken pipe instead. The call sends a probe without the body, and heals.
#[test]
fn urllib3_241_refused_upload_is_resent() {
    assert_eq!(upload(Call::replayable()), [Upload::Send, Upload::HeadOnly, Upload::Send]);
}

/// `seanmonstar/reqwest#1975`: the same; the error hid the response. A one-shot body is not sent
/// again: its 401 is delivered, and the token is dropped.
#[test]
fn reqwest_1975_a_one_shot_upload_gets_its_401() {
    assert_eq!(upload(Call::one_shot()), [Upload::Send, Upload::HeadOnly]);
}

/// `golang/go#51109`: the response to an upload that broke off was sometimes lost, so every upload
/// failed. Here the next upload asks first.
#[test]
fn go_51109_next_upload_uses_expect() {
    let mut stage = Stage::new(Policy::default());
    assert_eq!(stage.call("/a"), 200);
    stage.server.expire_all();
    let broken = stage.send(Call::replayable(), "/up");
    drop(stage.break_off(broken));
    let next = stage.send(Call::replayable(), "/next");
    assert_eq!((next.upload(), next.response.status().as_u16()), (Upload::ExpectContinue, 401));
    let again = stage.retry(next);
    assert_eq!(stage.finish(again, "/next"), 200);
}

/// How the body of this call is to be sent, each time. The first response is lost. Each later
/// response is a 401, except the last one.
fn upload(call: Call) -> Vec<Upload> {
    let mut stage = Stage::new(Policy::default());
    assert_eq!(stage.call("/a"), 200);
    stage.server.expire_all();
    let broken = stage.send(call, "/up");
    let mut sent = vec![broken.upload()];
    let Verdict::Retry(mut call) = stage.break_off(broken) else { panic!("the call is over") };
    loop {
        let handled = stage.send(call, "/up");
        sent.push(handled.upload());
        let status = handled.response.status();
        match stage.deliver(handled) {
            Verdict::Retry(again) => call = again,
            Verdict::Deliver => {
                let healed = if sent.len() > 2 { 200 } else { 401 };
                assert_eq!((status.as_u16(), stage.call("/b")), (healed, 200));
                return sent;
            }
        }
    }
}
