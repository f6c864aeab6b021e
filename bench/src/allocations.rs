//! What an operation allocates.

use allocation_counter::measure;

use crate::contender::Contender;

/// The allocations of one operation, on the thread that performs it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allocations {
    /// How many.
    pub count: f64,
    /// Of how many bytes together.
    pub bytes: f64,
}

impl Allocations {
    /// Counts those of a second batch: what is allocated once, for good, falls into the first.
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
