//! A simulation of clients, a server, their network and their clocks. Events may happen in any
//! order.
//!
//! A simulation takes every decision from one [`Choices`]: who acts next, which answer arrives
//! first, which fault strikes. It owns all clocks. After each step, the
//! [invariants](crate::invariants) judge the visible behaviour of the clients.

mod ending;
mod faults;
mod moves;
mod site;
mod slot;
#[cfg(test)]
mod tests;
mod traffic;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use waldo_auth_core::Snapshot;

use crate::choices::{Choices, Odometer};
use crate::invariants::{self, INVARIANTS, Invariant, Scene, Violation};
use crate::machine::Machine;
use crate::setup::Setup;
use crate::transcript::Transcript;
use crate::watch::{Sight, Tokens, Watch, What};
use waldo_test_driver::clocks::Clocks;
use waldo_test_driver::server::{RenewalForm, Server, Servers};

use self::moves::Move;
pub(crate) use self::site::KEYS;
use self::site::config;
use self::slot::{Slot, State};

/// The largest number of steps of a run. No valid run takes as many steps.
const LONGEST: u64 = 10_000;

/// One run.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the run")]
pub(crate) struct Simulation<'a, M: Machine> {
    setup: &'a Setup,
    /// The invariants that judge the run.
    invariants: &'a [Invariant],
    clocks: Clocks,
    server: Server,
    key_revoked: bool,
    machines: Vec<M>,
    /// The key pair of each machine, as an index.
    pairs: Vec<usize>,
    watches: Vec<Watch>,
    slots: Vec<Slot<M>>,
    /// The snapshot that the processes share.
    stored: Option<Snapshot>,
    tokens: Tokens,
    came_in: u64,
    /// How many faults may still strike.
    budget: u32,
    undisturbed: bool,
    /// No new call comes in, and no fault strikes any more.
    draining: bool,
    steps: u64,
    /// Whether the run repeats an earlier run at this step, so that the step is not judged again.
    retracing: bool,
    transcript: Transcript,
}

impl<'a, M: Machine> Simulation<'a, M> {
    pub(crate) fn new(setup: &'a Setup, transcript: Transcript) -> Self {
        let machines: Vec<M> =
            (0..setup.processes.max(1)).map(|process| M::begin(config(process as u64))).collect();
        Self {
            invariants: INVARIANTS,
            clocks: Clocks::default(),
            server: KEYS.iter().fold(Server::new(setup.policy.clone()), |server, (key, secret)| {
                server.with_key(key, secret)
            }),
            key_revoked: false,
            pairs: vec![0; machines.len()],
            watches: machines.iter().map(|_| Watch::default()).collect(),
            machines,
            slots: setup.calls.iter().copied().map(Slot::away).collect(),
            stored: None,
            tokens: Tokens::default(),
            came_in: 0,
            budget: setup.budget,
            // These policies count as a fault. No client takes a token in a doubled header, but the
            // server may retire the old token for it. A server that does not know a token yet, or
            // has another key, refuses a good token.
            undisturbed: setup.policy.renewal != RenewalForm::Doubled
                && setup.policy.known_after.is_zero()
                && setup.policy.servers == Servers::Alike,
            draining: false,
            steps: 0,
            retracing: false,
            transcript,
            setup,
        }
    }

    pub(crate) fn into_transcript(self) -> Transcript {
        self.transcript
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clocks.elapsed()
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Runs all steps that the choices pick, until the end, or until a state whose continuations
    /// are known.
    pub(crate) fn run(&mut self, choices: &mut Choices) -> Result<(), Violation> {
        let endless = self.setup.steps > 0;
        loop {
            self.draining = endless && (self.steps >= self.setup.steps || choices.is_spent());
            if endless && !self.draining {
                self.come_again();
            }
            let moves = self.moves();
            if moves.is_empty() {
                break;
            }
            self.retracing = choices.is_retracing();
            if moves.len() > 1 && !choices.is_new(|| self.digest()) {
                if choices.odometer().is_some_and(Odometer::has_run_in_a_circle) {
                    self.see(0, What::Circles)?;
                }
                return Ok(());
            }
            let weights: Vec<u32> = moves.iter().map(|(_, weight)| *weight).collect();
            let picked = choices.pick(&weights);
            if let Some((step, _)) = moves.get(picked) {
                self.perform(*step)?;
            }
            self.steps += 1;
            if self.steps > self.setup.steps + LONGEST {
                break;
            }
        }
        self.retracing = false;
        self.end()
    }

    /// The hash of all state that decides what can happen next.
    fn digest(&self) -> u64 {
        let mut state = DefaultHasher::new();
        (&self.clocks, &self.server, self.key_revoked, &self.pairs).hash(&mut state);
        self.machines.iter().for_each(|machine| machine.digest().hash(&mut state));
        (&self.watches, &self.slots).hash(&mut state);
        (self.stored.as_ref().map(Snapshot::to_json), self.budget, self.undisturbed, self.came_in)
            .hash(&mut state);
        state.finish()
    }

    fn come_again(&mut self) {
        // Remove ended slots after the slots of the setup, because a login used them.
        let mut index = 0;
        self.slots.retain(|slot| {
            index += 1;
            index <= self.setup.calls.len() || slot.state.is_under_way()
        });
        for slot in self.slots.iter_mut().take(self.setup.calls.len()) {
            if matches!(slot.state, State::Done) {
                slot.state = State::Away;
            }
        }
    }

    fn perform(&mut self, step: Move) -> Result<(), Violation> {
        match step {
            Move::Deliver(index) => self.deliver(index),
            Move::Serve(index) => {
                self.serve(index);
                Ok(())
            }
            Move::Arrive(index) => self.arrive(index),
            Move::Admit(index) => self.ask(index),
            Move::Leave(index) => self.leave(index),
            Move::Pass => {
                self.pass();
                Ok(())
            }
            Move::RestoreKey => {
                self.restore_key();
                Ok(())
            }
            Move::InjectedFault(fault, target, way) => {
                self.budget -= 1;
                self.undisturbed = false;
                self.fault(fault, target, way)
            }
        }
    }

    /// The invariants judge a sight, and then the observer takes it in.
    fn see(&mut self, process: usize, what: What) -> Result<(), Violation> {
        let sight = Sight { now: self.clocks.now(), what };
        let Some(watch) = self.watches.get_mut(process) else { return Ok(()) };
        if !self.retracing {
            let scene = Scene { watch, tokens: &self.tokens, undisturbed: self.undisturbed };
            invariants::judge(self.invariants, &scene, &sight)?;
        }
        watch.take_in(&sight, &self.tokens);
        Ok(())
    }

    /// A call is about to be admitted. If its request goes to another origin, the call asks for no
    /// token, so the observer notices nothing.
    fn notice(&mut self, index: usize) {
        let now = self.clocks.now();
        let asks = self.slots.get(index).filter(|slot| !slot.kind.abroad);
        if let Some(watch) = asks.and_then(|slot| self.watches.get_mut(slot.kind.process)) {
            watch.notice(now);
        }
    }

    fn put(&mut self, index: usize, state: State<M>) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.state = state;
        }
    }

    fn tokens_issued(&self) -> bool {
        self.tokens.texts().next().is_some()
    }

    fn record(&mut self, who: &dyn std::fmt::Display, what: impl FnOnce() -> String) {
        self.transcript.record(self.clocks.elapsed(), who, what);
    }
}
