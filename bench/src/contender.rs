//! One way to do the operation of a group.

use std::fmt;

use crate::limit::{Limit, Limits};

/// Prepared operations, which are performed once.
pub trait Batch {
    /// Performs all operations. Only this is measured, and not the drop of the batch.
    fn perform(&mut self);

    /// Checks that the operations did what the contender's name says.
    ///
    /// # Panics
    /// If the operations did something else.
    fn check(&self) {}
}

/// Lets a contender use the batches of another contender.
impl Batch for Box<dyn Batch> {
    fn perform(&mut self) {
        (**self).perform();
    }

    fn check(&self) {
        (**self).check();
    }
}

type Prepare = dyn Fn(usize) -> Box<dyn Batch> + Send + Sync;

/// One way to do the operation. It prepares batches of a given number of operations.
///
/// The contender holds the state that several threads share. The batch holds the state of one
/// thread.
pub struct Contender {
    name: String,
    prepare: Box<Prepare>,
    limits: Limits,
}

impl Contender {
    /// A contender whose operations each need their own state, such as a request under way.
    pub fn new<B: Batch + 'static>(
        name: impl Into<String>,
        prepare: impl Fn(usize) -> B + Send + Sync + 'static,
    ) -> Self {
        let prepare = move |operations| -> Box<dyn Batch> { Box::new(prepare(operations)) };
        Self { name: name.into(), prepare: Box::new(prepare), limits: Limits::default() }
    }

    /// A contender that repeats one operation, with the state that `begin` makes for the batch.
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

    /// The name of the contender, for its row of a table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The limits of the contender.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Prepares this number of operations.
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
