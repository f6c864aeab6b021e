//! The harness itself: its results for known inputs.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use waldo_bench::Limit::{AtMost, More, Times};
use waldo_bench::callgrind::perform;
use waldo_bench::rounds::{LARGEST, each, fill};
use waldo_bench::{
    Allocations, Batch, Contender, Count, Distribution, Group, Limit, Limits, Rounds, Server,
    Table, Timing, attach, breaches, crowd, renew, request,
};

fn rounds(rounds: usize) -> Rounds {
    Rounds { rounds, batch: Duration::from_micros(20), seed: 1, threads: 1 }
}

fn idle(name: &str) -> Contender {
    Contender::repeating(name, || || {})
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[test]
fn quantiles_are_interpolated_in_any_sample_order() {
    let distribution = Distribution::new([40.0, 10.0, 30.0, 20.0]);
    assert!(near(distribution.median(), 25.0));
    assert!(near(distribution.quantile(0.0), 10.0));
    assert!(near(distribution.quantile(0.05), 11.5));
    assert!(near(distribution.quantile(1.0), 40.0));
    assert!(near(Distribution::new([7.0]).median(), 7.0));
}

/// The ranks are those of a sign test at 5 %, from the tables of the binomial distribution.
#[test]
fn median_interval_has_tabulated_sign_test_ranks() {
    let ranks = |count: u32| Distribution::new((1..=count).map(f64::from)).median_interval();
    for (count, lower, upper) in
        [(1, 1.0, 1.0), (3, 1.0, 3.0), (9, 2.0, 8.0), (20, 6.0, 15.0), (100, 40.0, 61.0)]
    {
        assert_eq!(ranks(count), lower..=upper, "{count}");
    }
}

/// A random sample of a known distribution: the interval must contain the median in about 19 of 20
/// samples.
#[test]
fn median_interval_covers_median_at_nominal_rate() {
    let mut dice = fastrand::Rng::with_seed(1);
    let mut sample = || Distribution::new((0..51).map(|_| dice.f64().powi(3))).median_interval();
    let held = (0..2000).filter(|_| sample().contains(&0.125)).count();
    assert!((1880..=1980).contains(&held), "{held} of 2000");
}

#[test]
fn a_limit_holds_up_to_itself_and_no_further() {
    for (limit, most) in [(AtMost(450.0), 450.0), (Times(1.15), 230.0), (More(2.0), 202.0)] {
        assert!(limit.holds(most, 200.0), "{limit}");
        assert!(!limit.holds(most + 0.01, 200.0), "{limit}");
        assert!(!limit.holds(f64::NAN, 200.0), "{limit}");
    }
}

fn count(contender: &str, instructions: impl Into<Option<f64>>, count: f64) -> Count {
    let allocations = Allocations { count, bytes: 0.0 };
    Count { contender: contender.to_owned(), instructions: instructions.into(), allocations }
}

fn limited(instructions: Limit, allocations: Limit) -> Group {
    let contender = idle("ours").instructions(instructions).allocations(allocations);
    Group::new("X1", "An example", idle("floor")).with(contender)
}

#[test]
fn breach_message_names_measured_and_allowed_counts() {
    let group = limited(Times(1.15), More(1.0));
    let counts = [count("floor", 1000.0, 2.0), count("ours", 1150.0, 3.0)];
    assert_eq!(breaches(&group, &counts), [""; 0]);
    let counts = [count("floor", 1000.0, 2.0), count("ours", 1151.0, 4.0)];
    assert_eq!(
        breaches(&group, &counts),
        [
            "X1, ours: 4.00 allocations an operation, but at most 3.00 are allowed (≤ reference + 1)",
            "X1, ours: 1151.00 instructions an operation, but at most 1150.00 are allowed (≤ 1.15 × reference)",
        ]
    );
}

#[test]
fn without_valgrind_only_allocations_are_judged() {
    let group = limited(AtMost(0.0), AtMost(0.0));
    assert_eq!(breaches(&group, &[count("floor", None, 0.0), count("ours", None, 1.0)]).len(), 1);
    assert_eq!(breaches(&group, &[count("floor", None, 0.0), count("ours", None, 0.0)]).len(), 0);
}

#[test]
fn group_without_limits_or_counts_is_reported() {
    let counts = [count("floor", None, 0.0), count("ours", None, 0.0)];
    let free = Group::new("X3", "No limits", idle("floor")).with(idle("ours"));
    assert_eq!(breaches(&free, &counts), ["X3: no contender has a limit"]);
    assert_eq!(breaches(&limited(AtMost(0.0), AtMost(0.0)), &[]), ["X1: nothing is counted"]);
    for ours in [idle("ours").instructions(AtMost(0.0)), idle("ours").allocations(AtMost(0.0))] {
        let group = Group::new("X3", "One limit", idle("floor")).with(ours);
        assert_eq!(breaches(&group, &counts), [""; 0]);
    }
}

#[test]
fn allocations_are_counted_without_preparation() {
    let boxes = Contender::repeating("boxes", || {
        let prepared = vec![1; 100];
        move || drop(std::hint::black_box(Box::new(prepared.len())))
    });
    assert_eq!(Allocations::of(&boxes, 50), Allocations { count: 1.0, bytes: 8.0 });
    assert_eq!(Allocations::of(&idle("idle"), 50), Allocations::default());
    let counts = Count::all(&Group::new("X2", "Boxes", boxes), false).unwrap();
    assert_eq!(
        counts,
        [count("boxes", None, 1.0)]
            .map(|count| Count { allocations: Allocations { count: 1.0, bytes: 8.0 }, ..count })
    );
}

/// In the second round the machine is ten times as slow for both contenders.
#[test]
fn ratios_are_taken_within_a_round() {
    let timing =
        Timing::new("ours", vec![20.0, 200.0, 22.0], &[10.0, 100.0, 11.0], Allocations::default());
    assert_eq!(timing.ratio.median_interval(), 2.0..=2.0);
    assert!(near(timing.nanos.median(), 22.0));
}

#[test]
fn each_round_runs_all_contenders_in_random_order() {
    let turns = Arc::new(Mutex::new(String::new()));
    let tell = |name: &'static str| {
        let turns = Arc::clone(&turns);
        Contender::new(name, move |_| {
            turns.lock().unwrap().push_str(name);
            Idle
        })
    };
    let group =
        Group::new("X4", "Turns", tell("a")).with(tell("b")).with(tell("c")).in_batches_of(1);
    rounds(30).time(&group);
    let turns = turns.lock().unwrap();
    // Each contender runs once before the rounds, to warm up, and twice after them, to count
    // allocations.
    let rounds: Vec<&str> = (0..30).map(|round| &turns[3 + 3 * round..6 + 3 * round]).collect();
    for order in ["abc", "acb", "bac", "bca", "cab", "cba"] {
        assert!(rounds.contains(&order), "{rounds:?}");
    }
}

