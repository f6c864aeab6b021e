//! The allocations of an operation.

use allocation_counter::measure;

use crate::contender::Contender;

/// The allocations of one operation, on the thread that performs it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allocations {
    /// The number of allocations.
    pub count: f64,
    /// The sum of their sizes, in bytes.
    pub bytes: f64,
}

impl Allocations {
    /// Counts the allocations of a second batch. Permanent allocations happen in the first batch.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch is far below 2^53 allocations or bytes"
    )]
    pub fn of(contender: &Contender, operations: usize) -> Self {
        contender.prepare(operations).perform();
        let mut batch = contender.prepare(operations);
        let counted = measure(|| batch.perform());
        batch.check();
        let each = |total: u64| total as f64 / operations as f64;
        Self { count: each(counted.count_total), bytes: each(counted.bytes_total) }
    }
}
