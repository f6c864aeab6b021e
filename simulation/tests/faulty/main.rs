//! Small faulty implementations, one for each known defect: the invariants must catch every one.
//!
//! For each, the shortest story found is kept in `stories/`, where it can be read. `UPDATE=1`
//! writes them anew.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "each defect is told from all others")]

mod defect;
mod machine;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use defect::{Defect, Wrong};
use machine::Faulty;
use waldo_simulation::invariants::{INVARIANTS, Invariant};
use waldo_simulation::{Failure, InjectedFault, Kind, Plan, Setup, exhaustive, replay, seeded};
use waldo_test_driver::server::{Policy, Rotation};

thread_local! {
    static PLANTED: Cell<Defect> = const { Cell::new(Defect::None) };
}

/// The defect that a test plants in the machines of its thread. With a type for each defect, the
/// compiler would make the whole search sixty times.
struct Planted;

impl Wrong for Planted {
    fn defect() -> Defect {
        PLANTED.get()
    }
}

/// The setup that shows a defect: which server, and what has to go wrong for it to be seen.
fn setup(calls: usize, budget: u32, rotation: Rotation, faults: &[InjectedFault]) -> Setup {
    Setup::calls(calls, rotation).with(budget, faults)
}

/// Searches ever larger simulations, so that the first failure is a small one.
fn search(
    defect: Defect,
    shape: &dyn Fn(Setup) -> Setup,
    rotation: Rotation,
    faults: &[InjectedFault],
) -> Failure {
    PLANTED.set(defect);
    for size in 1..=5_u32 {
        for budget in 0..size {
            let calls = usize::try_from(size - budget).unwrap();
            if calls > 3 {
                continue;
            }
            if let Err(failure) =
                exhaustive::<Faulty<Planted>>(&shape(setup(calls, budget, rotation, faults)))
            {
                return *failure;
            }
        }
    }
    panic!("no invariant catches {defect:?}")
}

fn check(defect: Defect, clause: &str, failure: &Failure) {
    assert_eq!(failure.violation.path(), clause, "{failure}");
    let (name, mut words) = (format!("{defect:?}"), String::new());
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/faulty/stories")
        .join(format!("{words}.txt"));
    let story =
        format!("{}\n{}{}\n", words.replace('_', " "), failure.transcript, failure.violation);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &story).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        story,
        kept,
        "the story is another one than in {}; UPDATE=1 keeps it",
        path.display()
    );
}

/// One test for each defect: the clause that catches it, the server, and the faults to look among.
macro_rules! faulty_machines {
    ($($test:ident: $defect:ident, $clause:literal, $rotation:expr, [$($fault:ident),*] $(, $shape:expr)?;)*) => {
        $(
            #[test]
            fn $test() {
                #[allow(unused_mut, unused_assignments, reason = "most need no other shape")]
                let mut shape: &dyn Fn(Setup) -> Setup = &|setup| setup;
                $(shape = &$shape;)?
                let faults = [$(InjectedFault::$fault),*];
                let failure = search(Defect::$defect, shape, $rotation, &faults);
                check(Defect::$defect, $clause, &failure);
            }
        )*

        /// The faults that have a story, each with the clause that catches it.
        const SEARCHED: &[(Defect, &str)] = &[$((Defect::$defect, $clause)),*];
    };
}

