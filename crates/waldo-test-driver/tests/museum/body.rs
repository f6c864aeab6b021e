//! What the second sending carries, and whose response the caller gets. What an adapter has to do with it is in its own tests.

use crate::meets;

/// `n8n-io/n8n#37000`: a replay sent a body that had been drained. Each attempt carries all of it.
#[test]
fn n8n_37000_a_resend_carries_the_whole_body() {
    meets(["a-replayable-body-is-sent-whole-again"]);
}

/// `a2aproject/a2a-js#735`: the same; and what cannot be read again is not sent again.
#[test]
fn a2a_js_735_a_drained_body_is_not_sent() {
    meets(["a-replayable-body-is-sent-whole-again", "a-one-shot-gets-its-401"]);
}

/// `thomaslazar/abs-cli#89`: after a good retry the caller was handed the first response, the 401. What is delivered is the last
/// attempt's.
#[test]
fn abs_cli_89_the_answer_is_that_of_the_last_attempt() {
    meets(["a-401-is-healed", "three-attempts-at-most"]);
}

/// `TrueLayer/reqwest-middleware#44`: a body that cannot be sent twice failed before it was sent once. It is sent once.
#[test]
fn reqwest_middleware_44_a_one_shot_body_is_sent_once() {
    meets(["a-one-shot-on-a-cold-start"]);
}
