//! Regression tests from public threads about software of this kind. Each thread has a test, named
//! after its repository and number. The test plays the same scene for the session, and says what
//! must be seen instead.
//!
//! Most scenes are scenarios of the suite; the others are played on a [`stage`]. If the fault of a
//! thread lies in an adapter, its test is in `waldo-ureq`'s `tests/regressions.rs`.
//! `docs/dev/regressions.md` lists all threads, and the [`catalogue`] compares the list with the tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod body;
mod catalogue;
mod clock;
mod cross_process;
mod failure;
mod late_401;
mod leader;
mod leaks;
mod rotation;
mod stage;
mod storms;
mod wire;

use waldo_test_driver::scenario;

/// Runs these scenarios of the suite in virtual time; the session must meet each.
#[track_caller]
fn meets<const N: usize>(names: [&str; N]) {
    for name in names {
        let scenario =
            scenario::find(name).unwrap_or_else(|| panic!("there is no scenario {name:?}"));
        let unmet: Vec<String> = scenario.run().iter().map(ToString::to_string).collect();
        assert!(unmet.is_empty(), "{name}:\n{}", unmet.join("\n"));
    }
}
