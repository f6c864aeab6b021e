//! HMAC for `jsonwebtoken`, without one of its backends.
//!
//! A library must not enable a backend feature, because `jsonwebtoken` panics if a build has two
//! backends.

use std::sync::Once;

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use sha2::{Sha256, Sha384, Sha512};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        shared_secret(key.family())?;
        Ok(Box::new(HmacKey::new(*algorithm, key.as_bytes())?))
    },
    verifier_factory: |algorithm, key| {
        shared_secret(key.family())?;
        Ok(Box::new(HmacKey::new(*algorithm, key.try_get_as_bytes()?)?))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn shared_secret(family: AlgorithmFamily) -> Result<()> {
    if family == AlgorithmFamily::Hmac { Ok(()) } else { Err(ErrorKind::InvalidKeyFormat.into()) }
}

/// Installs the provider, unless the process already has one. Another provider can do HMAC too.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// One of the three keyed hashes.
enum HmacKey {
    Hs256(Hmac<Sha256>),
    Hs384(Hmac<Sha384>),
    Hs512(Hmac<Sha512>),
}

impl HmacKey {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        let made = match algorithm {
            Algorithm::HS256 => Hmac::new_from_slice(key).map(Self::Hs256),
            Algorithm::HS384 => Hmac::new_from_slice(key).map(Self::Hs384),
            Algorithm::HS512 => Hmac::new_from_slice(key).map(Self::Hs512),
            Algorithm::ES256
            | Algorithm::ES384
            | Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512
            | Algorithm::EdDSA
            | _ => return Err(ErrorKind::InvalidAlgorithm.into()),
        };
        made.map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::HS256,
            Self::Hs384(_) => Algorithm::HS384,
            Self::Hs512(_) => Algorithm::HS512,
        }
    }
}

impl Signer<Vec<u8>> for HmacKey {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Hs256(mac) => mac.clone().chain_update(message).finalize().into_bytes().to_vec(),
            Self::Hs384(mac) => mac.clone().chain_update(message).finalize().into_bytes().to_vec(),
            Self::Hs512(mac) => mac.clone().chain_update(message).finalize().into_bytes().to_vec(),
        })
    }
}

impl Verifier<Vec<u8>> for HmacKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        match self {
            Self::Hs256(mac) => mac.clone().chain_update(message).verify_slice(signature),
            Self::Hs384(mac) => mac.clone().chain_update(message).verify_slice(signature),
            Self::Hs512(mac) => mac.clone().chain_update(message).verify_slice(signature),
        }
        .map_err(|_| Error::new())
    }
}

impl JwtSigner for HmacKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm()
    }
}

impl JwtVerifier for HmacKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn macs_match_rfc_4231_test_case_2() {
        let cases = [
            (Algorithm::HS256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Algorithm::HS384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                Algorithm::HS512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ];
        for (algorithm, expected) in cases {
            let key = HmacKey::new(algorithm, b"Jefe").unwrap();
            let message = b"what do ya want for nothing?";
            assert_eq!(key.try_sign(message).unwrap(), hex(expected), "{algorithm:?}");
            key.verify(message, &hex(expected)).unwrap();
            assert!(key.verify(b"something else", &hex(expected)).is_err());
        }
    }

    #[test]
    fn no_other_algorithm_is_signed_with() {
        assert!(HmacKey::new(Algorithm::RS256, b"Jefe").is_err());
    }
}
