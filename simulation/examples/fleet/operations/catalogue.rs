//! The operations, their loads and their goals.

use std::time::Duration;

use waldo_test_driver::server::Policy;

use super::case::{Case, Scene, Section};
use super::goal::Goal;
use super::load::{Load, Mix};
use super::simulation::{Lag, Routes, Simulation, Takes};

/// What the columns mean.
pub(super) const LEGEND: &str = "\
Loads: n x g is n threads that share a session and rest g/2 to 3g/2 after each call. Round trips take
20 to 100 ms, logins 50 to 500 ms.
Mixed calls: one login in five fails, at most three in a row; one call in five has 0.2 to 1 s for its
token, one in ten is one-shot. A login goes on when the deadline of its call has come.
logins: granted logins, beside the first where outages and caches are concerned; a mean, or the most.
lost: calls that were answered 401 in the end; a mean for a run, or the share of all calls.
late: runs in which a call was lost later than 2 s after the cause had ended. worst: the latest of all.
kept: what is lost if every token is kept. then: logins after all tokens were revoked, and the loss.
1-shot: lost calls that cannot be sent again. No goal counts them, but that of lags does.";

/// Goals that are known to be missed with both mixes.
const BOTH: &[Mix] = &[Mix::Plain, Mix::Mixed];

const NONE: &[Mix] = &[];

