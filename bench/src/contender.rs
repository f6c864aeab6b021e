//! One way of doing the operation that a group is about.

use std::fmt;

use crate::limit::{Limit, Limits};

/// Operations that are ready to be performed, once.
pub trait Batch {
    /// Performs them all. This alone is measured; what is dropped with the batch is not.
    fn perform(&mut self);

    /// Makes sure that they did what the contender's name says, or its row would be a lie.
    ///
    /// # Panics
    /// When they did not.
    fn check(&self) {}
}

/// So that a contender can be made of another one's batches.
impl Batch for Box<dyn Batch> {
    fn perform(&mut self) {
        (**self).perform();
    }

    fn check(&self) {
        (**self).check();
    }
}

type Prepare = dyn Fn(usize) -> Box<dyn Batch> + Send + Sync;

/// One way of doing the operation: it prepares batches of as many as it is told.
///
/// What threads share when several run it at once, it keeps; what each thread has for itself is in
/// the batch.
pub struct Contender {
    name: String,
    prepare: Box<Prepare>,
    limits: Limits,
}

impl Contender {
    /// A contender whose operations need something of their own each, such as a request that is
    /// under way.
    pub fn new<B: Batch + 'static>(
        name: impl Into<String>,
        prepare: impl Fn(usize) -> B + Send + Sync + 'static,
    ) -> Self {
        let prepare = move |operations| -> Box<dyn Batch> { Box::new(prepare(operations)) };
        Self { name: name.into(), prepare: Box::new(prepare), limits: Limits::default() }
    }

    /// A contender that does the same again and again, with what `begin` has made for the batch.
    pub fn repeating<O: FnMut() + 'static>(
        name: impl Into<String>,
        begin: impl Fn() -> O + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move |operations| Repeated { operations, operation: begin() })
    }

    /// Limits the instructions of one operation.
    #[must_use]
    pub fn instructions(self, limit: Limit) -> Self {
        Self { limits: Limits { instructions: Some(limit), ..self.limits }, ..self }
    }

    /// Limits the allocations of one operation.
    #[must_use]
    pub fn allocations(self, limit: Limit) -> Self {
        Self { limits: Limits { allocations: Some(limit), ..self.limits }, ..self }
    }

    /// What stands in its row of a table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it must not exceed.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Makes ready as many operations.
    pub fn prepare(&self, operations: usize) -> Box<dyn Batch> {
        (self.prepare)(operations)
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

struct Repeated<O> {
    operations: usize,
    operation: O,
}

impl<O: FnMut()> Batch for Repeated<O> {
    fn perform(&mut self) {
        for _ in 0..self.operations {
            (self.operation)();
        }
    }
}
