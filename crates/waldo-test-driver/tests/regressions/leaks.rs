//! Tokens that went where they must not, and logs that said too little.

use waldo_test_driver::server::Policy;

use crate::meets;
use crate::stage::Stage;

/// `golang/oauth2#500`: the bearer was put on again at each hop of a redirect, to any host. Here a
/// redirect is delivered, and the token is attached to one origin's requests only.
#[test]
fn oauth2_500_no_hop_carries_the_token_elsewhere() {
    meets([
        "a-redirect-is-delivered",
        "a-redirect-at-home-is-delivered",
        "a-foreign-origin-sees-nothing",
    ]);
}

/// `specklesystems/speckle-server#1644`: with every header redacted nobody could tell which token a
/// request had carried. The journal names a token by its generation and a login by its number, so
/// each step can be followed without one byte of a token.
#[test]
fn speckle_server_1644_journal_identifies_tokens_without_showing_them() {
    let mut stage = Stage::new(Policy::default());
    assert_eq!(stage.call("/a"), 200);
    stage.server.expire_all();
    assert_eq!(stage.call("/b"), 200);
    let told: Vec<String> =
        stage.session.journal().since(0).map(|entry| entry.event.to_string()).collect();
    let told = told.join("\n");
    for step in
        ["login 1", "generation 1", "generation 2", "login 2", "generation 3", "generation 4"]
    {
        assert!(told.contains(step), "{step}:\n{told}");
    }
    assert!(!told.contains("eyJ"), "{told}");
}
