//! A shell with a mistake in it does not pass: the bell behaves as the mistake would make it.

use waldo_model::explore::tells;
use waldo_model::{Bell, scene};

#[test]
fn a_shell_that_never_rings_is_told_by_every_scene_in_which_others_wait() {
    for (name, scene) in [
        ("cold start", scene::cold_start as fn(_)),
        ("storm of 401s", scene::storm_of_401s),
        ("tired leader", scene::tired_leader),
        ("lost leader", scene::lost_leader),
        ("leaving", scene::leaving),
        ("rejection", scene::rejection),
        ("backoff", scene::backoff),
        ("poisoned lock", scene::poisoned_lock),
        ("reset", scene::reset),
        ("invalidation", scene::invalidation),
    ] {
        assert!(tells(scene, Bell::Silent), "{name}");
    }
}

#[test]
fn a_shell_that_wakes_one_of_many_is_told() {
    assert!(tells(scene::cold_start, Bell::ForOne));
    assert!(tells(scene::rejection, Bell::ForOne));
}

#[test]
fn a_shell_that_unlocks_between_the_decision_and_the_wait_is_told() {
    assert!(tells(scene::cold_start, Bell::Late));
    assert!(tells(scene::lost_leader, Bell::Late));
    assert!(tells(scene::reset, Bell::Late));
}
