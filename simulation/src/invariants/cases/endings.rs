//! Cases of the end of a run.

use std::time::Duration;

use super::stage::{TICK, recover, say, see};
use super::{Case, case};
use crate::simulation::KEYS;
use crate::watch::What;

pub(super) fn cases() -> Vec<Case> {
    let half_a_minute = Duration::from_secs(30);
    let [(key, secret), (other_key, other_secret)] = KEYS;
    vec![
        case("everyone-ends/circle", [see(What::Circles)], [see(What::Over { unanswered: 0 })]),
        case(
            "everyone-ends/unanswered",
            [see(What::Over { unanswered: 1 })],
            [see(What::Over { unanswered: 0 })],
        ),
        case(
            "everyone-ends/recovery",
            [recover(None, 12, None), recover(Some(503), 13, None)],
            [recover(None, 11, None), recover(Some(200), 12, None)],
        ),
        case(
            "outage-ends/half-a-minute",
            [recover(Some(401), 2, Some(half_a_minute + TICK))],
            [recover(Some(401), 2, Some(half_a_minute)), recover(None, 2, None)],
        ),
        case("silent/key", [say(key), say(other_key)], [say("wk.sandbox.")]),
        case("silent/secret", [say(secret), say(other_secret)], [say("ws.sandbox.")]),
        case("silent/token", [say("a.token"), say("a.nother")], [say("a.toke")]),
    ]
}
