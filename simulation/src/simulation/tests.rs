use std::collections::{BTreeMap, BTreeSet};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use waldo_auth_core::{Config, Credentials, Head, Instant, Now, Session};

use super::site::credentials;
use super::*;
use crate::choices::Trail;
use crate::machine::{LoginEnd, Step};
use crate::setup::{InjectedFault, Kind};
use waldo_test_driver::server::{Answer, Fault, Rotation};

/// Two processes, and all faults of a long run.
fn setup() -> Setup {
    let calls = (0..4).map(|call| Kind { process: call % 2, ..Kind::default() }).collect();
    let setup = Setup::calls(4, Rotation::Lenient).with(u32::MAX, InjectedFault::ALL);
    Setup { calls, processes: 2, steps: 1000, ..setup }
}

/// A simulation in which each process holds a token, and has a second call with an answer on its
/// way.
fn simulation(setup: &Setup) -> Simulation<'_, Session> {
    let mut simulation = Simulation::new(setup, Transcript::default());
    for (login, call) in [(0, 2), (1, 3)] {
        for step in [Move::Arrive(login), Move::Serve(login), Move::Deliver(login)] {
            simulation.perform(step).unwrap();
        }
        for step in [Move::Arrive(call), Move::Serve(call)] {
            simulation.perform(step).unwrap();
        }
    }
    simulation
}

