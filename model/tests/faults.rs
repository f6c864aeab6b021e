//! A shared session with a fault does not pass: the event behaves as the fault would make it.

use waldo_model::Kind::{Both, Tasks, TasksOfOneThread, Threads};
use waldo_model::explore::tells;
use waldo_model::{Notify, scene};

#[test]
fn a_shell_that_never_rings_is_told_by_every_scene_in_which_others_wait() {
    for (name, scene) in [
        ("cold start", scene::cold_start as fn(_)),
        ("storm of 401s", scene::storm_of_401s),
        ("outliving login", scene::outliving_login),
        ("lost leader", scene::lost_leader),
        ("leaving", scene::leaving),
        ("rejection", scene::rejection),
        ("backoff", scene::backoff),
        ("poisoned lock", scene::poisoned_lock),
        ("reset", scene::reset),
        ("invalidation", scene::invalidation),
    ] {
        for kind in [Threads, Tasks, TasksOfOneThread, Both] {
            assert!(tells(scene, kind, Notify::Silent), "{name}, {kind:?}");
        }
    }
}

#[test]
fn a_dropped_future_that_does_not_ring_is_told() {
    for (name, scene) in [
        ("dropped leader", scene::dropped_leader as fn(_)),
        ("dropped leaders", scene::dropped_leaders),
        ("dropped at any moment", scene::dropped_at_any_moment),
        ("dropped when woken", scene::dropped_when_woken),
        ("timed out", scene::timed_out),
    ] {
        for kind in [Tasks, TasksOfOneThread] {
            assert!(tells(scene, kind, Notify::Silent), "{name}, {kind:?}");
        }
    }
}

#[test]
fn a_shell_that_wakes_one_of_many_is_told() {
    for kind in [Threads, Tasks, TasksOfOneThread, Both] {
        assert!(tells(scene::cold_start, kind, Notify::ForOne), "{kind:?}");
        assert!(tells(scene::rejection, kind, Notify::ForOne), "{kind:?}");
    }
    for kind in [Tasks, TasksOfOneThread] {
        assert!(tells(scene::dropped_when_woken, kind, Notify::ForOne), "{kind:?}");
    }
}

#[test]
fn a_shell_that_unlocks_between_the_decision_and_the_wait_is_told() {
    // Among the tasks of one thread, no other task can notify in between.
    for kind in [Threads, Tasks, Both] {
        assert!(tells(scene::cold_start, kind, Notify::Late), "{kind:?}");
        assert!(tells(scene::lost_leader, kind, Notify::Late), "{kind:?}");
        assert!(tells(scene::reset, kind, Notify::Late), "{kind:?}");
    }
}

/// Each bound of each scene has a shell here that breaks no other bound.
#[test]
fn a_shell_that_breaks_one_bound_is_told_by_it() {
    let (often, beside, slow, forged) =
        (Notify::Often, Notify::Beside, Notify::Slow, Notify::Forged);
    let (unwinding, dropping, dozing) = (Notify::Unwinding, Notify::Dropping, Notify::Dozing);
    for (name, scene, bells) in [
        ("cold start", scene::cold_start as fn(_), &[often, beside, slow, forged][..]),
        ("storm of 401s", scene::storm_of_401s, &[often, beside, slow, forged]),
        ("rejection", scene::rejection, &[often, beside, slow, forged]),
        ("backoff", scene::backoff, &[often, beside, slow, forged]),
        ("outage", scene::outage, &[often, beside, slow, forged]),
        ("outliving login", scene::outliving_login, &[often, beside, slow, forged]),
        ("lost leader", scene::lost_leader, &[often, beside, slow, forged, unwinding]),
        ("hanging leader", scene::hanging_leader, &[often, beside, slow, forged]),
        ("leaving", scene::leaving, &[often, beside, slow, forged, unwinding, dozing]),
        ("poisoned lock", scene::poisoned_lock, &[often, beside, slow, forged]),
        ("reset", scene::reset, &[often, slow, forged, dozing]),
        ("invalidation", scene::invalidation, &[often, beside, slow, forged]),
        ("giving up", scene::giving_up, &[often, beside, slow, forged, Notify::Stale]),
        (
            "giving up by reset",
            scene::giving_up_by_reset,
            &[often, beside, slow, forged, Notify::Stale],
        ),
        ("telling", scene::telling, &[Notify::Muffled, Notify::Reversed]),
        ("dropped leader", scene::dropped_leader, &[often, beside, slow, forged, dropping]),
        ("dropped leaders", scene::dropped_leaders, &[often, beside, slow, forged, dropping]),
        ("timed out", scene::timed_out, &[often, beside, slow, forged, dropping]),
        ("dropped when woken", scene::dropped_when_woken, &[often, beside, slow, forged, dropping]),
        (
            "dropped at any moment",
            scene::dropped_at_any_moment,
            &[often, beside, slow, forged, dropping],
        ),
    ] {
        for &bell in bells {
            assert!(tells(scene, Tasks, bell), "{name}, {bell:?}");
        }
    }
}