/// The number of operations that fill 1024 µs, and the numbers that are tried first.
fn filled(nanos_each: u64) -> (usize, Vec<usize>) {
    let mut tried = Vec::new();
    let operations = fill(Duration::from_micros(1024), |operations| {
        tried.push(operations);
        Duration::from_nanos(nanos_each * operations as u64)
    });
    (operations, tried)
}

#[test]
fn batch_size_is_extrapolated_from_quarter_batch() {
    assert_eq!(filled(1000), (1024, vec![16, 64, 256]));
    assert_eq!(filled(1001), (1022, vec![16, 64, 256]));
    assert_eq!(filled(999).1, [16, 64, 256, 1024]);
    assert_eq!(filled(10_000_000), (1, vec![16]));
    let (operations, tried) = filled(0);
    assert_eq!((operations, tried.last()), (LARGEST, Some(&LARGEST)));
}

#[test]
fn a_batch_is_shared_among_its_operations() {
    assert!((each(Duration::from_nanos(300), 100) - 3.0).abs() < 1e-9);
}

struct Idle;

impl Batch for Idle {
    fn perform(&mut self) {}
}

struct Lie;

impl Batch for Lie {
    fn perform(&mut self) {}

    fn check(&self) {
        assert_eq!(0, 512, "nothing was renewed");
    }
}

#[test]
#[should_panic(expected = "nothing was renewed")]
fn batch_without_its_work_panics() {
    rounds(1).time(&Group::new("X5", "A lie", Contender::new("lie", |_| Lie)));
}

/// A contender, and the number of operations that it has performed.
#[cfg(test)]
fn counted() -> (Contender, Arc<AtomicUsize>) {
    let performed = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&performed);
    let contender = Contender::repeating("shared", move || {
        let shared = Arc::clone(&shared);
        move || {
            shared.fetch_add(1, Ordering::Relaxed);
        }
    });
    (contender, performed)
}

#[test]
fn each_parallel_thread_performs_its_own_batch() {
    let (contender, performed) = counted();
    let group = Group::new("X6", "Shared", contender).in_batches_of(100);
    Rounds { threads: 2, ..rounds(3) }.time(&group);
    // Two threads warm up and run three rounds. Then one thread counts allocations in two batches.
    assert_eq!(performed.load(Ordering::Relaxed), 100 * (2 + 6 + 2));
}