faulty_machines! {
    the_last_response_wins: LastResponseWins, "no-resurrection/older", Rotation::Lenient, [], |setup: Setup| setup.at_pace(Duration::from_secs(1));
    only_expiries_are_compared: ExpiryCompareOnly, "freshest-wins/not-held", Rotation::Strict, [];
    a_401_drops_whatever_is_held: UnconditionalDrop, "no-resurrection/newer-dropped", Rotation::Strict, [];
    nobody_looks_again_under_the_lock: NoSecondLook, "bounded-logins/needless", Rotation::Lenient, [];
    every_waiter_logs_in: OneLoginPerWaiter, "one-login/beside-another", Rotation::Lenient, [];
    waiters_log_in_in_turn_after_a_failure: WaitersLogInInTurn, "one-failure/same-instant", Rotation::Lenient, [LoginUnavailable];
    a_circuit_has_no_exit: PermanentOpenCircuit, "everyone-ends/recovery", Rotation::Lenient, [RevokedKey];
    a_rejection_does_not_circuit: NoOpenCircuit, "bounded-logins/early-probe", Rotation::Lenient, [RevokedKey, Delay];
    the_wall_clock_alone_counts: WallClockOnly, "no-dead-token/dead", Rotation::Lenient, [ClockStep, Expiry];
    the_monotonic_clock_alone_counts: MonotonicOnly, "no-dead-token/dead", Rotation::Lenient, [Suspend];
    the_leeway_eats_the_lifetime: LeewayTooLarge, "bounded-logins/needless", Rotation::Lenient, [], |setup| Setup {
        policy: Policy { lifetime: Duration::from_secs(20), ..setup.policy },
        ..setup
    };
    a_refused_call_is_sent_for_ever: RetryWithoutBound, "bounded-call/three-times", Rotation::Lenient, [RouteRefuses];
    any_origin_may_send_a_token: RenewsFromAnyOrigin, "own-origin/unissued", Rotation::Lenient, [ForeignAnswer];
    a_blank_header_is_a_token: BlankRenewalHeld, "own-origin/unissued", Rotation::Lenient, [MalformedRenewal];
    a_lease_has_no_end: LeaseWithoutEnd, "everyone-ends/lease", Rotation::Lenient, [CancelledCall];
    errors_bring_tokens: RenewalsFromErrors, "freshest-wins/not-held", Rotation::Lenient, [ErrorAnswer];
    a_one_shot_call_is_sent_twice: OneShotSentAgain, "bounded-call/retry-body", Rotation::Lenient, [RouteRefuses], one_shot;
    an_error_is_a_reason_to_send_again: ErrorsSentAgain, "bounded-call/retry-status", Rotation::Lenient, [ErrorAnswer];
    retry_after_is_ignored: RetryAfterIgnored, "one-failure/too-early", Rotation::Lenient, [LoginUnavailable];
    a_token_stands_in_the_log: SpeaksOfTokens, "silent/token", Rotation::Lenient, [];
    a_wait_ends_where_it_begins: BusyLoop, "everyone-ends/past", Rotation::Lenient, [];
    a_reset_keeps_the_token: ResetKeepsToken, "no-resurrection/given-up", Rotation::Lenient, [Reset];
    a_403_is_taken_for_a_401: ForbiddenIsUnauthorized, "bounded-call/retry-status", Rotation::Lenient, [RevokedKey];
    a_refused_token_is_kept: KeepsRefusedToken, "truthful/resolvable-401", Rotation::Lenient, [RevokedToken];
    fresh_tokens_are_not_taken: RenewalsIgnored, "freshest-wins/not-held", Rotation::Lenient, [];
    a_token_goes_anywhere: SendsAnywhere, "own-origin/abroad", Rotation::Lenient, [], abroad;
    waiting_has_no_end: EndlessWaiting, "bounded-failures/three-failures", Rotation::Lenient, [LoginUnavailable];
    a_broken_upload_is_sent_again: BrokenUploadSentAgain, "bounded-call/cause", Rotation::Lenient, [BrokenUpload];
    a_first_sending_has_no_body: HeadOnlyUnasked, "bounded-call/head-only", Rotation::Lenient, [];
    a_given_up_token_is_taken_again: TakesGivenUpTokens, "no-refused-twice/refused", Rotation::Lenient, [RevokedToken, StaleRenewal];
    an_unknown_token_is_dropped_at_once: DropsUnknownTokens, "kept-until-known/dropped", Rotation::Lenient, [RouteRefuses];
    a_reset_to_the_same_pair_forgets_the_token: ResetForgetsAlways, "bounded-logins/needless", Rotation::Lenient, [Reset];
    an_invalidation_ends_a_login: InvalidationEndsLogin, "bounded-logins/needless", Rotation::Lenient, [Invalidate];
    a_token_that_nothing_accepts_is_kept_for_minutes: KeepsUnknownTokens, "outage-ends/half-a-minute", Rotation::Lenient, [RevokedToken];
    a_late_grant_wins: LateGrantWins, "no-resurrection/given-up", Rotation::Lenient, [Reset];
    a_login_is_a_get: LoginByGet, "own-origin/login-form", Rotation::Lenient, [];
    a_login_goes_elsewhere: LoginElsewhere, "own-origin/login-form", Rotation::Lenient, [];
    a_login_has_no_type: LoginAsText, "own-origin/login-form", Rotation::Lenient, [];
    a_login_has_a_token: LoginWithToken, "own-origin/login-form", Rotation::Lenient, [];
    a_lease_is_too_long: LeaseOfADay, "one-login/long-lease", Rotation::Lenient, [];
    a_lease_ends_as_it_begins: LeaseOfNothing, "one-login/no-lease", Rotation::Lenient, [];
    a_401_of_another_origin_is_believed: TrustsForeign401, "bounded-call/retry-origin", Rotation::Lenient, [ForeignAnswer];
    a_call_is_sent_to_the_login: CallsTheLogin, "strict-is-fine/undisturbed", Rotation::Strict, [];
    calls_stand_in_a_queue: QueuesCalls, "no-needless-wait/waits", Rotation::Lenient, [];
    a_call_is_refused_a_held_token: RefusesWhatItHolds, "no-needless-wait/refused", Rotation::Lenient, [], hurried;
    a_wait_outlasts_the_deadline: WaitsBeyondDeadline, "everyone-ends/deadline", Rotation::Lenient, [], hurried;
    a_call_waits_for_nothing: WaitsForNothing, "everyone-ends/reason", Rotation::Lenient, [];
    a_backoff_lasts_for_hours: BacksOffForHours, "everyone-ends/backoff", Rotation::Lenient, [LoginUnavailable];
    a_newer_token_is_not_tried: GivesUpWithNewerToken, "truthful/newer-token", Rotation::Strict, [];
    a_refusal_refers_to_the_past: RefersToThePast, "truthful/retry-at", Rotation::Lenient, [], abroad;
    a_failure_is_called_a_rejection: FailureIsRejection, "truthful/rejected", Rotation::Lenient, [LoginUnavailable];
    one_failure_is_enough: GivesUpEarly, "truthful/unavailable", Rotation::Lenient, [LoginUnavailable];
    a_deadline_is_taken_for_an_earlier_one: DeadlineTooEarly, "truthful/deadline", Rotation::Lenient, [LoginUnavailable], hurried;
    a_key_stands_in_the_log: SpeaksOfKeys, "silent/key", Rotation::Lenient, [];
    a_secret_stands_in_the_log: SpeaksOfSecrets, "silent/secret", Rotation::Lenient, [];
}

