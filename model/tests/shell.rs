//! The shell of `waldo-ureq` under every schedule of two threads, and under many of four.

use waldo_model::explore::explore;
use waldo_model::scene;

#[test]
fn rule_13_a_cold_start_has_one_leader_and_no_wake_up_is_lost() {
    explore(scene::cold_start);
}

#[test]
fn rule_13_a_storm_of_401s_has_one_leader() {
    explore(scene::storm_of_401s);
}

#[test]
fn rule_13_a_leader_that_gives_up_is_replaced_at_once() {
    explore(scene::tired_leader);
}

#[test]
fn rule_13_a_leader_that_unwinds_is_replaced_at_once() {
    explore(scene::lost_leader);
}

#[test]
fn rule_13_a_leader_that_hangs_delays_the_others_by_its_lease() {
    explore(scene::hanging_leader);
}

#[test]
fn rule_14_all_wait_out_one_backoff_and_one_tries_again() {
    explore(scene::backoff);
}

#[test]
fn rule_14_nobody_waits_for_ever_where_no_login_brings_a_token() {
    explore(scene::outage);
}

#[test]
fn rule_14_a_call_leaves_at_its_deadline_and_alone() {
    explore(scene::leaving);
}

#[test]
fn rule_15_a_rejection_is_everybodys_answer_at_once() {
    explore(scene::rejection);
}

#[test]
fn rule_19_a_lock_that_is_poisoned_while_others_wait_costs_one_call() {
    explore(scene::poisoned_lock);
}

#[test]
fn a_reset_while_others_wait_lets_them_go_on_at_once() {
    explore(scene::reset);
}

#[test]
fn an_invalidation_while_others_wait_lets_them_go_on_at_once() {
    explore(scene::invalidation);
}

#[test]
fn rule_22_each_entry_is_told_once_and_in_order_and_time_never_runs_backwards() {
    explore(scene::telling);
}
