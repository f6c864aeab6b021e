//! Logins that fail: what is taken for permanent, what is forgotten too late, and how long is
//! waited.

use crate::meets;

/// `googleapis/google-cloud-rust#4541`: passing failures exhausted the retries, and the credentials
/// stayed broken until they were built anew. A call gives up; the session does not, and the next
/// call tries again.
#[test]
fn google_cloud_rust_4541_next_call_retries_after_exhausted_failures() {
    meets(["a-call-gives-up-after-three-failures", "failures-end"]);
}

/// `googleapis/google-cloud-rust#5864`: a connection that broke in the middle of an answer was
/// taken for a permanent error. A login's half answer says nothing about the key pair.
#[test]
fn google_cloud_rust_5864_truncated_login_answer_is_no_rejection() {
    meets(["login-cut-short", "login-cut", "login-single-quotes"]);
}

/// `googleapis/google-cloud-rust#5809`: an early renewal that failed put its error in the place of
/// a token that still lived. The token is replaced by a token only.
#[test]
fn google_cloud_rust_5809_failed_early_login_keeps_held_token() {
    meets(["a-failed-early-login-keeps-the-token"]);
}

/// `stacklok/toolhive#5170`: a firewall's 4xx was taken for bad credentials. Only a JSON body with
/// a `code` is the server's word about the key pair.
#[test]
fn toolhive_5170_firewall_response_is_no_rejection() {
    meets(["login-firewall", "login-redirect", "login-not-json"]);
}

/// `rusoto/rusoto#1765`: an error was cached for ever. A failure is kept for one backoff.
#[test]
fn rusoto_1765_an_error_is_not_cached_for_ever() {
    meets(["failures-end", "two-failures-in-a-row"]);
}

/// `serverpod/serverpod#5541`: after one refusal the client refused every call until a restart.
/// Here time ends this state, and so do new credentials and a `reset` with the same ones.
#[test]
fn serverpod_5541_an_open_circuit_closes_again() {
    meets(["a-probe-finds-a-restored-key", "reset-closes-the-circuit", "reset-to-another-key"]);
}

/// `camunda-community-hub/zeebe-client-node-js#244`: a failing token endpoint was asked again and
/// again without a pause. The pauses double, and all who wait share them.
#[test]
fn zeebe_client_node_js_244_failures_back_off() {
    meets(["backoff-doubles", "backoff-is-shared"]);
}

/// `camunda/camunda-8-js-sdk#605`: with a wrong secret, each call waited longer than the one
/// before. A rejection is reported at once, and so is a backoff that a call's deadline would not
/// outlast.
#[test]
fn camunda_8_js_sdk_605_rejection_or_long_backoff_refuses_at_once() {
    meets(["rejected-invalid-api-key", "deadline-before-a-backoff-ends"]);
}

/// `camunda/camunda#50669`: a `Retry-After` overflowed. More than fits is a long time, of which an
/// hour is obeyed.
#[test]
fn camunda_50669_retry_after_does_not_overflow() {
    meets(["retry-after-overflows"]);
}

/// `cortexkit/anthropic-auth#40`: a `Retry-After` was obeyed without a limit. An hour is the limit.
#[test]
fn anthropic_auth_40_retry_after_has_a_limit() {
    meets(["retry-after-is-capped"]);
}

/// `cloudfoundry/cf-java-client#562`: if the token endpoint answered with an error, every call hung
/// until its timeout. Here the head shows the error, and the client waits two seconds at most for
/// the body of a rejection.
#[test]
fn cf_java_client_562_login_error_is_known_from_its_head() {
    meets(["login-503-without-an-end", "login-401-without-an-end", "login-floods-with-a-401"]);
}
