//! Cases of calls that wait.

use std::time::Duration;

use super::stage::{
    CALL, HOUR, NOW, OLD, SECOND, TICK, ago, block, hold, later, lead, one_shot, refuse, until,
    wait,
};
use super::{Case, case};
use crate::machine::Why;
use crate::watch::By;

pub(super) fn cases() -> Vec<Case> {
    let lease = || lead(later(SECOND));
    let half_a_minute = Duration::from_secs(30);
    let failed_for = |span| block(By::Failure, later(span));
    vec![
        case(
            "no-needless-wait/waits",
            [
                wait(CALL, later(SECOND)).knowing(hold(OLD)).knowing(lease()),
                wait(one_shot(CALL), later(SECOND)).knowing(hold(OLD)).knowing(lease()),
            ],
            [wait(CALL, later(SECOND)).knowing(lease())],
        ),
        case(
            "no-needless-wait/refused",
            [
                refuse(CALL, Why::Rejected).knowing(hold(OLD)).knowing(block(By::Rejection, NOW)),
                refuse(CALL, Why::Unavailable)
                    .knowing(hold(OLD))
                    .knowing(|watch| watch.failures = 3),
                refuse(until(NOW), Why::Deadline).knowing(hold(OLD)),
            ],
            [refuse(CALL, Why::Foreign).knowing(hold(OLD)), refuse(until(NOW), Why::Deadline)],
        ),
        case(
            "everyone-ends/past",
            [wait(CALL, NOW).knowing(lease()), wait(CALL, ago(SECOND)).knowing(failed_for(SECOND))],
            [wait(CALL, later(TICK)).knowing(lease())],
        ),
        case(
            "everyone-ends/deadline",
            [
                wait(until(ago(TICK)), later(SECOND)).knowing(lease()),
                wait(until(NOW), later(TICK)).knowing(lease()),
            ],
            [wait(until(later(TICK)), later(TICK)).knowing(lease())],
        ),
        case(
            "everyone-ends/lease",
            [
                wait(CALL, later(SECOND + TICK)).knowing(lease()),
                wait(CALL, later(SECOND + TICK)).knowing(failed_for(HOUR)).knowing(lease()),
            ],
            [wait(CALL, later(SECOND)).knowing(lease())],
        ),
        case(
            "everyone-ends/reason",
            [wait(CALL, later(SECOND)), wait(CALL, later(SECOND)).knowing(lead(NOW))],
            [
                wait(CALL, later(SECOND)).knowing(lease()),
                wait(CALL, later(SECOND)).knowing(failed_for(SECOND)),
            ],
        ),
        case(
            "everyone-ends/backoff",
            [
                wait(CALL, later(half_a_minute + TICK)).knowing(failed_for(SECOND)),
                wait(CALL, later(HOUR + TICK)).knowing(failed_for(HOUR)),
                wait(CALL, later(HOUR)).knowing(failed_for(SECOND)).knowing(lead(NOW)),
            ],
            [
                wait(CALL, later(half_a_minute)).knowing(failed_for(SECOND)),
                wait(CALL, later(HOUR)).knowing(failed_for(HOUR)),
                wait(CALL, later(HOUR)).knowing(failed_for(SECOND)).knowing(lead(later(HOUR))),
            ],
        ),
    ]
}
