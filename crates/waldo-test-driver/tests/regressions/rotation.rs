//! Fresh tokens that come twice, late, blank, with the wrong answer, or not at all.

use http::StatusCode;
use http::header::AUTHORIZATION;
use waldo_auth_core::{Call, Verdict};
use waldo_test_driver::server::Policy;

use crate::meets;
use crate::stage::Stage;

/// `lynndylanhurley/devise_token_auth#17`: responses to parallel requests carried the token that
/// was sent, after another had already brought the next one. An echo is not a renewal, and a
/// restamped one ends no later than what is held.
#[test]
fn devise_token_auth_17_batch_echo_restores_no_older_token() {
    meets(["batch-echo-of-the-sent-token", "batch-echo-restamped"]);
}

/// `lynndylanhurley/devise_token_auth#51`: the one response of a batch that carried the next token
/// was lost, the others carried none, and the user was logged out. The held token goes on until
/// something better comes.
#[test]
fn devise_token_auth_51_lost_batch_response_costs_no_login() {
    meets(["batch-and-a-lost-response"]);
}

/// `lynndylanhurley/devise_token_auth#541`: tokens were left out of batches, because responses out
/// of order made clients keep an invalidated one. Here the order of arrival decides nothing.
#[test]
fn devise_token_auth_541_out_of_order_responses_restore_no_older_token() {
    meets(["late-response-keeps-the-newer-token", "batch-echo-restamped"]);
}

/// `lynndylanhurley/devise_token_auth#568`: calls that followed each other closely brought no
/// token, and the client was left with none. Without a renewed token, the held token stays.
#[test]
fn devise_token_auth_568_response_without_token_keeps_held_token() {
    meets(["batch-of-calls-in-a-row", "held-token-is-reused"]);
}

/// `lynndylanhurley/devise_token_auth#944`: the token was missing from the response that came
/// straight after the login. The login's token stays.
#[test]
fn devise_token_auth_944_missing_renewal_after_login_keeps_token() {
    meets(["renewal-blank", "batch-of-calls-in-a-row"]);
}

/// `lynndylanhurley/devise_token_auth#1053`: an empty header on a 200 was saved as the token. A
/// blank value is no token.
#[test]
fn devise_token_auth_1053_blank_header_is_no_renewed_token() {
    meets(["renewal-blank", "renewal-several", "batch-echo-blank"]);
}

/// `lynndylanhurley/devise_token_auth#1024`: a 304 went without the token that had just been made,
/// and with the headers of an older response. Fresh tokens are read from 2xx responses alone, so
/// the older one is not taken, and one login heals.
#[test]
fn devise_token_auth_1024_304_restores_no_older_token() {
    meets(["a-304-takes-its-token-with-it"]);
    let mut stage = Stage::new(Policy::default());
    let first = stage.send(Call::replayable(), "/a");
    let stored = first.response.headers().clone();
    assert!(matches!(stage.deliver(first), Verdict::Deliver));
    assert_eq!(stage.call("/b"), 200);
    let sent = stage.send(Call::replayable(), "/a");
    let held = sent.generation();
    assert!(stored.contains_key(AUTHORIZATION));
    assert!(matches!(stage.deliver_as(sent, StatusCode::NOT_MODIFIED, &stored), Verdict::Deliver));
    assert_eq!(stage.send(Call::replayable(), "/c").generation(), held);
}

/// `tymondesigns/jwt-auth#700`: of two requests with one token the second was refused, while its
/// successor was still inside the first one's response. One login heals it, and the late response
/// changes nothing.
#[test]
fn jwt_auth_700_parallel_requests_survive_immediate_token_revocation() {
    meets(["strict-rotation-in-parallel"]);
}

/// `tymondesigns/jwt-auth#301`: the same. A grace on the server would hide it, and is not needed.
#[test]
fn jwt_auth_301_parallel_requests_need_no_grace() {
    meets(["strict-rotation-in-parallel", "grace-rotation"]);
}

/// `tymondesigns/jwt-auth#645`: the same; and where the response with the only live token never
/// comes, one login heals that too.
#[test]
fn jwt_auth_645_lost_successor_of_revoked_token_costs_one_login() {
    meets(["strict-rotation-in-parallel", "strict-rotation-and-a-lost-response"]);
}

/// `tymondesigns/jwt-auth#291`: two tokens of one second are the same text, so the renewed one was
/// the revoked one. The same text is no renewal, and is not mistaken for a newer token.
#[test]
fn jwt_auth_291_tokens_of_one_second_are_equal() {
    meets(["equal-tokens-of-one-second"]);
}

/// `tymondesigns/jwt-auth#201`: renewals end with a limit that counts from the first token's `iat`,
/// though the `exp` of the last one lies ahead. It is one 401 and one login.
#[test]
fn jwt_auth_201_renewal_chain_may_end_before_last_exp() {
    meets(["a-chain-of-renewals-ends", "iat-kept-from-the-login"]);
}

/// `tymondesigns/jwt-auth#868`: a 500 came without the fresh token, and the one before was revoked
/// already. The 500 is delivered, and the next call costs one login.
#[test]
fn jwt_auth_868_error_without_renewed_token_costs_one_login() {
    meets(["an-error-takes-its-token-with-it", "renewals-come-from-successes-only"]);
}

/// `websanova/vue-auth#269`: of several tokens from parallel responses the one that ends last is
/// the one to keep.
#[test]
fn vue_auth_269_the_latest_expiry_wins() {
    meets(["late-response-with-a-fresher-token", "late-response-keeps-the-newer-token"]);
}

/// `websanova/vue-auth#283`: after a token had changed, an old one was used again. Here the next
/// call is sent with the token that the last successful response brought.
#[test]
fn vue_auth_283_next_call_sends_the_renewed_token() {
    meets(["each-answer-brings-the-next-token", "late-response-keeps-the-newer-token"]);
}

/// `supertokens/supertokens-website#276`: a slow response of the old session overwrote the new
/// session's token. Here a renewed token belongs to the login that its request descends from.
#[test]
fn supertokens_website_276_late_response_of_old_session_is_ignored() {
    meets(["late-response-of-an-old-session", "late-response-of-an-old-session-that-lasts-longer"]);
}

/// `vimalloc/flask-jwt-extended#454`: a response with a renewed token came after the logout, and
/// put one back. Here a call that was under way when the token was given up brings no token.
#[test]
fn flask_jwt_extended_454_late_response_after_logout_restores_no_token() {
    meets(["late-response-after-invalidation", "reset-during-a-login"]);
}
