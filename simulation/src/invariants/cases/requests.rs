//! Cases of requests and their tokens.

use std::time::Duration;

use super::stage::{
    CALL, NEW, OLD, SECOND, TICK, ago, answered, hold, lifetime, one_shot, probe, refused, see,
    see_answer, send, send_held, sent_before,
};
use super::{Case, case};
use crate::watch::{Caller, Carries, GRACE, Held, TokenId, Watch, What};

#[expect(clippy::too_many_lines, reason = "one table of cases")]
pub(super) fn cases() -> Vec<Case> {
    let carries = |carries| see(What::Sent { call: CALL, carries, probe: false });
    let first = answered(sent_before(1, 401), OLD, 401);
    let broke_off = Caller { attempts: 1, broke_off: Some(OLD), ..CALL };
    let lasts = |left| {
        move |watch: &mut Watch| watch.held = Some(Held { token: OLD, lifetime: lifetime(left) })
    };
    let was_sent = |token| move |watch: &mut Watch| watch.newest_sent = Some(token);
    vec![
        case("own-origin/abroad", [carries(Carries::Abroad)], [send_held(CALL)]),
        case("own-origin/unissued", [carries(Carries::Other)], [send_held(CALL)]),
        case(
            "bounded-call/head-only",
            [probe(CALL), probe(sent_before(1, 401))],
            [probe(broke_off), probe(one_shot(broke_off))],
        ),
        case(
            "bounded-call/three-times",
            [send_held(sent_before(3, 401)), send_held(sent_before(4, 401))],
            [send_held(sent_before(2, 401)), probe(Caller { attempts: 3, ..broke_off })],
        ),
        case(
            "bounded-call/body",
            [send_held(one_shot(sent_before(1, 401)))],
            [send_held(one_shot(CALL)), send_held(sent_before(1, 401))],
        ),
        case(
            "bounded-call/cause",
            [
                send_held(sent_before(1, 500)),
                send_held(Caller { attempts: 1, ..CALL }),
                send_held(broke_off),
                send(broke_off, NEW)
                    .knowing(hold(NEW))
                    .knowing(|watch| watch.refused.push(TokenId(7))),
            ],
            [
                send_held(sent_before(1, 401)),
                send(broke_off, NEW).knowing(hold(NEW)).knowing(|watch| watch.refused.push(OLD)),
            ],
        ),
        case(
            "bounded-call/retry-status",
            [500, 403, 200].map(|status| see_answer(answered(CALL, OLD, status).retried())),
            [see_answer(first.retried()), see_answer(answered(CALL, OLD, 500))],
        ),
        case(
            "bounded-call/retry-origin",
            [see_answer(first.elsewhere().retried())],
            [see_answer(first.elsewhere())],
        ),
        case(
            "bounded-call/retry-body",
            [see_answer(first.to(one_shot(first.call)).retried())],
            [see_answer(first.to(one_shot(first.call)))],
        ),
        case(
            "no-dead-token/dead",
            [send(CALL, OLD).knowing(lasts(Duration::ZERO))],
            [send(CALL, OLD).knowing(lasts(TICK))],
        ),
        case(
            "no-refused-twice/refused",
            [send_held(CALL).knowing(|watch| watch.refused.push(OLD))],
            [send_held(CALL).knowing(|watch| watch.refused.push(NEW))],
        ),
        case(
            "no-resurrection/newer-dropped",
            [
                see_answer(first.retried().drops()).knowing(hold(NEW)),
                see_answer(first.elsewhere().drops()).knowing(hold(NEW)),
            ],
            [
                see_answer(first.drops()),
                see_answer(answered(CALL, OLD, 500).drops()).knowing(hold(NEW)),
            ],
        ),
        case("no-resurrection/given-up", [send(CALL, OLD)], [send_held(CALL)]),
        case(
            "no-resurrection/older",
            [
                send(CALL, OLD).knowing(hold(NEW)),
                send(CALL, OLD).knowing(hold(NEW)).knowing(was_sent(NEW)),
            ],
            [send(CALL, NEW).knowing(hold(NEW)).knowing(was_sent(OLD))],
        ),
        case(
            "freshest-wins/not-held",
            [
                send(CALL, OLD).knowing(hold(NEW)).knowing(was_sent(OLD)),
                send(CALL, NEW).knowing(hold(OLD)),
            ],
            [send_held(CALL)],
        ),
        case(
            "kept-until-known/dropped",
            [
                see_answer(first.drops()).knowing(hold(OLD)),
                see_answer(first.drops())
                    .knowing(hold(OLD))
                    .knowing(refused(OLD, ago(GRACE.saturating_sub(TICK)))),
                see_answer(first.drops()).knowing(lasts(2 * SECOND + TICK)),
            ],
            [
                see_answer(first.drops()).knowing(hold(OLD)).knowing(refused(OLD, ago(GRACE))),
                see_answer(first.drops()).knowing(lasts(2 * SECOND)),
                see_answer(first.retried().drops())
                    .knowing(hold(OLD))
                    .knowing(|watch| watch.accepted = true),
                see_answer(first).knowing(hold(OLD)),
                see_answer(answered(CALL, OLD, 403).drops()).knowing(hold(OLD)),
                see_answer(first.elsewhere().drops()).knowing(hold(OLD)),
            ],
        ),
    ]
}
