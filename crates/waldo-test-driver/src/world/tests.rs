use std::collections::{BTreeMap, BTreeSet};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use waldo_auth_core::{Config, Credentials, Head, Instant, Now, Session};

use super::site::credentials;
use super::*;
use crate::choices::Trail;
use crate::machine::{LoginEnd, Step};
use crate::server::{Answer, Fault, Rotation};
use crate::setup::{Kind, Trouble};

/// Two processes, and anything that may go wrong in a long run.
fn setup() -> Setup {
    let calls = (0..4).map(|call| Kind { process: call % 2, ..Kind::default() }).collect();
    let setup = Setup::calls(4, Rotation::Lenient).with(u32::MAX, Trouble::ALL);
    Setup { calls, processes: 2, steps: 1000, ..setup }
}

/// A world in which each process holds a token, and a second call of each is answered.
fn world(setup: &Setup) -> World<'_, Session> {
    let mut world = World::new(setup, Transcript::default());
    for (login, call) in [(0, 2), (1, 3)] {
        for step in [Move::Arrive(login), Move::Serve(login), Move::Deliver(login)] {
            world.perform(step).unwrap();
        }
        for step in [Move::Arrive(call), Move::Serve(call)] {
            world.perform(step).unwrap();
        }
    }
    world
}

type Change = fn(&mut World<'_, Session>);

/// A part of a world that the digest leaves out merges states that differ, so the search misses
/// what follows from one of them.
#[test]
fn the_digest_covers_every_part_of_a_world() {
    let changes: &[(&str, Change)] = &[
        ("the true time", |world| world.clocks.pass(Duration::from_secs(1))),
        ("the wall clock", |world| world.clocks.suspend(Duration::from_secs(1))),
        ("the server's faults", |world| world.server.push_fault(Fault::call(Answer::Unauthorized))),
        ("the server's tokens", |world| world.server.expire_all()),
        ("the revoked keys", |world| world.key_revoked = true),
        ("the second machine", |world| {
            let now = world.clocks.now();
            Machine::reset(&mut world.machines[1], credentials(1), now);
        }),
        ("the second key pair", |world| world.pairs[1] = 1),
        ("the first observer", |world| world.watches[0].epoch += 1),
        ("the second observer", |world| world.watches[1].failures += 1),
        ("a call's state", |world| world.slots[2].state = State::Done),
        ("a call's history", |world| world.slots[3].caller.attempts += 1),
        ("an answer's status", |world| *answer(world).response.status_mut() = StatusCode::NOT_FOUND),
        ("an answer's headers", |world| {
            answer(world).response.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("x"));
        }),
        ("an answer's origin", |world| answer(world).own_origin = false),
        ("an answer's token", |world| answer(world).token = None),
        ("what processes share", |world| world.perform(Move::Trouble(Trouble::SharedToken, 0, 0)).unwrap()),
        ("the budget", |world| world.budget -= 1),
        ("what went wrong", |world| world.undisturbed = false),
        ("how many calls came in", |world| world.came_in += 1),
    ];
    let setup = setup();
    let before = world(&setup).digest();
    assert_eq!(world(&setup).digest(), before);
    for (part, change) in changes {
        let mut world = world(&setup);
        let (budget, undisturbed) = (world.budget, world.undisturbed);
        change(&mut world);
        if *part == "what processes share" {
            (world.budget, world.undisturbed) = (budget, undisturbed);
        }
        assert_ne!(world.digest(), before, "the digest leaves out {part}");
    }
}

fn answer<'a>(world: &'a mut World<'_, Session>) -> &'a mut slot::Answer {
    world.slots[3].state.answer_mut().unwrap()
}

/// In how many ways each trouble can strike, in a long run.
const WAYS: &[(Trouble, usize)] = &[
    (Trouble::Expiry, 2),
    (Trouble::RevokedToken, 1),
    (Trouble::RevokedKey, 1),
    (Trouble::LoginUnavailable, 4),
    (Trouble::CutConnection, 1),
    (Trouble::CancelledCall, 2),
    (Trouble::AbandonedLogin, 1),
    (Trouble::Suspend, 1),
    (Trouble::ClockStep, 2),
    (Trouble::Reset, 2),
    (Trouble::Invalidate, 1),
    (Trouble::Duplicate, 1),
    (Trouble::RouteRefuses, 1),
    (Trouble::ErrorAnswer, 1),
    (Trouble::ForeignAnswer, 2),
    (Trouble::MalformedRenewal, 2),
    (Trouble::SharedToken, 2),
    (Trouble::Delay, 6),
    (Trouble::BrokenUpload, 1),
    (Trouble::StaleRenewal, 1),
];

