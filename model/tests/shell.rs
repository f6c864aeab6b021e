//! The shared session of `waldo-auth-client` under every schedule of two callers, and under many
//! schedules of four.

use waldo_model::Kind::{self, Both, Tasks, TasksOfOneThread, Threads};
use waldo_model::explore::explore;
use waldo_model::scene;

const ANY: &[Kind] = &[Threads, Tasks, TasksOfOneThread, Both];
/// The callers that can be dropped while they wait.
const TASKS: &[Kind] = &[Tasks, TasksOfOneThread];

#[test]
fn rule_13_a_cold_start_has_one_leader_and_no_wake_up_is_lost() {
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
fn rule_13_a_leader_that_hangs_delays_the_others_by_its_lease() {
    explore(scene::hanging_leader, ANY);
}

#[test]
fn rule_13_a_leader_whose_future_is_dropped_is_replaced_at_once() {
    explore(scene::dropped_leader, TASKS);
}

#[test]
fn rule_13_leaders_that_are_dropped_one_after_the_other_cost_no_more_than_their_backoffs() {
    explore(scene::dropped_leaders, TASKS);
}

#[test]
fn rule_13_a_future_that_is_dropped_at_any_moment_costs_its_own_call() {
    explore(scene::dropped_at_any_moment, TASKS);
}

#[test]
fn rule_14_a_call_that_is_dropped_at_its_time_delays_nobody() {
    explore(scene::timed_out, TASKS);
}

#[test]
fn rule_14_a_follower_that_is_dropped_when_it_is_woken_takes_no_wake_up_with_it() {
    explore(scene::dropped_when_woken, TASKS);
}

#[test]
fn rule_14_all_wait_out_one_backoff_and_one_tries_again() {
    explore(scene::backoff, ANY);
}

#[test]
fn rule_14_nobody_waits_for_ever_where_no_login_brings_a_token() {
    explore(scene::outage, ANY);
}

#[test]
fn rule_14_a_call_leaves_at_its_deadline_and_alone() {
    explore(scene::leaving, ANY);
}

#[test]
fn rule_15_a_rejection_is_everybodys_answer_at_once() {
    explore(scene::rejection, ANY);
}

#[test]
fn rule_19_a_lock_that_is_poisoned_while_others_wait_costs_one_call() {
    explore(scene::poisoned_lock, ANY);
}

#[test]
fn a_reset_while_others_wait_lets_them_go_on_at_once() {
    explore(scene::reset, ANY);
}

#[test]
fn an_invalidation_while_others_wait_lets_them_go_on_at_once() {
    explore(scene::invalidation, ANY);
}

#[test]
fn a_token_that_is_given_up_is_sent_by_no_later_call() {
    explore(scene::giving_up, ANY);
    explore(scene::giving_up_by_reset, ANY);
}

#[test]
fn rule_22_each_entry_is_told_once_and_in_order_and_time_never_runs_backwards() {
    explore(scene::telling, ANY);
}
