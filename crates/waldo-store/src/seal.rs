//! The seal of a document.
//!
//! Whoever can read or write the store has no client secret, so they can neither read a document nor
//! make one. They can bring an older document back, or remove it. The worst result is a further
//! login, because the server judges each token, and every time in a document has an end.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use waldo_auth_core::Session;
use zeroize::Zeroizing;

use crate::key::Key;

/// What every sealed document of this version begins with.
const MARK: &[u8; 8] = b"waldo-1\n";
const NONCE: usize = 24;

/// Seals and opens the documents of one key pair.
///
/// The seal is XChaCha20-Poly1305. Its key comes from the client secret by HKDF-SHA256. The name of
/// the document is a part of what is sealed, so a document cannot be moved to another name.
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
    key: Key,
    /// Tells one key pair from another. It comes from the same secret as the key of the cipher, and
    /// shows nothing about it.
    check: [u8; 16],
}

impl Seal {
    /// The seal for the key pair of a session.
    pub(crate) fn of(session: &Session) -> Self {
        session.derive(|origin, api_key, client_secret| {
            Self::with(client_secret, Key::of(origin, api_key))
        })
    }

    fn with(client_secret: &str, key: Key) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(key.as_str().as_bytes()), client_secret.as_bytes());
        let (mut bytes, mut check) = (Zeroizing::new([0; 32]), [0; 16]);
        let derived = hkdf
            .expand(b"waldo store 1", bytes.as_mut())
            .and(hkdf.expand(b"waldo check 1", &mut check));
        debug_assert!(derived.is_ok(), "48 bytes are within the range of HKDF-SHA256");
        Self { cipher: XChaCha20Poly1305::new((&*bytes).into()), key, check }
    }

    /// The name of the document.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether the session still has the key pair of this seal.
    pub(crate) fn is_of(&self, session: &Session) -> bool {
        let other = Self::of(session);
        (&self.key, self.check) == (&other.key, other.check)
    }

    /// Seals a document; `None` if the system has no randomness.
    pub(crate) fn seal(&self, document: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload { msg: document, aad: self.key.as_str().as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&MARK[..], &nonce, &sealed].concat())
    }

    /// Opens a sealed document; `None` if it was sealed with another secret, for another name or by
    /// another version, or was changed since.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.strip_prefix(MARK)?.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: self.key.as_str().as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secret: &str, name: u8) -> Seal {
        Seal::with(secret, Key::of_hash([name; 16]))
    }

    #[test]
    fn only_the_same_secret_and_name_open_a_document() {
        let sealed = seal("secret", 1).seal(b"canary").unwrap();
        assert_eq!(seal("secret", 1).open(&sealed).unwrap().as_slice(), b"canary");
        assert!(seal("other", 1).open(&sealed).is_none());
        assert!(seal("secret", 2).open(&sealed).is_none());
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_ne!(sealed, seal("secret", 1).seal(b"canary").unwrap(), "each seal has a new nonce");
    }

    #[test]
    fn a_changed_or_truncated_document_does_not_open() {
        let seal = seal("secret", 1);
        let sealed = seal.seal(b"document").unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(seal.open(&changed).is_none(), "{place}");
            assert!(seal.open(&sealed[..place]).is_none(), "{place}");
        }
        assert!(seal.open(&[&sealed[..], b"x"].concat()).is_none());
    }
}
