//! The model beside another owner of the process's cryptography provider.

use std::time::SystemTime;

use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use waldo_test_driver::server::Server;

/// A provider of somebody who needs no HMAC.
static ELSEWHERE: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    key_utils: KeyUtils::new_unimplemented(),
};

// Alone in its file, since a process has one provider for good.
#[test]
fn installed_provider_without_hmac_stays_and_causes_500() {
    ELSEWHERE.install_default().unwrap();
    let mut server = Server::default();
    let body = serde_json::json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET })
        .to_string();
    let login = http::Request::post("/authenticate").body(body).unwrap();
    let answer = server.handle(&login, SystemTime::UNIX_EPOCH).response().unwrap();
    assert_eq!(answer.status(), 500);
    assert!(String::from_utf8_lossy(answer.body()).contains("provider"));
    assert!(ELSEWHERE.install_default().is_err(), "it has not been replaced");
}
