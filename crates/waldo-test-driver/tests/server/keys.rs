//! Key pairs: several, revoked, restored, and never shown.

use serde_json::json;
use waldo_test_driver::server::{Policy, Server};

use crate::caller::{Caller, claims};

#[test]
fn a_restored_key_works_again_with_its_old_tokens() {
    let mut caller = Caller::new();
    let token = caller.login();
    assert!(caller.server.revoke_key(Server::KEY_ID));
    assert_eq!((caller.status(&token), caller.try_login().status().as_u16()), (403, 403));
    assert!(!caller.server.accepts(&token, caller.now));
    assert!(caller.server.restore_key(Server::KEY_ID));
    assert_eq!((caller.status(&token), caller.try_login().status().as_u16()), (200, 200));
}

#[test]
fn an_unknown_key_can_be_neither_revoked_nor_restored() {
    let mut server = Server::default();
    assert!(!server.revoke_key("nobody"));
    assert!(!server.restore_key("nobody"));
}

#[test]
fn revoking_one_key_leaves_the_others_alone() {
    let mut caller = Caller::new();
    caller.server.add_key("wk.other", "ws.other");
    let response = caller.login_with(&json!({ "apiKey": "wk.other", "clientSecret": "ws.other" }));
    let other = crate::caller::body(&response)["token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&other)["sub"], "wk.other");
    caller.server.revoke_key(Server::KEY_ID);
    assert_eq!(caller.status(&other), 200);
    assert_eq!(caller.try_login().status(), 403);
}

#[test]
fn a_new_secret_replaces_the_old_one() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.server.add_key(Server::KEY_ID, "ws.renewed");
    assert_eq!(caller.try_login().status(), 401);
    assert_eq!(caller.status(&token), 401, "it was signed with the old secret");
}

#[test]
fn a_server_that_knows_no_key_grants_nothing() {
    let mut caller = Caller::of(Policy::default());
    caller.server = Server::new(Policy::default());
    assert_eq!(caller.try_login().status(), 401);
}

#[test]
fn debug_shows_no_key_no_secret_and_no_token() {
    let mut caller = Caller::new();
    let token = caller.login();
    let renewal = caller.renew(&token);
    caller.server.set_signing_key(Some("planted signing key"));
    caller.login();
    let shown = format!("{:?} {:#?} {:?}", caller.server, caller.server, caller.server.stats());
    for secret in [
        Server::KEY_ID,
        Server::KEY_SECRET,
        "planted",
        &token,
        &renewal,
        token.rsplit('.').next().unwrap(),
    ] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    assert!(shown.contains("logins_granted"));
}
