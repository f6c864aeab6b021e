//! Where a contender's data lie in memory.
//!
//! Where threads meet, it matters which of them share a cache line, and that is settled when a contender is made: of two that are the same,
//! one can take half as long again as the other for as long as the program runs. So there are several of each, and they take turns.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use waldo_bench::Contender;

/// How many there are of each contender.
const PLACES: usize = 16;

/// A contender that is another instance in each batch. Threads that run one batch together, as many as it is told, have the same.
pub(crate) fn varied(threads: usize, make: fn() -> Contender) -> Contender {
    let instances: Vec<Contender> = (0..PLACES).map(|_| make()).collect();
    let (name, prepared) = (instances[0].name().to_owned(), AtomicUsize::new(0));
    Contender::new(name, move |operations| {
        let turn = prepared.fetch_add(1, Relaxed) / threads;
        instances[turn % PLACES].prepare(operations)
    })
}