#[test]
fn no_thread_performs_before_all_are_ready() {
    let (ready, early) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&ready), Arc::clone(&early));
    let contender = Contender::new("together", move |_| {
        ready.fetch_add(1, Ordering::SeqCst);
        Together { ready: Arc::clone(&ready), early: Arc::clone(&early) }
    });
    let group = Group::new("X8", "Together", contender).in_batches_of(1);
    Rounds { threads: 2, ..rounds(20) }.time(&group);
    // Allocations are counted in two batches on one thread.
    let (ready, early) = counts;
    assert_eq!((ready.load(Ordering::SeqCst), early.load(Ordering::SeqCst)), (2 * 21 + 2, 1));
}

/// Counts the batches that begin while an odd number of batches is ready, so another thread is
/// missing.
struct Together {
    ready: Arc<AtomicUsize>,
    early: Arc<AtomicUsize>,
}

impl Batch for Together {
    fn perform(&mut self) {
        self.early.fetch_add(self.ready.load(Ordering::SeqCst) % 2, Ordering::SeqCst);
    }
}

#[test]
fn a_batch_is_counted_after_one_that_is_not() {
    let (contender, performed) = counted();
    perform(&contender, 10);
    assert_eq!(performed.load(Ordering::Relaxed), 2 * 10);
}

#[test]
fn a_note_stands_in_a_paragraph_of_its_own() {
    let text = |note| Table::new("T", note, &["a"]).to_string();
    assert_eq!(text(""), "\n### T\n\n| a |\n|---|\n");
    assert_eq!(text("a note"), "\n### T\n\na note\n\n| a |\n|---|\n");
}

#[test]
fn a_table_has_a_cell_for_every_column() {
    let group = limited(AtMost(1.0), AtMost(1.0));
    let plan = rounds(5);
    let table = Table::of_timings(&group, &plan, &plan.time(&group)).to_string();
    let counts = [count("floor", 10.0, 0.5), count("ours", None, 1.0)];
    for table in [table, Table::of_counts(&group, &counts).to_string()] {
        let lines: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(lines.len(), 4, "{table}");
        let cells = |line: &&str| line.matches('|').count();
        assert!(lines.iter().all(|line| cells(line) == cells(&lines[0])), "{table}");
    }
}

/// A limit must be changed in two places, so that no limit is dropped or raised unnoticed.
#[test]
fn every_limit_is_still_there() {
    let server =
        Server::start(Command::new(env!("CARGO_BIN_EXE_waldo-bench")).arg("serve")).unwrap();
    let groups = attach::groups().into_iter().chain(renew::groups());
    let mut limits = Vec::new();
    for group in groups.chain([request::group(&server), crowd::group()]) {
        for contender in
            group.contenders().iter().filter(|contender| contender.limits() != Limits::default())
        {
            let Limits { instructions, allocations } = contender.limits();
            let told = |limit: Option<Limit>| {
                limit.map_or_else(|| "–".to_owned(), |limit| limit.to_string())
            };
            let (key, name) = (group.key(), contender.name());
            limits.push(format!("{key}, {name}: {}, {}", told(instructions), told(allocations)));
        }
    }
    assert_eq!(
        limits,
        [
            "A1, waldo-auth-core: admit: ≤ 550, ≤ 0",
            "A2, a shared session: ≤ 750, ≤ 0",
            "A5, a shared session: –, ≤ 1",
            "B1-180, waldo-auth-core: conclude: –, ≤ 0",
            "B2-180, waldo-auth-core: conclude: ≤ 1.6 × reference, ≤ 1",
            "B3-180, waldo-auth-core: conclude: ≤ 1.65 × reference, ≤ 1",
            "B1-400, waldo-auth-core: conclude: ≤ 400, ≤ 0",
            "B2-400, waldo-auth-core: conclude: ≤ 1.15 × reference, ≤ 1",
            "B3-400, waldo-auth-core: conclude: ≤ 1.5 × reference, ≤ 1",
            "B1-1500, waldo-auth-core: conclude: –, ≤ 0",
            "B2-1500, waldo-auth-core: conclude: ≤ 0.8 × reference, ≤ 1",
            "B3-1500, waldo-auth-core: conclude: ≤ 1.35 × reference, ≤ 1",
            "C, waldo-ureq, the token unchanged: ≤ 1.08 × reference, ≤ reference + 0",
            "C, waldo-ureq, a new token in each response: ≤ 1.22 × reference, ≤ reference + 1",
            "E, 10 in flight: ≤ 1.02 × reference, ≤ 0",
            "E, 1000 in flight: ≤ 1.02 × reference, ≤ 0",
            "E, 100000 in flight: ≤ 1.02 × reference, ≤ 0",
        ]
    );
}

/// Each contender checks its own work, for example that each new token was held.
#[test]
fn each_contender_passes_its_own_check() {
    for group in attach::groups().into_iter().chain(renew::groups()) {
        for contender in group.contenders() {
            let mut batch = contender.prepare(group.operations().unwrap_or(10));
            batch.perform();
            batch.check();
        }
    }
}
