//! The signature check of the API's sample: HMAC with the client secret as the key (rule 23).
//!
//! Only this module depends on the feature `verify`.

use crate::credentials::Credentials;
use crate::wire::Jwt;

/// Whether the token may be used: it is signed with the client secret, or the configuration asks
/// for no signature.
#[cfg(feature = "verify")]
pub(crate) fn passes(asked: bool, jwt: Jwt<'_>, credentials: &Credentials) -> bool {
    !asked || credentials.signing_key().has_signed(jwt)
}

/// Without the feature, no configuration can ask for a signature.
#[cfg(not(feature = "verify"))]
pub(crate) fn passes(_asked: bool, _jwt: Jwt<'_>, _credentials: &Credentials) -> bool {
    true
}

#[cfg(feature = "verify")]
pub(crate) use hs::SigningKey;

#[cfg(feature = "verify")]
mod hs {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Sha256, Sha384, Sha512};

    use crate::wire::{Jwt, decoded, json_members};

    /// The client secret as a prepared key of each algorithm. Preparing the key is a third of the
    /// work for a short token, so it is done once. The key is wiped on drop.
    ///
    /// HMAC accepts a key of any length, so each algorithm has a key.
    #[derive(Clone)]
    pub(crate) struct SigningKey {
        hs256: Option<Hmac<Sha256>>,
        hs384: Option<Hmac<Sha384>>,
        hs512: Option<Hmac<Sha512>>,
    }

    impl SigningKey {
        pub(crate) fn of(secret: &str) -> Self {
            let secret = secret.as_bytes();
            Self {
                hs256: Hmac::new_from_slice(secret).ok(),
                hs384: Hmac::new_from_slice(secret).ok(),
                hs512: Hmac::new_from_slice(secret).ok(),
            }
        }

        /// Whether the token is signed by HS256, HS384 or HS512, as its header says. No other
        /// algorithm counts, and `none` never does.
        pub(super) fn has_signed(&self, jwt: Jwt<'_>) -> bool {
            self.check(jwt).is_some()
        }

        fn check(&self, jwt: Jwt<'_>) -> Option<()> {
            let (header, signed, signature) = jwt.parts()?;
            decoded(header, |header| {
                json_members(header, ["alg"], |[algorithm]| {
                    let is = |name| algorithm.is_some_and(|algorithm| algorithm.is(name));
                    decoded(signature, |signature| {
                        if is("HS256") {
                            mac(self.hs256.as_ref(), signed, signature)
                        } else if is("HS384") {
                            mac(self.hs384.as_ref(), signed, signature)
                        } else if is("HS512") {
                            mac(self.hs512.as_ref(), signed, signature)
                        } else {
                            None
                        }
                    })
                })?
            })
        }
    }

    fn mac<M: Mac + Clone>(keyed: Option<&M>, signed: &[u8], signature: &[u8]) -> Option<()> {
        keyed?.clone().chain_update(signed).verify_slice(signature).ok()
    }
}
