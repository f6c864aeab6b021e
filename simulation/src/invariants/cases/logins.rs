//! Cases of logins.

use std::time::Duration;

use super::stage::{
    CALL, HOUR, NOW, OLD, SECOND, TICK, ago, block, hold, later, lead, lifetime, log_in,
    log_in_for, one_shot, see, wait,
};
use super::{Case, case};
use crate::watch::{BURST, Blocked, By, Caller, EVERY, Held, Watch, What};

#[expect(clippy::too_many_lines, reason = "one table of cases")]
pub(super) fn cases() -> Vec<Case> {
    let told = |at, told| {
        move |watch: &mut Watch| {
            block(By::Failure, at)(watch);
            watch.blocked =
                watch.blocked.map(|blocked| Blocked { announced: Some(told), ..blocked });
        }
    };
    let failed = |at| {
        move |watch: &mut Watch| {
            block(By::Failure, NOW)(watch);
            watch.blocked = watch.blocked.map(|blocked| Blocked { failed_at: Some(at), ..blocked });
        }
    };
    let drops = |count: usize, span: Duration| {
        move |watch: &mut Watch| {
            watch.drops.push_back(ago(span));
            watch.drops.resize(count, NOW);
        }
    };
    let failures = |by: By, count| {
        move |watch: &mut Watch| {
            block(by, NOW)(watch);
            watch.failures = count;
        }
    };
    let patient = Caller { failures: 1, ..CALL };
    vec![
        case(
            "own-origin/login-form",
            [see(What::LoggedIn {
                call: CALL,
                login: 2,
                expires_at: later(SECOND),
                flaw: Some("is no POST"),
            })],
            [log_in(CALL)],
        ),
        case(
            "one-login/beside-another",
            [log_in(CALL).knowing(lead(later(TICK)))],
            [log_in(CALL).knowing(lead(NOW))],
        ),
        case("one-login/no-lease", [log_in_for(Duration::ZERO)], [log_in_for(TICK)]),
        case("one-login/long-lease", [log_in_for(HOUR + TICK)], [log_in_for(HOUR)]),
        case(
            "bounded-logins/needless",
            [
                log_in(CALL).knowing(hold(OLD)),
                log_in(one_shot(CALL)).knowing(hold(OLD)),
                log_in(CALL).knowing(|watch| {
                    watch.held = Some(Held { token: OLD, lifetime: lifetime(3 * SECOND + TICK) });
                }),
            ],
            [
                log_in(CALL).knowing(|watch| {
                    watch.held = Some(Held { token: OLD, lifetime: lifetime(3 * SECOND) });
                }),
                log_in(one_shot(CALL)).knowing(|watch| {
                    watch.held = Some(Held { token: OLD, lifetime: lifetime(300 * SECOND) });
                }),
            ],
        ),
        case(
            "bounded-logins/early-probe",
            [log_in(CALL).knowing(block(By::Rejection, later(TICK)))],
            [log_in(CALL).knowing(block(By::Rejection, NOW))],
        ),
        case(
            "bounded-logins/budget",
            [log_in(CALL).knowing(drops(BURST + 1, EVERY.saturating_sub(TICK)))],
            [
                log_in(CALL).knowing(drops(BURST + 1, EVERY)),
                log_in(CALL).knowing(drops(BURST, TICK)),
            ],
        ),
        case(
            "one-failure/same-instant",
            [log_in(CALL).knowing(failed(NOW))],
            [log_in(CALL).knowing(failed(ago(TICK)))],
        ),
        case(
            "one-failure/too-early",
            [
                log_in(CALL).knowing(told(NOW, later(TICK))),
                log_in(CALL).knowing(told(later(TICK), NOW)),
                log_in(CALL).knowing(block(By::Failure, later(TICK))),
                log_in(CALL).knowing(block(By::Abandonment, later(TICK))),
            ],
            [log_in(CALL).knowing(told(NOW, NOW)), log_in(CALL).knowing(block(By::Failure, NOW))],
        ),
        case(
            "bounded-failures/three-failures",
            [
                log_in(CALL).knowing(failures(By::Failure, 3)),
                log_in(patient).knowing(failures(By::Failure, 4)),
                wait(CALL, later(SECOND)).knowing(failures(By::Failure, 3)),
            ],
            [
                log_in(CALL).knowing(failures(By::Failure, 2)),
                log_in(patient).knowing(failures(By::Failure, 3)),
                wait(CALL, later(SECOND)).knowing(failures(By::Failure, 2)),
                log_in(CALL).knowing(failures(By::Abandonment, 3)),
                log_in(CALL).knowing(failures(By::Rejection, 3)),
            ],
        ),
    ]
}
