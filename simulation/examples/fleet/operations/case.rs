//! One operation under several loads, and its goal.

use std::time::Duration;

use fastrand::Rng;
use waldo_simulation::machine::Machine;

use super::goal::Goal;
use super::load::{Load, Mix};
use super::record::Record;
use super::run::Run;
use super::simulation::Simulation;
use crate::site;

/// Cases that have a goal in common.
pub(crate) struct Section {
    /// The goal, in words.
    pub(super) goal: &'static str,
    pub(super) cases: Vec<Case>,
}

/// One operation under several loads, and its goal.
pub(crate) struct Case {
    pub(super) name: &'static str,
    pub(super) goal: Goal,
    pub(super) scenes: Vec<Scene>,
    /// The mixes with which the goal is known to be missed.
    pub(super) missed: &'static [Mix],
}

/// One simulation under one load, so many times.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) simulation: Simulation,
    pub(super) load: Load,
    pub(super) runs: usize,
}

/// One run that is to be made.
pub(super) struct Trial<'a> {
    simulation: &'a Simulation,
    load: Load,
    mix: Mix,
    /// The goal compares the run with one that drops no token.
    is_compared: bool,
    seed: u64,
}

/// What came of one run.
pub(super) struct Outcome<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) load: Load,
    pub(super) record: Record,
    /// The same run, had no 401 led to a login.
    pub(super) kept: Record,
}

impl Case {
    /// The runs with one mix.
    pub(super) fn trials(&self, mix: Mix, seeds: &mut Rng) -> Vec<Trial<'_>> {
        let is_compared = self.goal.is_compared();
        let mut trials = Vec::new();
        for Scene { simulation, load, runs } in &self.scenes {
            let trial =
                |_| Trial { simulation, load: *load, mix, is_compared, seed: seeds.u64(..) };
            trials.extend((0..*runs).map(trial));
        }
        trials
    }
}

impl<'a> Trial<'a> {
    /// Makes the run, and the one to compare it with.
    pub(super) fn run<M: Machine>(&self) -> Outcome<'a> {
        let run = |config| {
            Run::<M>::record(
                config,
                self.simulation,
                self.load,
                self.mix,
                Rng::with_seed(self.seed),
            )
        };
        let record = run(site::config(|defaults| defaults.jitter_seed(self.seed)));
        let kept = if self.is_compared {
            let every = Duration::from_secs(30);
            run(site::config(|defaults| {
                defaults.jitter_seed(self.seed).invalidation_budget(0, every)
            }))
        } else {
            Record::default()
        };
        Outcome { simulation: self.simulation, load: self.load, record, kept }
    }
}
