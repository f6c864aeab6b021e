//! The name of a fleet's document.

use std::fmt;

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
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
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