fn one_shot(setup: Setup) -> Setup {
    Setup {
        calls: setup.calls.iter().map(|kind| Kind { one_shot: true, ..*kind }).collect(),
        ..setup
    }
}

fn abroad(setup: Setup) -> Setup {
    Setup {
        calls: setup.calls.iter().map(|kind| Kind { abroad: true, ..*kind }).collect(),
        ..setup
    }
}

fn hurried(setup: Setup) -> Setup {
    let deadline = Some(Duration::from_secs(10));
    Setup { calls: setup.calls.iter().map(|kind| Kind { deadline, ..*kind }).collect(), ..setup }
}

/// All calls are made by the second of two processes.
fn second(setup: Setup) -> Setup {
    let calls = setup.calls.iter().map(|kind| Kind { process: 1, ..*kind }).collect();
    Setup { calls, processes: 2, ..setup }
}

/// A defect that another one's story tells already, or whose story is long.
fn expect(
    defect: Defect,
    clause: &str,
    shape: &dyn Fn(Setup) -> Setup,
    rotation: Rotation,
    faults: &[InjectedFault],
) {
    let failure = search(defect, shape, rotation, faults);
    assert_eq!(failure.violation.path(), clause, "{failure}");
}

#[test]
fn a_call_waits_for_ever() {
    let faults = [InjectedFault::AbandonedLogin];
    expect(
        Defect::WaitsForEver,
        "everyone-ends/unanswered",
        &|setup| setup,
        Rotation::Lenient,
        &faults,
    );
}

#[test]
fn a_body_that_is_gone_is_sent_again() {
    expect(
        Defect::BrokenUploadSentAgain,
        "bounded-call/body",
        &one_shot,
        Rotation::Lenient,
        &[InjectedFault::BrokenUpload],
    );
}

