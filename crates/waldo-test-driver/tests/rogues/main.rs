//! Small faulty implementations, one for each known fault: the laws must catch every one.
//!
//! For each, the shortest story found is kept in `stories/`, where it can be read. `UPDATE=1` writes them anew.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "each fault is told from all others")]

mod plain;

use std::path::Path;
use std::time::Duration;

use plain::{Fault, Plain, Wrong};
use waldo_test_driver::server::{Policy, Rotation};
use waldo_test_driver::{Failure, Kind, Plan, Setup, Trouble, exhaustive, replay, seeded};

/// The setup that shows a fault: which server, and what has to go wrong for it to be seen.
fn setup(calls: usize, budget: u32, rotation: Rotation, troubles: &[Trouble]) -> Setup {
    Setup::calls(calls, rotation).with(budget, troubles)
}

/// Searches ever larger worlds, so that the first failure is a small one.
fn search<W: Wrong>(shape: &dyn Fn(Setup) -> Setup, rotation: Rotation, troubles: &[Trouble]) -> Failure {
    for size in 1..=5_u32 {
        for budget in 0..size {
            let calls = usize::try_from(size - budget).unwrap();
            if calls > 3 {
                continue;
            }
            if let Err(failure) = exhaustive::<Plain<W>>(&shape(setup(calls, budget, rotation, troubles))) {
                return *failure;
            }
        }
    }
    panic!("no law catches {:?}", W::FAULT)
}

fn check<W: Wrong>(name: &str, law: &str, failure: &Failure) {
    assert_eq!(failure.violation.law, law, "{failure}");
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rogues/stories").join(format!("{words}.txt"));
    let story = format!("{}\n{}{}\n", words.replace('_', " "), failure.transcript, failure.violation);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &story).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(story, kept, "the story is another one than in {}; UPDATE=1 keeps it", path.display());
}

/// One test for each fault: the law that catches it, the server, and the troubles to look among.
macro_rules! rogues {
    ($($test:ident: $fault:ident, $law:literal, $rotation:expr, [$($trouble:ident),*] $(, $shape:expr)?;)*) => {
        $(
            #[test]
            fn $test() {
                struct This;
                impl Wrong for This {
                    const FAULT: Fault = Fault::$fault;
                }
                #[allow(unused_mut, unused_assignments, reason = "most need no other shape")]
                let mut shape: &dyn Fn(Setup) -> Setup = &|setup| setup;
                $(shape = &$shape;)?
                let troubles = [$(Trouble::$trouble),*];
                check::<This>(stringify!($fault), $law, &search::<This>(shape, $rotation, &troubles));
            }
        )*

        /// Every fault but those that take a long run to be seen.
        const SEARCHED: &[Fault] = &[$(Fault::$fault),*];
    };
}

rogues! {
    the_last_response_wins: LastResponseWins, "no-resurrection", Rotation::Lenient, [], |setup: Setup| setup.at_pace(Duration::from_secs(1));
    only_expiries_are_compared: ExpiryCompareOnly, "freshest-wins", Rotation::Strict, [];
    a_401_drops_whatever_is_held: UnconditionalDrop, "no-resurrection", Rotation::Strict, [];
    nobody_looks_again_under_the_lock: NoSecondLook, "bounded-logins", Rotation::Lenient, [];
    every_waiter_logs_in: OneLoginPerWaiter, "one-login", Rotation::Lenient, [];
    waiters_log_in_in_turn_after_a_failure: WaitersLogInInTurn, "one-failure", Rotation::Lenient, [LoginUnavailable];
    a_latch_has_no_exit: PermanentLatch, "everyone-ends", Rotation::Lenient, [RevokedKey];
    a_rejection_does_not_latch: NoLatch, "bounded-logins", Rotation::Lenient, [RevokedKey, Delay];
    the_wall_clock_alone_counts: WallClockOnly, "no-dead-token", Rotation::Lenient, [ClockStep, Expiry];
    the_monotonic_clock_alone_counts: MonotonicOnly, "no-dead-token", Rotation::Lenient, [Suspend];
    the_margin_eats_the_life: MarginEatsLife, "bounded-logins", Rotation::Lenient, [], |setup| Setup {
        policy: Policy { lifetime: Duration::from_secs(20), ..setup.policy },
        ..setup
    };
    a_refused_call_is_sent_for_ever: RetryWithoutBound, "bounded-call", Rotation::Lenient, [RouteRefuses];
    any_origin_may_send_a_token: AdoptsFromAnyOrigin, "own-origin", Rotation::Lenient, [ForeignAnswer];
    a_blank_header_is_a_token: BlankAdopted, "own-origin", Rotation::Lenient, [JunkRoll];
    a_lease_has_no_end: LeaseWithoutEnd, "everyone-ends", Rotation::Lenient, [CancelledCall];
    errors_bring_tokens: RollsFromErrors, "freshest-wins", Rotation::Lenient, [ErrorAnswer];
    a_one_shot_call_is_sent_twice: OneShotSentAgain, "bounded-call", Rotation::Lenient, [RouteRefuses], one_shot;
    an_error_is_a_reason_to_send_again: ErrorsSentAgain, "bounded-call", Rotation::Lenient, [ErrorAnswer];
    retry_after_is_not_heard: RetryAfterIgnored, "one-failure", Rotation::Lenient, [LoginUnavailable];
    a_token_stands_in_the_log: SpeaksOfTokens, "silent", Rotation::Lenient, [];
    a_wait_ends_where_it_begins: BusyLoop, "everyone-ends", Rotation::Lenient, [];
    a_reset_keeps_the_token: ResetKeepsToken, "no-resurrection", Rotation::Lenient, [Reset];
    a_403_is_taken_for_a_401: ForbiddenIsUnauthorized, "bounded-call", Rotation::Lenient, [RevokedKey];
    a_refused_token_is_kept: KeepsRefusedToken, "truthful", Rotation::Lenient, [RevokedToken];
    fresh_tokens_are_not_taken: RollsIgnored, "freshest-wins", Rotation::Lenient, [];
    a_token_goes_anywhere: SendsAnywhere, "own-origin", Rotation::Lenient, [], abroad;
    patience_has_no_end: EndlessPatience, "bounded-patience", Rotation::Lenient, [LoginUnavailable];
    a_broken_upload_is_sent_again: BrokenUploadSentAgain, "bounded-call", Rotation::Lenient, [BrokenUpload];
    a_first_sending_has_no_body: ProbesUnasked, "bounded-call", Rotation::Lenient, [];
    a_given_up_token_is_taken_again: TakesGivenUpTokens, "no-refused-twice", Rotation::Lenient, [RevokedToken, StaleRenewal];
    an_unknown_token_is_dropped_at_once: DropsUnknownTokens, "kept-until-known", Rotation::Lenient, [RouteRefuses];
    a_reset_to_the_same_pair_forgets_the_token: ResetForgetsAlways, "bounded-logins", Rotation::Lenient, [Reset];
    an_invalidation_ends_a_login: InvalidationEndsLogin, "bounded-logins", Rotation::Lenient, [Invalidate];
    a_token_that_nothing_accepts_is_kept_for_minutes: KeepsUnknownTokens, "outage-ends", Rotation::Lenient, [RevokedToken];
    a_late_grant_wins: LateGrantWins, "no-resurrection", Rotation::Lenient, [Reset];
}

