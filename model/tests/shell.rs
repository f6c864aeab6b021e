//! The shared session of `waldo-auth-client` under every schedule of two callers, and under many
//! schedules of four.

use waldo_model::Kind::{self, Both, Tasks, TasksOfOneThread, Threads};
use waldo_model::explore::explore;
use waldo_model::scene;

const ANY: &[Kind] = &[Threads, Tasks, TasksOfOneThread, Both];
/// The callers that can be dropped while they wait.
const TASKS: &[Kind] = &[Tasks, TasksOfOneThread];

#[test]
fn rule_13_calls_without_token_share_one_leader() {
    explore(scene::cold_start, ANY);
}

#[test]
fn rule_13_a_storm_of_401s_has_one_leader() {
    explore(scene::storm_of_401s, ANY);
}

#[test]
fn rule_13_a_login_outlives_its_call() {
    explore(scene::outliving_login, ANY);
}

#[test]
fn rule_13_a_login_that_panics_has_failed_for_all() {
    explore(scene::lost_leader, ANY);
}

#[test]
fn rule_13_hanging_leader_delays_others_by_its_lease() {
    explore(scene::hanging_leader, ANY);
}

#[test]
fn rule_13_dropped_leader_is_replaced_at_once() {
    explore(scene::dropped_leader, TASKS);
}

#[test]
fn rule_13_successive_dropped_leaders_are_replaced_at_once() {
    explore(scene::dropped_leaders, TASKS);
}

#[test]
fn rule_13_dropped_future_ends_only_its_call() {
    explore(scene::dropped_at_any_moment, TASKS);
}

#[test]
fn rule_14_call_dropped_during_login_delays_no_other() {
    explore(scene::timed_out, TASKS);
}

#[test]
fn rule_14_dropping_woken_waiter_loses_no_other_wakeup() {
    explore(scene::dropped_when_woken, TASKS);
}

#[test]
fn rule_14_waiters_share_backoff_and_one_retries() {
    explore(scene::backoff, ANY);
}

#[test]
fn rule_14_calls_are_refused_after_three_failures() {
    explore(scene::outage, ANY);
}

#[test]
fn rule_14_only_call_at_its_deadline_is_refused() {
    explore(scene::leaving, ANY);
}

#[test]
fn rule_15_no_call_is_refused_if_source_has_another_pair() {
    explore(scene::replaced_pair, ANY);
}

#[test]
fn rule_15_wrong_pairs_in_turn_cost_one_login_for_each_probe() {
    explore(scene::wrong_pairs, ANY);
}

#[test]
fn rule_15_rejection_refuses_every_call_at_once() {
    explore(scene::rejection, ANY);
}

#[test]
fn rule_19_poisoned_lock_costs_only_one_call() {
    explore(scene::poisoned_lock, ANY);
}

#[test]
fn reset_lets_waiting_calls_continue_at_once() {
    explore(scene::reset, ANY);
}

#[test]
fn repeated_invalidation_causes_one_login() {
    explore(scene::invalidation, ANY);
}

#[test]
fn no_later_call_sends_a_dropped_token() {
    explore(scene::dropped_token, ANY);
    explore(scene::dropped_token_by_reset, ANY);
}

#[test]
fn rule_22_entries_are_emitted_once_and_in_order() {
    explore(scene::telling, ANY);
}
