//! Times contenders side by side.
//!
//! A shared machine changes its speed within seconds. If contenders were timed one after the other,
//! the change would look like a difference between them. So each round runs one short batch of each
//! contender in a random order, and compares the contenders within the round.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::allocations::Allocations;
use crate::contender::Contender;
use crate::cpu::{self, Pinned};
use crate::distribution::Distribution;
use crate::group::Group;

/// How often and how long each contender is timed.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// The number of rounds.
    pub rounds: usize,
    /// The approximate time of one batch, if its group does not set the number of operations.
    pub batch: Duration,
    /// The seed of the orders.
    pub seed: u64,
    /// The number of threads that run the same contender at once.
    ///
    /// One thread is timed by its CPU time. Several threads run on one CPU each, begin at the same
    /// moment, and are timed by the wall clock until the last thread has ended.
    pub threads: usize,
}

/// The times of one contender.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The contender's name.
    pub contender: String,
    /// Nanoseconds for one operation.
    pub nanos: Distribution,
    /// The ratio to the reference's time in the same round.
    pub ratio: Distribution,
    /// The allocations of one operation.
    pub allocations: Allocations,
}

impl Timing {
    /// The times of a contender and of the reference in the same rounds.
    pub fn new(
        contender: impl Into<String>,
        nanos: Vec<f64>,
        reference: &[f64],
        allocations: Allocations,
    ) -> Self {
        let ratio =
            Distribution::new(nanos.iter().zip(reference).map(|(own, reference)| own / reference));
        Self { contender: contender.into(), nanos: Distribution::new(nanos), ratio, allocations }
    }
}

/// The largest number of operations in a batch.
pub const LARGEST: usize = 1 << 20;

impl Rounds {
    /// Times all contenders of a group.
    pub fn time(&self, group: &Group) -> Vec<Timing> {
        let mut lanes: Vec<Lane<'_>> =
            group.contenders().iter().map(|contender| Lane::new(contender, group, self)).collect();
        let mut dice = Rng::with_seed(self.seed);
        for _ in 0..self.rounds {
            let mut order: Vec<&mut Lane<'_>> = lanes.iter_mut().collect();
            // Shuffle the order: a contender that leaves the caches cold slows down the next one,
            // so no contender may have a fixed neighbour.
            dice.shuffle(&mut order);
            for lane in order {
                lane.run(self.threads);
            }
        }
        let reference = lanes.first().map(|lane| lane.nanos.clone()).unwrap_or_default();
        lanes.into_iter().map(|lane| lane.timing(&reference)).collect()
    }
}

/// The number of operations that fill a batch of this length. `time` measures a number of
/// operations.
pub fn fill(batch: Duration, mut time: impl FnMut(usize) -> Duration) -> usize {
    let mut operations = 16;
    loop {
        let took = time(operations);
        if took * 4 >= batch || operations >= LARGEST {
            let share = batch.as_secs_f64() / took.as_secs_f64().max(1e-9);
            return scale(operations, share).clamp(1, LARGEST);
        }
        operations *= 4;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number that is too large saturates"
)]
fn scale(operations: usize, share: f64) -> usize {
    (operations as f64 * share) as usize
}

/// The nanoseconds of one operation of a batch.
#[expect(
    clippy::cast_precision_loss,
    reason = "a batch is far below 2^53 operations or nanoseconds"
)]
pub fn each(took: Duration, operations: usize) -> f64 {
    took.as_nanos() as f64 / operations as f64
}

/// A contender and its times so far.
struct Lane<'a> {
    contender: &'a Contender,
    operations: usize,
    nanos: Vec<f64>,
}

impl<'a> Lane<'a> {
    fn new(contender: &'a Contender, group: &Group, rounds: &Rounds) -> Self {
        // Warm up: run the one-time initialisation, and fill the caches.
        time(contender, group.operations().unwrap_or(64), rounds.threads);
        let operations = group.operations().unwrap_or_else(|| {
            fill(rounds.batch, |operations| time(contender, operations, rounds.threads))
        });
        Self { contender, operations, nanos: Vec::with_capacity(rounds.rounds) }
    }

    fn run(&mut self, threads: usize) {
        let took = time(self.contender, self.operations, threads);
        self.nanos.push(each(took, self.operations));
    }

    fn timing(self, reference: &[f64]) -> Timing {
        let allocations = Allocations::of(self.contender, self.operations);
        Timing::new(self.contender.name(), self.nanos, reference, allocations)
    }
}

fn time(contender: &Contender, operations: usize, threads: usize) -> Duration {
    if threads > 1 {
        time_together(contender, operations, threads)
    } else {
        time_alone(contender, operations)
    }
}

fn time_alone(contender: &Contender, operations: usize) -> Duration {
    let mut batch = contender.prepare(operations);
    let before = cpu::thread_time();
    batch.perform();
    let took = cpu::thread_time().saturating_sub(before);
    batch.check();
    took
}

fn time_together(contender: &Contender, operations: usize, threads: usize) -> Duration {
    let missing = AtomicUsize::new(threads);
    let run = |index| {
        let _pinned = Pinned::to(index);
        let mut batch = contender.prepare(operations);
        missing.fetch_sub(1, Ordering::SeqCst);
        while missing.load(Ordering::SeqCst) > 0 {
            spin_loop();
        }
        let began = Instant::now();
        batch.perform();
        let took = began.elapsed();
        batch.check();
        took
    };
    thread::scope(|scope| {
        let run = &run;
        let handles: Vec<_> = (0..threads).map(|index| scope.spawn(move || run(index))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).max().unwrap_or_default()
    })
}