/// A lenient server retires no token, so nothing is disturbed by calls in flight.
#[test]
fn a_lenient_server_disturbs_nothing() {
    expect(
        Defect::CallsTheLogin,
        "strict-is-fine/undisturbed",
        &|setup| setup,
        Rotation::Lenient,
        &[],
    );
}

/// A defect that only the second process shows is seen, in its steps and at the end of the run.
#[test]
fn the_second_process_is_judged() {
    expect(Defect::RenewalsIgnored, "freshest-wins/not-held", &second, Rotation::Lenient, &[]);
    expect(
        Defect::PermanentOpenCircuit,
        "everyone-ends/recovery",
        &second,
        Rotation::Lenient,
        &[InjectedFault::RevokedKey],
    );
    expect(
        Defect::KeepsUnknownTokens,
        "outage-ends/half-a-minute",
        &second,
        Rotation::Lenient,
        &[InjectedFault::RevokedToken],
    );
    expect(Defect::SpeaksOfTokens, "silent/token", &second, Rotation::Lenient, &[]);
}

/// What takes many faults to be seen is looked for by chance.
fn chance(defect: Defect, clause: &str, fault: InjectedFault) {
    PLANTED.set(defect);
    let setup = Setup { steps: 300, budget: u32::MAX, ..setup(2, 0, Rotation::Lenient, &[fault]) };
    let plan = Plan::Given(Box::new(setup));
    let failure = (0..500).find_map(|seed| seeded::<Faulty<Planted>>(&plan, seed).err()).unwrap();
    assert!(
        failure.to_string().contains(&format!("found from the seed {}", failure.seed.unwrap()))
    );
    // What was found is found again from its choices.
    let again = replay::<Faulty<Planted>>(&plan, &failure.trail).unwrap_err();
    assert_eq!(again.transcript.to_string(), failure.transcript.to_string());
    check(defect, clause, &failure);
}

#[test]
fn every_refusal_drops_a_token() {
    chance(Defect::DropsWithoutBudget, "bounded-logins/budget", InjectedFault::RouteRefuses);
}

#[test]
fn an_expiry_is_no_failure() {
    chance(Defect::ExpiryForgotten, "bounded-failures/three-failures", InjectedFault::Delay);
}

/// Without a defect, the same machine breaks no invariant: so it is the faults that are caught.
#[test]
fn the_machine_without_a_defect_keeps_every_invariant() {
    PLANTED.set(Defect::None);
    for rotation in [Rotation::Lenient, Rotation::Strict] {
        for (calls, budget) in [(1, 2), (2, 1), (3, 0)] {
            let setup = setup(calls, budget, rotation, InjectedFault::TEN);
            if let Err(failure) = exhaustive::<Faulty<Planted>>(&setup) {
                panic!("{failure}");
            }
        }
    }
}

/// The clauses whose faulty machines have a test of their own.
const APART: &[(Defect, &str)] = &[
    (Defect::DropsWithoutBudget, "bounded-logins/budget"),
    (Defect::ExpiryForgotten, "bounded-failures/three-failures"),
    (Defect::WaitsForEver, "everyone-ends/unanswered"),
    (Defect::BrokenUploadSentAgain, "bounded-call/body"),
];

/// No machine breaks this clause alone: one that runs in a circle without a wait breaks another one
/// before. `src/simulation/tests.rs` has it judged by itself.
const UNREACHABLE: &str = "everyone-ends/circle";

#[test]
fn every_defect_is_tried() {
    let tried: BTreeSet<String> =
        SEARCHED.iter().chain(APART).map(|(defect, _)| format!("{defect:?}")).collect();
    let (_, source) = include_str!("defect.rs").split_once("enum Defect {").unwrap();
    let (variants, _) = source.split_once('}').unwrap();
    let faults =
        variants.split(',').map(str::trim).filter(|defect| !matches!(*defect, "" | "None"));
    assert_eq!(tried, faults.map(str::to_owned).collect());
}

#[test]
fn every_clause_catches_a_faulty_machine() {
    let catching = SEARCHED.iter().chain(APART).map(|(_, clause)| *clause).chain([UNREACHABLE]);
    let clauses = INVARIANTS.iter().flat_map(Invariant::paths);
    assert_eq!(catching.map(str::to_owned).collect::<BTreeSet<_>>(), clauses.collect());
}
