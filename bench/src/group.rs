//! Contenders that are compared with each other.

use crate::contender::Contender;

/// Contenders for one operation. The first one is the reference: every other is told as a ratio to
/// it.
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

    /// Gives every batch of every contender this many operations, instead of as many as fill the
    /// time.
    ///
    /// So all of them touch as much memory, and no one has the caches to itself.
    #[must_use]
    pub fn in_batches_of(self, operations: usize) -> Self {
        Self { operations: Some(operations), ..self }
    }

    /// The short name by which a case is chosen.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it compares.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// How many operations make a batch, where that is not a matter of time.
    pub fn operations(&self) -> Option<usize> {
        self.operations
    }

    /// All of them, the reference first.
    pub fn contenders(&self) -> &[Contender] {
        &self.contenders
    }
}
