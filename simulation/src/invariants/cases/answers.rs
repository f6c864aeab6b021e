//! Cases of answers to callers.

use super::stage::{
    CALL, NEW, NOW, OLD, SECOND, TICK, ago, answered, block, hold, later, one_shot, refuse,
    refuse_until, see_answer, sent_before, until,
};
use super::{Case, case};
use crate::machine::Why;
use crate::watch::{By, Caller, Watch};

pub(super) fn cases() -> Vec<Case> {
    let first = answered(sent_before(1, 401), OLD, 401);
    let of = |call| first.to(call);
    let accepts = |watch: &mut Watch| {
        hold(OLD)(watch);
        watch.accepted = true;
    };
    let failures = |count| move |watch: &mut Watch| watch.failures = count;
    vec![
        case(
            "strict-is-fine/undisturbed",
            [see_answer(first).undisturbed(), see_answer(first.retried()).undisturbed()],
            [see_answer(first), see_answer(answered(CALL, OLD, 403)).undisturbed()],
        ),
        case(
            "truthful/newer-token",
            [see_answer(first).knowing(hold(NEW))],
            [
                see_answer(first.retried()).knowing(hold(NEW)),
                see_answer(first).knowing(hold(OLD)),
                see_answer(of(sent_before(2, 401))).knowing(hold(NEW)),
                see_answer(of(one_shot(first.call))).knowing(hold(NEW)),
                see_answer(first.elsewhere()).knowing(hold(NEW)),
                see_answer(answered(first.call, OLD, 403)).knowing(hold(NEW)),
            ],
        ),
        case(
            "truthful/resolvable-401",
            [see_answer(first).knowing(accepts), see_answer(first.drops()).knowing(accepts)],
            [
                see_answer(first.retried()).knowing(accepts),
                see_answer(of(sent_before(2, 401))).knowing(accepts),
                see_answer(of(one_shot(first.call))).knowing(accepts),
                see_answer(of(Caller { epoch: 1, ..first.call })).knowing(accepts),
                see_answer(first).knowing(hold(OLD)),
                see_answer(first.elsewhere()).knowing(accepts),
            ],
        ),
        case(
            "truthful/retry-at",
            [refuse_until(CALL, Why::Foreign, ago(TICK))],
            [refuse_until(CALL, Why::Foreign, NOW)],
        ),
        case(
            "truthful/rejected",
            [
                refuse(CALL, Why::Rejected),
                refuse(CALL, Why::Rejected).knowing(block(By::Failure, NOW)),
                refuse(CALL, Why::Rejected).knowing(block(By::Abandonment, NOW)),
            ],
            [
                refuse(CALL, Why::Rejected).knowing(block(By::Rejection, NOW)),
                refuse(CALL, Why::Foreign),
            ],
        ),
        case(
            "truthful/unavailable",
            [
                refuse(CALL, Why::Unavailable).knowing(failures(2)),
                refuse(Caller { failures: 1, ..CALL }, Why::Unavailable).knowing(failures(3)),
            ],
            [
                refuse(CALL, Why::Unavailable).knowing(failures(3)),
                refuse(Caller { failures: 1, ..CALL }, Why::Unavailable).knowing(failures(4)),
            ],
        ),
        case(
            "truthful/deadline",
            [
                refuse(CALL, Why::Deadline),
                refuse_until(until(later(SECOND + TICK)), Why::Deadline, later(SECOND)),
            ],
            [refuse_until(until(later(SECOND)), Why::Deadline, later(SECOND))],
        ),
    ]
}
