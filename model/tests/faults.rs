//! Each fault of the event or of the callers makes a scene fail.

use waldo_model::Kind::{Both, Tasks, TasksOfOneThread, Threads};
use waldo_model::explore::finds_fault;
use waldo_model::{Fault, scene};

#[test]
fn scenes_with_waiters_detect_an_event_that_never_notifies() {
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
            assert!(finds_fault(scene, kind, Fault::NeverNotifies), "{name}, {kind:?}");
        }
    }
}

#[test]
fn scenes_detect_a_dropped_future_that_does_not_notify() {
    for (name, scene) in [
        ("dropped leader", scene::dropped_leader as fn(_)),
        ("dropped leaders", scene::dropped_leaders),
        ("dropped at any moment", scene::dropped_at_any_moment),
        ("dropped when woken", scene::dropped_when_woken),
        ("timed out", scene::timed_out),
    ] {
        for kind in [Tasks, TasksOfOneThread] {
            assert!(finds_fault(scene, kind, Fault::NeverNotifies), "{name}, {kind:?}");
        }
    }
}

#[test]
fn scenes_detect_an_event_that_wakes_one_waiter_only() {
    for kind in [Threads, Tasks, TasksOfOneThread, Both] {
        assert!(finds_fault(scene::cold_start, kind, Fault::NotifiesOne), "{kind:?}");
        assert!(finds_fault(scene::rejection, kind, Fault::NotifiesOne), "{kind:?}");
    }
    for kind in [Tasks, TasksOfOneThread] {
        assert!(finds_fault(scene::dropped_when_woken, kind, Fault::NotifiesOne), "{kind:?}");
    }
}

#[test]
fn scenes_detect_an_unlock_between_decision_and_wait() {
    // Among the tasks of one thread, no other task can notify in between.
    for kind in [Threads, Tasks, Both] {
        assert!(finds_fault(scene::cold_start, kind, Fault::ListensLate), "{kind:?}");
        assert!(finds_fault(scene::lost_leader, kind, Fault::ListensLate), "{kind:?}");
        assert!(finds_fault(scene::reset, kind, Fault::ListensLate), "{kind:?}");
    }
}

/// For each bound of each scene, one fault breaks this bound and no other.
#[test]
fn each_bound_detects_its_fault() {
    let (five, parallel, slow, forged) =
        (Fault::FiveLogins, Fault::ParallelLogins, Fault::SlowLeader, Fault::ForgedToken);
    let (unwinding, dropping, late) = (Fault::UnwindingCall, Fault::DroppedCall, Fault::LateWakeup);
    for (name, scene, faults) in [
        ("cold start", scene::cold_start as fn(_), &[five, parallel, slow, forged][..]),
        ("storm of 401s", scene::storm_of_401s, &[five, parallel, slow, forged]),
        ("rejection", scene::rejection, &[five, parallel, slow, forged]),
        ("backoff", scene::backoff, &[five, parallel, slow, forged]),
        ("outage", scene::outage, &[five, parallel, slow, forged]),
        ("outliving login", scene::outliving_login, &[five, parallel, slow, forged]),
        ("lost leader", scene::lost_leader, &[five, parallel, slow, forged, unwinding]),
        ("hanging leader", scene::hanging_leader, &[five, parallel, slow, forged]),
        ("leaving", scene::leaving, &[five, parallel, slow, forged, unwinding, late]),
        ("poisoned lock", scene::poisoned_lock, &[five, parallel, slow, forged]),
        ("reset", scene::reset, &[five, slow, forged, late]),
        ("invalidation", scene::invalidation, &[five, parallel, slow, forged]),
        ("giving up", scene::dropped_token, &[five, parallel, slow, forged, Fault::PreviousToken]),
        (
            "giving up by reset",
            scene::dropped_token_by_reset,
            &[five, parallel, slow, forged, Fault::PreviousToken],
        ),
        ("telling", scene::telling, &[Fault::LostEvents, Fault::ReversedEvents]),
        ("dropped leader", scene::dropped_leader, &[five, parallel, slow, forged, dropping]),
        ("dropped leaders", scene::dropped_leaders, &[five, parallel, slow, forged, dropping]),
        ("timed out", scene::timed_out, &[five, parallel, slow, forged, dropping]),
        (
            "dropped when woken",
            scene::dropped_when_woken,
            &[five, parallel, slow, forged, dropping],
        ),
        (
            "dropped at any moment",
            scene::dropped_at_any_moment,
            &[five, parallel, slow, forged, dropping],
        ),
    ] {
        for &fault in faults {
            assert!(finds_fault(scene, Tasks, fault), "{name}, {fault:?}");
        }
    }
}
