//! Contenders timed side by side.
//!
//! A machine that others use changes its pace within seconds. Contenders that are timed one after
//! the other get that change as a difference. So each round runs one short batch of each, in an
//! order of its own, and they are compared within the round.

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

/// How often each contender has its turn, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// How many rounds.
    pub rounds: usize,
    /// About how long one batch takes, unless its group says how many operations it has.
    pub batch: Duration,
    /// Where the orders begin.
    pub seed: u64,
    /// How many threads run the same contender at once.
    ///
    /// One is timed by the CPU time that it takes. Several are on a CPU each, begin at one moment,
    /// and are timed by the clock on the wall until the last one is done.
    pub threads: usize,
}

/// What one contender took.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The contender's name.
    pub contender: String,
    /// Nanoseconds for one operation.
    pub nanos: Distribution,
    /// The same as a ratio to what the reference took in the same round.
    pub ratio: Distribution,
    /// What one operation allocates.
    pub allocations: Allocations,
}

impl Timing {
    /// What a contender took in each round, beside what the reference took in the same rounds.
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

/// More operations are never made ready at once.
pub const LARGEST: usize = 1 << 20;

impl Rounds {
    /// Times all contenders of a group.
    pub fn time(&self, group: &Group) -> Vec<Timing> {
        let mut lanes: Vec<Lane<'_>> =
            group.contenders().iter().map(|contender| Lane::new(contender, group, self)).collect();
        let mut dice = Rng::with_seed(self.seed);
        for _ in 0..self.rounds {
            let mut order: Vec<&mut Lane<'_>> = lanes.iter_mut().collect();
            // Whoever comes after a contender that leaves the caches cold pays for it, so nobody
            // may have a fixed neighbour.
            dice.shuffle(&mut order);
            for lane in order {
                lane.run(self.threads);
            }
        }
        let reference = lanes.first().map(|lane| lane.nanos.clone()).unwrap_or_default();
        lanes.into_iter().map(|lane| lane.timing(&reference)).collect()
    }
}

/// How many operations fill a batch of this length, if so many operations take so long.
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
    reason = "what is too large saturates"
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

/// A contender and what it has taken so far.
struct Lane<'a> {
    contender: &'a Contender,
    operations: usize,
    nanos: Vec<f64>,
}

impl<'a> Lane<'a> {
    fn new(contender: &'a Contender, group: &Group, rounds: &Rounds) -> Self {
        // What is made at the first use is made now, and the caches are as they will be.
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
