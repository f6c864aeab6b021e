//! Makes and checks tokens without the client's code.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A JWT with this payload and an invalid signature.
pub(crate) fn jwt(payload: &[u8]) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
}

/// Whether a text may be a JWT. The client must refuse all other texts.
pub(crate) fn may_be_a_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [_, payload, _] = parts.as_slice() else { return false };
    let is_spelled = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    parts.iter().all(is_spelled) && payload.contains(&b'{') && payload.contains(&b'}')
}

/// Whether a text is certainly a JWT. The client must accept all these texts.
pub(crate) fn is_surely_a_jwt(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part)).collect();
    let [Ok(header), Ok(payload), Ok(signature)] = parts.as_slice() else { return false };
    let is_object = |json: &[u8]| serde_json::from_slice::<Map<String, Value>>(json).is_ok();
    !header.is_empty() && !signature.is_empty() && text.len() <= 16 * 1024 && is_object(payload)
}
