//! The name of a fleet's document.

use std::fmt;

use sha2::{Digest, Sha256};

/// The name under which a store keeps the document of one key pair at one origin.
///
/// The name is a hash, so it shows neither the API key nor the origin. It holds the letters `0` to
/// `9` and `a` to `f` only, so it can be a part of a file name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// A key with this name, for the tests of a store. A client makes its own.
    ///
    /// ```
    /// use waldo_store::Key;
    ///
    /// assert_eq!(Key::of_hash([0xab; 16]).as_str(), "ab".repeat(16));
    /// ```
    pub fn of_hash(hash: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(hash)))
    }

    /// The key of an API key at an origin.
    pub(crate) fn of(origin: &str, api_key: &str) -> Self {
        // The length keeps two pairs of texts apart that would be equal in a row.
        let hash = Sha256::new()
            .chain_update(u64::try_from(origin.len()).unwrap_or(u64::MAX).to_be_bytes())
            .chain_update(origin)
            .chain_update(api_key)
            .finalize();
        let mut short = [0; 16];
        short.iter_mut().zip(hash).for_each(|(short, byte)| *short = byte);
        Self::of_hash(short)
    }

    /// The name: 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0)
    }
}
