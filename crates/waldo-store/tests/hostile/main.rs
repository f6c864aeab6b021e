//! Whatever stands in the store: nothing panics, no session sends a token of somebody else, and no
//! call is lost.
//!
//! A failure prints the smallest failing bytes, and the seed that replays the run:
//! `PROPTEST_RNG_SEED=<seed> cargo test -p waldo-store`. `PROPTEST_CASES` widens a run.

mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::world::{Attacker, replay_two_dead_tokens, run};

/// Past failures are not kept in a file. Each becomes a test with a name.
#[expect(clippy::print_stdout, reason = "the output of a failed test shows the seed")]
fn cases(cases: u32) -> ProptestConfig {
    let mut config =
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(TestRunner::default().rng().next_u64());
    }
    println!("{:?}", config.rng_seed);
    config
}

#[test]
fn attacker_of_documents_plants_no_token_and_loses_no_call() {
    proptest!(cases(200), |(bytes in vec(any::<u8>(), 0..300))| run(&bytes, Attacker::Documents));
}

#[test]
fn attacker_of_clock_plants_no_token() {
    proptest!(cases(200), |(bytes in vec(any::<u8>(), 0..300))| run(&bytes, Attacker::Clock));
}

#[test]
fn replayed_dead_tokens_lose_no_call() {
    replay_two_dead_tokens();
}

#[test]
#[should_panic(expected = "the server did not issue this token to them")]
fn attacker_of_secret_plants_a_token() {
    // The attacker calls, and the first program calls afterwards.
    run(&[0, 4], Attacker::Secret);
}
