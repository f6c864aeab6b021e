//! A fleet in virtual time: its processes, its store, its server, and what can happen next.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::defect::Defect;
use super::driver::{Around, Op, Process, START, Slot, State};
use super::laws;
use super::setup::{Fault, Setup};
use super::site::{Site, digest};
use super::store::VirtualStore;
use super::watch::{DELAY, Sight, Watch, What};
use crate::invariants::Violation;
use crate::transcript::Transcript;
use waldo_test_driver::server::Server;

/// All parts of a run.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    setup: &'a Setup,
    pub(super) processes: Vec<Process>,
    /// How often each process has been killed.
    lives: Vec<u32>,
    pub(super) store: VirtualStore,
    pub(super) site: Site,
    pub(super) watch: Watch,
    pub(super) elapsed: Duration,
    pub(super) budget: u32,
    pub(super) transcript: Transcript,
    sights: Vec<Sight>,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// A process makes a step, which a fault may disturb.
    Step { process: usize, slot: usize, fault: Option<Fault> },
    /// A fault strikes a process, the store or the server.
    Strike(Fault, usize),
    /// Time passes until the first wait ends.
    Pass,
    /// The server accepts the key pair again.
    AcceptAgain,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(setup: &'a Setup, transcript: Transcript) -> Self {
        let slots = || {
            let slot =
                || Slot { left: setup.in_turn, state: State::Away, is_to_closed_route: false };
            (0..setup.at_once).map(|_| slot()).collect()
        };
        let start = |index| Process::start(index, 0, slots(), setup.has_store, setup.defect);
        let mut store = VirtualStore::new(setup.is_away, setup.defect);
        if setup.defect == Some(Defect::StorePlants) {
            let mut site = Site::foreign(setup, Server::KEY_SECRET);
            if let Some(written) = Process::plants(&mut site, Server::KEY_SECRET, START) {
                store.put(written);
            }
        }
        Self {
            setup,
            processes: (0..setup.processes).map(start).collect(),
            lives: vec![0; setup.processes],
            store,
            site: Site::new(setup),
            watch: Watch::new(setup),
            elapsed: Duration::ZERO,
            budget: setup.budget,
            transcript,
            sights: Vec::new(),
        }
    }

    /// The hash of all that decides what can happen next.
    pub(super) fn digest(&self) -> u64 {
        let mut state = DefaultHasher::new();
        (self.elapsed, self.budget, &self.lives).hash(&mut state);
        (self.store.meaning(), self.site.digest(), &self.watch).hash(&mut state);
        for process in &self.processes {
            process.history.hash(&mut state);
            process.left().for_each(|left| left.hash(&mut state));
        }
        state.finish()
    }

    /// All that can happen next. The first move is a step of the first process.
    pub(super) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut faults = Vec::new();
        let mut waits = false;
        let mut is_under_way = false;
        let may_strike = |fault: Fault| self.budget > 0 && self.setup.faults.contains(&fault);
        for (process, of) in self.processes.iter().enumerate() {
            let mut is_alive = false;
            for (slot, place) in of.slots.iter().enumerate() {
                let step = |fault| Move::Step { process, slot, fault };
                let disturbs: &[Fault] = match &place.state {
                    State::Done => continue,
                    State::Lost => {
                        is_under_way = true;
                        continue;
                    }
                    State::Waiting(..) | State::Pausing(..) => {
                        is_alive = true;
                        if of.until(slot).is_some_and(|until| until > self.elapsed) {
                            waits = true;
                            continue;
                        }
                        &[]
                    }
                    State::Asking(_, Op::Read) | State::Telling(_, Op::Read, _) => {
                        &[Fault::ReadFails]
                    }
                    State::Asking(..) | State::Telling(..) => {
                        &[Fault::ReplaceFails, Fault::AnswerLost]
                    }
                    State::LoginSent(..) => &[Fault::Unavailable, Fault::LoginCut],
                    State::Away
                    | State::Ready(_)
                    | State::LoginHandled(..)
                    | State::CallSent(..)
                    | State::CallHandled(..) => &[],
                };
                is_alive |= !matches!(place.state, State::Away);
                moves.push(step(None));
                let disturbs = disturbs.iter().filter(|fault| may_strike(**fault));
                faults.extend(disturbs.map(|fault| step(Some(*fault))));
            }
            is_under_way |= is_alive;
            if is_alive && may_strike(Fault::Killed) {
                faults.push(Move::Strike(Fault::Killed, process));
            }
        }
        if moves.is_empty() && waits {
            moves.push(Move::Pass);
        }
        if self.site.is_rejecting() {
            moves.push(Move::AcceptAgain);
        }
        if is_under_way || !moves.is_empty() {
            let has_effect = |fault: &Fault| match fault {
                Fault::DocumentLost
                | Fault::Truncated
                | Fault::Garbled
                | Fault::ClockAhead
                | Fault::ClockBack => !self.store.is_empty(),
                Fault::Replayed => self.store.has_an_earlier(),
                Fault::OtherSecret | Fault::Delay => true,
                Fault::Revoked | Fault::NewSigningKey => self.watch.granted > 0,
                Fault::KeyRejected => !self.site.is_rejecting(),
                Fault::Killed
                | Fault::ReadFails
                | Fault::ReplaceFails
                | Fault::AnswerLost
                | Fault::Unavailable
                | Fault::LoginCut => false,
            };
            let strikes =
                self.setup.faults.iter().filter(|fault| may_strike(**fault) && has_effect(fault));
            faults.extend(strikes.map(|fault| Move::Strike(*fault, 0)));
        }
        moves.extend(faults);
        moves
    }

    pub(super) fn perform(&mut self, next: Move) -> Result<(), Violation> {
        match next {
            Move::Step { process, slot, fault } => {
                if let Some(fault) = fault {
                    self.spend(fault);
                }
                self.step(process, slot, fault)
            }
            Move::Strike(fault, process) => {
                self.spend(fault);
                self.strike(fault, process);
                Ok(())
            }
            Move::Pass => {
                let waits = self.processes.iter().flat_map(|process| {
                    (0..process.slots.len()).filter_map(|slot| process.until(slot))
                });
                if let Some(until) = waits.min() {
                    self.elapsed = self.elapsed.max(until);
                }
                Ok(())
            }
            Move::AcceptAgain => {
                self.site.accept_again();
                self.tell("the server accepts the key pair again");
                Ok(())
            }
        }
    }

    fn spend(&mut self, fault: Fault) {
        self.budget = self.budget.saturating_sub(1);
        self.watch.suffer(fault, self.elapsed);
    }

    fn tell(&mut self, what: &str) {
        self.transcript.record(self.elapsed, &"", || what.to_owned());
    }

    /// Makes a step of a process, and judges all that it showed.
    pub(super) fn step(
        &mut self,
        process: usize,
        slot: usize,
        fault: Option<Fault>,
    ) -> Result<(), Violation> {
        let Some(of) = self.processes.get_mut(process) else { return Ok(()) };
        let mut around = Around {
            store: &mut self.store,
            site: &mut self.site,
            elapsed: self.elapsed,
            sights: &mut self.sights,
            transcript: &mut self.transcript,
            process,
            slot,
        };
        of.step(fault, &mut around);
        let mut sights = std::mem::take(&mut self.sights);
        for sight in &sights {
            laws::judge(&self.watch, sight)?;
            self.watch.take_in(sight);
        }
        sights.clear();
        self.sights = sights;
        Ok(())
    }

    /// Judges a sight that is of no step.
    pub(super) fn see(&mut self, process: usize, what: What) -> Result<(), Violation> {
        laws::judge(&self.watch, &Sight { process, slot: 0, at: self.elapsed, what })
    }

    /// A fault strikes.
    pub(super) fn strike(&mut self, fault: Fault, process: usize) {
        self.transcript.record(self.elapsed, &"", || format!("{fault:?}"));
        self.store.suffer(fault);
        self.site.suffer(fault);
        match fault {
            Fault::OtherSecret => {
                let secret = "ws.another";
                let mut site = Site::foreign(self.setup, secret);
                if let Some(written) = Process::plants(&mut site, secret, START) {
                    self.store.put(written);
                }
            }
            Fault::Delay => self.elapsed += DELAY,
            Fault::Killed => self.restart(process),
            _ => {}
        }
    }

    /// Kills a process. It starts again, and makes the calls that have not come in.
    pub(super) fn restart(&mut self, process: usize) {
        self.watch.bury(process);
        let (Some(of), Some(life)) = (self.processes.get_mut(process), self.lives.get_mut(process))
        else {
            return;
        };
        *life += 1;
        let slots = std::mem::take(&mut of.slots);
        let next = |slot: Slot| Slot {
            state: if slot.left > 0 { State::Away } else { State::Done },
            ..slot
        };
        let slots = slots.into_iter().map(next).collect();
        let history = of.history;
        *of = Process::start(process, *life, slots, self.setup.has_store, self.setup.defect);
        of.history = digest(&(history, "killed"));
    }
}