/// All of them.
pub(crate) fn sections() -> Vec<Section> {
    vec![
        Section {
            goal: "A deployment or a revocation has ended: no call is lost later than 2 s after it in 99 of 100 runs, and 3 s in all",
            cases: deployments(),
        },
        Section {
            goal: "Not every server knows a fresh token at once: one login and no call that keeping would not cost; two logins for 3 s",
            cases: lags(),
        },
        Section {
            goal: "A cache repeats old renewals in 20 % of the responses for 120 s: one more login for each dead token",
            cases: [1, 4, 10].into_iter().map(cache).collect(),
        },
        Section {
            goal: "Tokens last one second, for 60 s: no call is lost",
            cases: vec![short_lives()],
        },
        Section {
            goal: "Servers that cannot be pleased: at most 12 logins in the first minute, and 125 an hour",
            cases: hopeless(),
        },
        Section { goal: "Exact: the logins that are needed, and no call is lost", cases: exact() },
    ]
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A deployment after three seconds; the run goes on for so long afterwards.
fn deployment(overlap: Duration, and_then: u64) -> Simulation {
    let overlap = secs(3)..secs(3) + overlap;
    Simulation { overlap: Some(overlap.clone()), ..Simulation::of(overlap.end + secs(and_then)) }
}

fn deployments() -> Vec<Case> {
    let mut cases = Vec::new();
    for (overlap, [fleet, six, lone]) in [
        (
            1,
            [
                "deploy 1 s, 12 sessions of 4 x 0.05 s",
                "deploy 1 s, six loads",
                "deploy 1 s, one lone caller",
            ],
        ),
        (
            3,
            [
                "deploy 3 s, 12 sessions of 4 x 0.05 s",
                "deploy 3 s, six loads",
                "deploy 3 s, one lone caller",
            ],
        ),
        (
            10,
            [
                "deploy 10 s, 12 sessions of 4 x 0.05 s",
                "deploy 10 s, six loads",
                "deploy 10 s, one lone caller",
            ],
        ),
        (
            30,
            [
                "deploy 30 s, 12 sessions of 4 x 0.05 s",
                "deploy 30 s, six loads",
                "deploy 30 s, one lone caller",
            ],
        ),
    ] {
        let simulation = deployment(secs(overlap), 32);
        let scene = |threads, gap, runs| Scene {
            simulation: simulation.clone(),
            load: Load::of(threads, gap),
            runs,
        };
        let of_fleet = vec![scene(4, 50, 12 * 10)];
        let mut of_six = Vec::new();
        for (threads, gap, runs) in
            [(1, 1000, 60), (1, 300, 40), (1, 100, 30), (4, 100, 15), (4, 10, 6), (64, 100, 1)]
        {
            let simulation = deployment(secs(overlap), if threads < 64 { 32 } else { 12 });
            let load = Load::of(threads, gap);
            of_six.push(Scene { simulation: simulation.clone(), load, runs });
            of_six.push(Scene { simulation: simulation.without_renewals(), load, runs });
        }
        let of_one =
            vec![scene(1, 1000, 300), scene(1, 500, 300), scene(1, 300, 200), scene(1, 100, 100)];
        // A slow caller may spend all permits by chance, or log in three times at a server that is
        // about to be replaced.
        let of_slow = if overlap == 1 { NONE } else { BOTH };
        for (name, scenes, missed) in
            [(fleet, of_fleet, NONE), (six, of_six, of_slow), (lone, of_one, of_slow)]
        {
            cases.push(Case { name, goal: Goal::OutageEnds, scenes, missed });
        }
    }
    let scenes = |change: fn(Simulation) -> Simulation, and_then| {
        let scene = |overlap| {
            let simulation = change(deployment(secs(overlap), and_then));
            Scene { simulation, load: Load::of(4, 100), runs: 40 }
        };
        [1, 3, 10].map(scene).to_vec()
    };
    let half_public = |simulation: Simulation| Simulation {
        routes: Routes { public: 50, ..Routes::default() },
        ..simulation
    };
    let then_revoked = |simulation: Simulation| {
        let revoked = simulation.overlap.iter().map(|overlap| overlap.end + secs(10)).collect();
        Simulation { revoked, ..simulation }
    };
    cases.push(Case {
        name: "deploy 1, 3, 10 s, half the routes are public",
        goal: Goal::OutageEnds,
        scenes: scenes(half_public, 32),
        missed: NONE,
    });
    cases.push(Case {
        name: "deploy 1, 3, 10 s, all revoked 10 s later",
        goal: Goal::OutageEnds,
        scenes: scenes(then_revoked, 42),
        missed: NONE,
    });
    cases
}

fn lags() -> Vec<Case> {
    let case = |name, millis, of_renewals, goal, missed| {
        let mut scenes = Vec::new();
        let loopback = Load::of(1, 100).over_loopback();
        for (load, runs) in
            [(Load::of(1, 1000), 12), (Load::of(1, 100), 8), (Load::of(4, 100), 6), (loopback, 6)]
        {
            let span = Duration::from_millis(millis);
            // Right after the lag, and when all is long well.
            for revoked in [span + secs(2), secs(30)] {
                let (lag, until) = (Some(Lag { span, of_renewals }), revoked + secs(35));
                scenes.push(Scene {
                    simulation: Simulation { lag, revoked: vec![revoked], ..Simulation::of(until) },
                    load,
                    runs,
                });
            }
        }
        Case { name, goal, scenes, missed }
    };
    let (one, two) = (Goal::Lag { logins: 1, keeps: true }, Goal::Lag { logins: 2, keeps: false });
    vec![
        case("lag of logins 0.3 s, then revoked", 300, false, one, NONE),
        case("lag of logins 1.5 s, then revoked", 1500, false, one, NONE),
        case("lag of logins 3 s, then revoked", 3000, false, two, NONE),
        // A server that refuses each renewal for a while answers most calls with 401, whatever a
        // client does.
        case("lag of renewals too 0.3 s, then revoked", 300, true, one, BOTH),
        case("lag of renewals too 1.5 s, then revoked", 1500, true, one, BOTH),
        case("lag of renewals too 3 s, then revoked", 3000, true, two, BOTH),
    ]
}

fn cache(dead: u32) -> Case {
    let name = match dead {
        1 => "1 old renewal",
        4 => "4 old renewals",
        _ => "10 old renewals",
    };
    let routes = Routes { cached: 20, ..Routes::default() };
    let simulation = Simulation { cached: dead, routes, ..Simulation::of(secs(120)) };
    let scene = |load| Scene { simulation: simulation.clone(), load, runs: 10 };
    let scenes = vec![scene(Load::of(1, 100)), scene(Load::of(4, 100))];
    Case { name, goal: Goal::Cache { dead }, scenes, missed: NONE }
}

fn short_lives() -> Case {
    let policy = Policy { lifetime: secs(1), ..Policy::default() };
    let simulation = Simulation { policy, ..Simulation::of(secs(60)) };
    let scene = |(threads, gap)| Scene {
        simulation: simulation.clone(),
        load: Load::of(threads, gap).with_quick_logins(),
        runs: 5,
    };
    let scenes = [(1, 10), (1, 100), (4, 100), (1, 1000)].map(scene).to_vec();
    // A call is lost if the token of its second login ends on its way.
    Case { name: "one-second tokens", goal: Goal::NoneLost, scenes, missed: BOTH }
}

fn hopeless() -> Vec<Case> {
    let ever = Simulation::of(Duration::MAX);
    let two_keys = Simulation { overlap: Some(Duration::ZERO..Duration::MAX), ..ever.clone() };
    let routes = |refusing, public| Routes { refusing, public, ..Routes::default() };
    let case = |name, simulation: Simulation| {
        let scene = |(threads, gap, minutes): (usize, u64, u64)| {
            let simulation = Simulation { until: secs(60 * minutes), ..simulation.clone() };
            Scene { simulation, load: Load::of(threads, gap), runs: 1 }
        };
        let scenes = [(1, 1000, 65), (1, 100, 35), (4, 100, 18)].map(scene).to_vec();
        Case { name, goal: Goal::FewLogins, scenes, missed: NONE }
    };
    vec![
        case("two keys for ever", two_keys.clone()),
        case("two keys for ever, no renewals", two_keys.clone().without_renewals()),
        case(
            "two keys for ever, half the routes are public",
            Simulation { routes: routes(0, 50), ..two_keys },
        ),
        case(
            "one route of ten always refuses",
            Simulation { routes: routes(10, 0), ..ever.clone() },
        ),
        case("every route always refuses", Simulation { routes: routes(100, 0), ..ever.clone() }),
        case(
            "10 % refuse, half the routes are public",
            Simulation { routes: routes(10, 50), ..ever.clone() },
        ),
        case(
            "each token is taken once, none is renewed",
            Simulation { takes: Takes::Once, ..ever.clone() }.without_renewals(),
        ),
        case("no token is ever taken", Simulation { takes: Takes::Nothing, ..ever }),
    ]
}

fn exact() -> Vec<Case> {
    let revoked = Simulation { revoked: vec![secs(10)], ..Simulation::of(secs(18)) };
    let busy = |simulation: Simulation| vec![Scene { simulation, load: Load::of(64, 10), runs: 6 }];
    let each_minute = Simulation {
        revoked: (1..15).map(|minute| secs(60 * minute)).collect(),
        ..Simulation::of(secs(899))
    };
    let in_sequence = Simulation::of(secs(120)).with_single_use_tokens();
    let case = |name, logins, scenes, missed| Case {
        name,
        goal: Goal::Exactly { logins },
        scenes,
        missed,
    };
    let scene =
        |simulation: &Simulation, load| Scene { simulation: simulation.clone(), load, runs: 3 };
    vec![
        case("all revoked with 64 calls in flight: 1 + 1", 2, busy(revoked.clone()), BOTH),
        case("the same, no renewals: 1 + 1", 2, busy(revoked.without_renewals()), NONE),
        case(
            "a revocation each minute: 15 in 15 min",
            15,
            vec![scene(&each_minute, Load::of(1, 1000)), scene(&each_minute, Load::of(4, 100))],
            // A call is lost whose resend goes out with a renewed token that was revoked, too, if
            // another one is held when its 401 arrives.
            BOTH,
        ),
        case(
            "single-use tokens in sequence: 1",
            1,
            vec![scene(&in_sequence, Load::of(1, 50))],
            NONE,
        ),
    ]
}
