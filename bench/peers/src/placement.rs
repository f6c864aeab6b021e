//! The place of a contender's data in memory.
//!
//! The speed of threads that share data depends on their cache lines, which are fixed when a
//! contender is made. One of two equal contenders can take 1.5 times as long as the other. So each
//! contender has several instances, which take turns.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use waldo_bench::Contender;

/// The number of instances of each contender.
const PLACES: usize = 16;

/// A contender that uses another instance in each batch. All `threads` of a batch use the same
/// instance.
pub(crate) fn varied(threads: usize, make: fn() -> Contender) -> Contender {
    let instances: Vec<Contender> = (0..PLACES).map(|_| make()).collect();
    let (name, prepared) = (instances[0].name().to_owned(), AtomicUsize::new(0));
    Contender::new(name, move |operations| {
        let turn = prepared.fetch_add(1, Relaxed) / threads;
        instances[turn % PLACES].prepare(operations)
    })
}