/// Each way of each trouble changes what follows, and not as another way does. To see that, it is
/// compared with the same run in which nothing happens, and in which the request is only answered.
#[test]
fn every_trouble_strikes_in_each_of_its_ways() {
    let setup = setup();
    let mut left: BTreeSet<(usize, usize)> =
        (0..WAYS.len()).flat_map(|trouble| (0..WAYS[trouble].1).map(move |way| (trouble, way))).collect();
    for seed in 0..200 {
        let mut choices = Choices::seeded(seed);
        let mut world = World::new(&setup, Transcript::default());
        for steps in (3..=90).step_by(3) {
            walk(&mut world, &mut choices, 3);
            let trail = Trail(choices.taken().to_vec());
            let moves: Vec<Move> = world.moves().into_iter().map(|(step, _)| step).collect();
            let after = |step| after(&setup, &trail, steps, step);
            for (index, (trouble, _)) in WAYS.iter().enumerate() {
                if left.iter().any(|(unseen, _)| *unseen == index) {
                    let telling = telling_ways(*trouble, &moves, after);
                    left.retain(|(unseen, way)| *unseen != index || !telling.contains(way));
                }
            }
        }
        if left.is_empty() {
            break;
        }
    }
    let left: Vec<_> = left.iter().map(|(trouble, way)| (WAYS[*trouble].0, way)).collect();
    assert!(left.is_empty(), "these strike nobody: {left:?}");
    let listed: Vec<Trouble> = WAYS.iter().map(|(trouble, _)| *trouble).collect();
    assert_eq!(listed, Trouble::ALL);
}

/// The ways of a trouble after which the state is another one than after each other way at the same
/// place, after no step, and after an answer. `after` says what the state is after a step.
fn telling_ways(of: Trouble, moves: &[Move], after: impl Fn(Option<Move>) -> u64) -> BTreeSet<usize> {
    let mut struck: BTreeMap<usize, Vec<(usize, u64)>> = BTreeMap::new();
    for step in moves {
        if let Move::Trouble(trouble, target, way) = *step
            && trouble == of
        {
            struck.entry(target).or_default().push((way, after(Some(*step))));
        }
    }
    let mut telling = BTreeSet::new();
    for (target, ways) in struck {
        let served = moves.contains(&Move::Serve(target)).then(|| after(Some(Move::Serve(target))));
        let others = [Some(after(None)), served];
        let is_alone = |digest| ways.iter().filter(|(_, other)| *other == digest).count() == 1;
        let tells = |(way, digest)| (is_alone(digest) && !others.contains(&Some(digest))).then_some(way);
        telling.extend(ways.iter().copied().filter_map(tells));
    }
    telling
}

/// So many steps, as the choices say.
fn walk(world: &mut World<'_, Session>, choices: &mut Choices, steps: usize) {
    for _ in 0..steps {
        world.come_again();
        let moves = world.moves();
        let weights: Vec<u32> = moves.iter().map(|(_, weight)| *weight).collect();
        world.perform(moves[choices.pick(&weights)].0).unwrap();
    }
}

/// The state after these steps and one more, but for what every trouble changes.
fn after(setup: &Setup, trail: &Trail, steps: usize, step: Option<Move>) -> u64 {
    let mut world = World::new(setup, Transcript::default());
    walk(&mut world, &mut Choices::replay(trail.0.clone()), steps);
    if let Some(step) = step {
        world.perform(step).unwrap();
    }
    (world.budget, world.undisturbed) = (0, false);
    world.digest()
}

/// A machine that lets every call ask again at once.
#[derive(Hash)]
struct Busy;

impl Machine for Busy {
    type Call = ();
    type Attempt = ();
    type Login = ();

    fn begin(_: Config) -> Self {
        Self
    }
    fn call(_: bool, _: Option<Instant>) {}
    fn admit(&mut self, (): (), _: &mut Request<Vec<u8>>, now: Now) -> Step<Self> {
        Step::Wait((), now.monotonic)
    }
    fn conclude(&mut self, (): (), _: Head<'_>, _: Now) -> Option<()> {
        None
    }
    fn request((): &()) -> Request<Vec<u8>> {
        Request::new(Vec::new())
    }
    fn expires_at((): &()) -> Instant {
        Instant::from_start(Duration::ZERO)
    }
    fn settle(&mut self, (): (), _: LoginEnd<'_>, _: Now) {}
    fn reset(&mut self, _: Credentials, _: Now) {}
    fn invalidate(&mut self, _: Now) {}
    fn holds(&self, _: Now) -> bool {
        false
    }
    fn say(&self, _: Now) -> String {
        String::new()
    }
}

/// No machine that keeps the other clauses can run in a circle, so this one is judged by that clause
/// alone.
#[test]
fn a_run_in_a_circle_is_seen() {
    let law = LAWS.iter().find(|law| law.name == "everyone-ends").unwrap();
    let circle = law.clauses.iter().position(|clause| clause.name == "circle").unwrap();
    let laws = [Law { clauses: &law.clauses[circle..=circle], ..*law }];
    let setup = Setup::calls(2, Rotation::Lenient);
    let mut choices = Choices::exhaustive(Odometer::default());
    let found = loop {
        let mut world = World::<Busy>::new(&setup, Transcript::default());
        world.laws = &laws;
        match world.run(&mut choices) {
            Ok(()) => assert!(choices.advance(), "no run comes back to where it was"),
            Err(found) => break found,
        }
    };
    assert_eq!(found.path(), "everyone-ends/circle");
}
