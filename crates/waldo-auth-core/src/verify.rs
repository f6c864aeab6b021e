//! The signature check of the API's own sample: HMAC under the client secret (rule 23).
//!
//! Here is the only place that knows whether the feature is compiled in.

use crate::credentials::Credentials;
use crate::wire::Jwt;

/// Whether the token may be used: it is signed with the client secret, or the configuration does not ask.
#[cfg(feature = "verify")]
pub(crate) fn passes(asked: bool, jwt: Jwt<'_>, credentials: &Credentials) -> bool {
    !asked || hs::is_signed_with(credentials.signing_key(), jwt)
}

/// Without the feature, no configuration can ask.
#[cfg(not(feature = "verify"))]
pub(crate) fn passes(_asked: bool, _jwt: Jwt<'_>, _credentials: &Credentials) -> bool {
    true
}

#[cfg(feature = "verify")]
mod hs {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Sha256, Sha384, Sha512};

    use crate::wire::{Jwt, json_members};

    /// HS256, HS384 or HS512, as the token's header says; no other algorithm counts, never `none`.
    pub(super) fn is_signed_with(key: &[u8], jwt: Jwt<'_>) -> bool {
        check(key, jwt).is_some()
    }

    fn check(key: &[u8], jwt: Jwt<'_>) -> Option<()> {
        let (header, signed, signature) = jwt.parts()?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let [algorithm] = json_members(&header, ["alg"])?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        match algorithm?.get() {
            r#""HS256""# => mac::<Hmac<Sha256>>(key, signed, &signature),
            r#""HS384""# => mac::<Hmac<Sha384>>(key, signed, &signature),
            r#""HS512""# => mac::<Hmac<Sha512>>(key, signed, &signature),
            _ => None,
        }
    }

    fn mac<M: Mac + KeyInit>(key: &[u8], signed: &str, signature: &[u8]) -> Option<()> {
        let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
        mac.update(signed.as_bytes());
        mac.verify_slice(signature).ok()
    }
}