type Change = fn(&mut Simulation<'_, Session>);

/// If the digest left out a part of the simulation, the search would merge different states, and
/// miss what follows from one of them.
#[test]
fn the_digest_covers_every_part_of_a_simulation() {
    let changes: &[(&str, Change)] = &[
        ("the true time", |simulation| simulation.clocks.pass(Duration::from_secs(1))),
        ("the wall clock", |simulation| simulation.clocks.suspend(Duration::from_secs(1))),
        ("the server's faults", |simulation| {
            simulation.server.push_fault(Fault::call(Answer::Unauthorized));
        }),
        ("the server's tokens", |simulation| simulation.server.expire_all()),
        ("the revoked keys", |simulation| simulation.key_revoked = true),
        ("the second machine", |simulation| {
            let now = simulation.clocks.now();
            Machine::reset(&mut simulation.machines[1], credentials(1), now);
        }),
        ("the second key pair", |simulation| simulation.pairs[1] = 1),
        ("the first observer", |simulation| simulation.watches[0].epoch += 1),
        ("the second observer", |simulation| simulation.watches[1].failures += 1),
        ("a call's state", |simulation| simulation.slots[2].state = State::Done),
        ("a call's history", |simulation| simulation.slots[3].caller.attempts += 1),
        ("an answer's status", |simulation| {
            *answer(simulation).response.status_mut() = StatusCode::NOT_FOUND;
        }),
        ("an answer's headers", |simulation| {
            answer(simulation)
                .response
                .headers_mut()
                .insert(AUTHORIZATION, HeaderValue::from_static("x"));
        }),
        ("an answer's origin", |simulation| answer(simulation).own_origin = false),
        ("an answer's token", |simulation| answer(simulation).token = None),
        ("what processes share", |simulation| {
            simulation.perform(Move::InjectedFault(InjectedFault::SharedToken, 0, 0)).unwrap();
        }),
        ("the budget", |simulation| simulation.budget -= 1),
        ("what went wrong", |simulation| simulation.undisturbed = false),
        ("how many calls came in", |simulation| simulation.came_in += 1),
    ];
    let setup = setup();
    let before = simulation(&setup).digest();
    assert_eq!(simulation(&setup).digest(), before);
    for (part, change) in changes {
        let mut simulation = simulation(&setup);
        let (budget, undisturbed) = (simulation.budget, simulation.undisturbed);
        change(&mut simulation);
        if *part == "what processes share" {
            (simulation.budget, simulation.undisturbed) = (budget, undisturbed);
        }
        assert_ne!(simulation.digest(), before, "the digest leaves out {part}");
    }
}

fn answer<'a>(simulation: &'a mut Simulation<'_, Session>) -> &'a mut slot::Answer {
    simulation.slots[3].state.answer_mut().unwrap()
}

/// The number of ways of each fault, in a long run.
const WAYS: &[(InjectedFault, usize)] = &[
    (InjectedFault::Expiry, 2),
    (InjectedFault::RevokedToken, 1),
    (InjectedFault::RevokedKey, 1),
    (InjectedFault::LoginUnavailable, 4),
    (InjectedFault::CutConnection, 1),
    (InjectedFault::CancelledCall, 2),
    (InjectedFault::AbandonedLogin, 1),
    (InjectedFault::Suspend, 1),
    (InjectedFault::ClockStep, 2),
    (InjectedFault::Reset, 2),
    (InjectedFault::Invalidate, 1),
    (InjectedFault::Duplicate, 1),
    (InjectedFault::RouteRefuses, 1),
    (InjectedFault::ErrorAnswer, 1),
    (InjectedFault::ForeignAnswer, 2),
    (InjectedFault::MalformedRenewal, 2),
    (InjectedFault::SharedToken, 2),
    (InjectedFault::Delay, 6),
    (InjectedFault::BrokenUpload, 1),
    (InjectedFault::StaleRenewal, 1),
];

/// Each way of each fault has its own effect. To show that, the state is compared with the state of
/// the other ways, of no step, and of a plain answer.
#[test]
fn every_fault_strikes_in_each_of_its_ways() {
    let setup = setup();
    let mut left: BTreeSet<(usize, usize)> =
        (0..WAYS.len()).flat_map(|fault| (0..WAYS[fault].1).map(move |way| (fault, way))).collect();
    for seed in 0..200 {
        let mut choices = Choices::seeded(seed);
        let mut simulation = Simulation::new(&setup, Transcript::default());
        for steps in (3..=90).step_by(3) {
            walk(&mut simulation, &mut choices, 3);
            let trail = Trail(choices.taken().to_vec());
            let moves: Vec<Move> = simulation.moves().into_iter().map(|(step, _)| step).collect();
            let after = |step| after(&setup, &trail, steps, step);
            for (index, (fault, _)) in WAYS.iter().enumerate() {
                if left.iter().any(|(unseen, _)| *unseen == index) {
                    let effective = effective_ways(*fault, &moves, after);
                    left.retain(|(unseen, way)| *unseen != index || !effective.contains(way));
                }
            }
        }
        if left.is_empty() {
            break;
        }
    }
    let left: Vec<_> = left.iter().map(|(fault, way)| (WAYS[*fault].0, way)).collect();
    assert!(left.is_empty(), "these strike nobody: {left:?}");
    let listed: Vec<InjectedFault> = WAYS.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(listed, InjectedFault::ALL);
}

/// The ways of a fault whose state differs from the states of the other ways at the same place, of
/// no step, and of a plain answer. `after` returns the state after a step.
fn effective_ways(
    of: InjectedFault,
    moves: &[Move],
    after: impl Fn(Option<Move>) -> u64,
) -> BTreeSet<usize> {
    let mut struck: BTreeMap<usize, Vec<(usize, u64)>> = BTreeMap::new();
    for step in moves {
        if let Move::InjectedFault(fault, target, way) = *step
            && fault == of
        {
            struck.entry(target).or_default().push((way, after(Some(*step))));
        }
    }
    let mut effective = BTreeSet::new();
    for (target, ways) in struck {
        let served = moves.contains(&Move::Serve(target)).then(|| after(Some(Move::Serve(target))));
        let others = [Some(after(None)), served];
        let is_alone = |digest| ways.iter().filter(|(_, other)| *other == digest).count() == 1;
        let is_effective =
            |(way, digest)| (is_alone(digest) && !others.contains(&Some(digest))).then_some(way);
        effective.extend(ways.iter().copied().filter_map(is_effective));
    }
    effective
}

/// Performs this number of steps, as the choices pick.
fn walk(simulation: &mut Simulation<'_, Session>, choices: &mut Choices, steps: usize) {
    for _ in 0..steps {
        simulation.come_again();
        let moves = simulation.moves();
        let weights: Vec<u32> = moves.iter().map(|(_, weight)| *weight).collect();
        simulation.perform(moves[choices.pick(&weights)].0).unwrap();
    }
}

/// The state after these steps and one more, without the parts that every fault changes.
fn after(setup: &Setup, trail: &Trail, steps: usize, step: Option<Move>) -> u64 {
    let mut simulation = Simulation::new(setup, Transcript::default());
    walk(&mut simulation, &mut Choices::replay(trail.0.clone()), steps);
    if let Some(step) = step {
        simulation.perform(step).unwrap();
    }
    (simulation.budget, simulation.undisturbed) = (0, false);
    simulation.digest()
}

/// A machine that makes every call ask again at once.
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
    fn digest(&self) -> u64 {
        0
    }
    fn say(&self, _: Now) -> String {
        String::new()
    }
}

/// A machine that fulfils the other clauses cannot run in a circle. So only this clause judges the
/// machine.
#[test]
fn a_run_in_a_circle_is_seen() {
    let invariant = INVARIANTS.iter().find(|invariant| invariant.name == "everyone-ends").unwrap();
    let circle = invariant.clauses.iter().position(|clause| clause.name == "circle").unwrap();
    let invariants = [Invariant { clauses: &invariant.clauses[circle..=circle], ..*invariant }];
    let setup = Setup::calls(2, Rotation::Lenient);
    let mut choices = Choices::exhaustive(Odometer::default());
    let found = loop {
        let mut simulation = Simulation::<Busy>::new(&setup, Transcript::default());
        simulation.invariants = &invariants;
        match simulation.run(&mut choices) {
            Ok(()) => assert!(choices.advance(), "no run comes back to where it was"),
            Err(found) => break found,
        }
    };
    assert_eq!(found.path(), "everyone-ends/circle");
}
