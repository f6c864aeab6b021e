//! The key pairs of a server, and whether each is active.

use std::fmt;
use std::sync::Arc;

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Secret(Arc<str>);

impl Secret {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// One API key with its client secret.
#[derive(Clone, Debug, Hash)]
pub(super) struct Key {
    pub(super) id: Secret,
    pub(super) secret: Secret,
    pub(super) active: bool,
}

/// The index of a key among the server's keys. It never changes, because a revoked key is not
/// removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyIndex(usize);

/// All key pairs of a server.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// Adds a key pair. A known id gets the new secret, and is active again.
    pub(super) fn add(&mut self, id: Secret, secret: Secret) {
        match self.0.iter_mut().find(|key| key.id == id) {
            Some(key) => *key = Key { id, secret, active: true },
            None => self.0.push(Key { id, secret, active: true }),
        }
    }

    /// Activates or deactivates a key; false if the key is unknown.
    pub(super) fn activate(&mut self, id: &str, active: bool) -> bool {
        let key = self.0.iter_mut().find(|key| key.id.expose() == id);
        key.map(|key| key.active = active).is_some()
    }

    /// The key pair with this id and this secret, even if it is inactive.
    pub(super) fn find(&self, id: &str, secret: &str) -> Option<(KeyIndex, &Key)> {
        let mut pairs = self.0.iter().enumerate();
        let (index, key) =
            pairs.find(|(_, key)| key.id.expose() == id && key.secret.expose() == secret)?;
        Some((KeyIndex(index), key))
    }

    pub(super) fn at(&self, KeyIndex(index): KeyIndex) -> Option<&Key> {
        self.0.get(index)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
