//! Contenders that are compared with each other.

use crate::contender::Contender;

/// Contenders for one operation. The first contender is the reference. The others are reported as
/// ratios to it.
#[derive(Debug)]
pub struct Group {
    key: String,
    title: String,
    operations: Option<usize>,
    contenders: Vec<Contender>,
}

impl Group {
    /// A group with a short key, such as `A1`, and the title of its table.
    pub fn new(key: impl Into<String>, title: impl Into<String>, reference: Contender) -> Self {
        Self { key: key.into(), title: title.into(), operations: None, contenders: vec![reference] }
    }

    /// Adds a contender.
    #[must_use]
    pub fn with(mut self, contender: Contender) -> Self {
        self.contenders.push(contender);
        self
    }

    /// Gives every batch of every contender this number of operations. Otherwise a batch has as
    /// many as fill the time.
    ///
    /// So all contenders use the same amount of memory, and share the caches equally.
    #[must_use]
    pub fn in_batches_of(self, operations: usize) -> Self {
        Self { operations: Some(operations), ..self }
    }

    /// The short key that chooses the group.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The title of the group's table.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The number of operations in a batch; `None` if the time decides.
    pub fn operations(&self) -> Option<usize> {
        self.operations
    }

    /// All contenders. The reference is the first one.
    pub fn contenders(&self) -> &[Contender] {
        &self.contenders
    }
}