fn one_shot(setup: Setup) -> Setup {
    Setup { calls: setup.calls.iter().map(|kind| Kind { one_shot: true, ..*kind }).collect(), ..setup }
}

fn abroad(setup: Setup) -> Setup {
    Setup { calls: setup.calls.iter().map(|kind| Kind { abroad: true, ..*kind }).collect(), ..setup }
}

/// What takes many troubles to be seen is looked for by chance.
fn chance<W: Wrong>(name: &str, law: &str, trouble: Trouble) {
    let setup = Setup { steps: 300, budget: u32::MAX, ..setup(2, 0, Rotation::Lenient, &[trouble]) };
    let plan = Plan::Given(Box::new(setup));
    let failure = (0..500).find_map(|seed| seeded::<Plain<W>>(&plan, seed).err()).unwrap();
    assert!(failure.to_string().contains(&format!("found from the seed {}", failure.seed.unwrap())));
    // What was found is found again from its choices.
    let again = replay::<Plain<W>>(&plan, &failure.trail).unwrap_err();
    assert_eq!(again.transcript.to_string(), failure.transcript.to_string());
    check::<W>(name, law, &failure);
}

#[test]
fn every_refusal_drops_a_token() {
    struct This;
    impl Wrong for This {
        const FAULT: Fault = Fault::DropsWithoutBudget;
    }
    chance::<This>("DropsWithoutBudget", "bounded-logins", Trouble::RouteRefuses);
}

#[test]
fn a_lapse_is_no_failure() {
    struct This;
    impl Wrong for This {
        const FAULT: Fault = Fault::LapseForgotten;
    }
    chance::<This>("LapseForgotten", "bounded-patience", Trouble::Delay);
}

struct Right;
impl Wrong for Right {
    const FAULT: Fault = Fault::None;
}

/// Without a fault, the same machine breaks no law: so it is the faults that are caught.
#[test]
fn the_machine_without_a_fault_keeps_every_law() {
    for rotation in [Rotation::Lenient, Rotation::Strict] {
        for (calls, budget) in [(1, 2), (2, 1), (3, 0)] {
            let setup = setup(calls, budget, rotation, Trouble::TEN);
            if let Err(failure) = exhaustive::<Plain<Right>>(&setup) {
                panic!("{failure}");
            }
        }
    }
}

#[test]
fn every_fault_is_tried() {
    let by_chance = [Fault::DropsWithoutBudget, Fault::LapseForgotten];
    let mut tried: Vec<String> =
        SEARCHED.iter().chain(&by_chance).map(|fault| format!("{fault:?}")).collect();
    let (_, source) = include_str!("plain.rs").split_once("enum Fault {").unwrap();
    let (variants, _) = source.split_once('}').unwrap();
    let mut faults: Vec<&str> = variants.split(',').map(str::trim).collect();
    faults.retain(|fault| !matches!(*fault, "" | "None"));
    tried.sort_unstable();
    faults.sort_unstable();
    assert_eq!(tried, faults);
}
