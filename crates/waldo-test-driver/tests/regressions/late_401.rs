//! A 401 that is about another token than the held one, and a 401 without a conclusion.

use crate::meets;

/// `openai/openai-python#3622`: each late 401 of a burst threw away the token that another had just
/// brought, and exchanged once more. A 401 counts against the token that it was sent with.
#[test]
fn openai_python_3622_burst_of_401s_causes_one_login() {
    meets(["a-storm-of-401s-is-one-login", "late-401-drops-no-newer-token"]);
}

/// `openai/openai-dotnet#1292`: where the body could not be sent again, the refused token was kept.
/// Here it is dropped all the same, and the next call heals.
#[test]
fn openai_dotnet_1292_one_shot_call_drops_refused_token() {
    meets(["a-one-shot-gets-its-401", "a-one-shot-is-not-sent-again-with-a-newer-token"]);
}

/// `apache/arrow-rs-object-store#805`: a cache that knew only the expiry kept a token that was
/// refused, for its whole hour. A 401 drops it at once; a 403 does not, but the token can be given
/// up.
#[test]
fn arrow_rs_object_store_805_refused_token_is_dropped_before_its_expiry() {
    meets(["a-401-is-healed", "a-token-of-the-wrong-identity"]);
}

/// `Alamofire/Alamofire#3735`: after the server's keys had changed, one refresh followed the other.
/// The old token is one login, however many requests carried it.
#[test]
fn alamofire_3735_other_signing_keys_are_one_login() {
    meets(["a-new-signing-key-is-healed", "late-401-drops-no-newer-token"]);
}

/// `Alamofire/Alamofire#3964`: a 401 to a token that had been succeeded meanwhile. It is answered
/// with the successor, without a login.
#[test]
fn alamofire_3964_401_to_replaced_token_causes_no_login() {
    meets(["late-401-after-a-renewal"]);
}

/// `IndominusByte/fastapi-jwt-auth#20`: the server answered 422 to a token that was signed with an
/// older key, as flask-jwt-extended does. By default the 422 is delivered, and the token stays. A
/// setting makes the 422 count as a 401.
#[test]
fn fastapi_jwt_auth_20_422_is_delivered_by_default() {
    meets(["a-422-is-delivered"]);
}
