//! Large fleets by chance: every latency, pause and fault comes from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::driver::{Op, Process, State};
use super::setup::{Fault, Setup};
use super::watch::What;
use super::world::Fleet;
use crate::invariants::Violation;
use crate::transcript::Transcript;

/// When the processes of a fleet make their calls.
#[derive(Clone, Copy, Debug)]
pub enum Traffic {
    /// All processes start within this time. Each rests between its calls, for half of `rest` to
    /// one and a half.
    Busy {
        /// The time in which the processes start.
        within: Duration,
        /// The mean rest between two calls.
        rest: Duration,
    },
    /// One process after the other starts, makes its calls, and ends.
    ShortRuns {
        /// The time between two starts.
        every: Duration,
    },
}

/// A fault at a certain time.
#[derive(Clone, Copy, Debug)]
pub struct Strike {
    /// The time since the start of the run.
    pub at: Duration,
    /// The fault.
    pub fault: Fault,
    /// The process that it strikes, if it strikes one.
    pub process: usize,
}

/// A fleet, its traffic and its faults. The seed decides everything else.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// The processes, the server, and the defects. The budget of faults does not count.
    pub setup: Setup,
    /// When the calls come in.
    pub traffic: Traffic,
    /// No call comes in later.
    pub time: Duration,
    /// The faults, in any order.
    pub strikes: Vec<Strike>,
    /// Of so many operations of the store, one fails; 0 for none.
    pub one_fails_in: u32,
    /// Whether every call goes to a route that always answers 401.
    pub is_to_closed_route: bool,
    /// Counting begins at this time.
    pub count_from: Duration,
    /// The seed of all chances.
    pub seed: u64,
}

/// What a run has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Logins with any result, counted from [`Crowd::count_from`].
    pub logins: u64,
    /// Calls that have ended.
    pub calls: u64,
    /// Calls without a success.
    pub lost: u64,
    /// Operations of the store.
    pub operations: u64,
    /// How often a process stopped sharing.
    pub private: u64,
    /// The steps of all processes.
    pub steps: u64,
}

type Due = Reverse<(Duration, u64, usize, usize)>;

struct Clockwork<'a> {
    crowd: &'a Crowd,
    fleet: Fleet<'a>,
    dice: fastrand::Rng,
    due: BinaryHeap<Due>,
    /// The number of the newest event of each slot. Older events count no more.
    newest: Vec<Vec<u64>>,
    events: u64,
}

impl Crowd {
    /// A fleet of processes that start within a second, and call about once a minute for an hour.
    pub fn new(setup: Setup, seed: u64) -> Self {
        let (within, rest) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            setup,
            traffic: Traffic::Busy { within, rest },
            time: Duration::from_secs(60 * 60),
            strikes: Vec::new(),
            one_fails_in: 0,
            is_to_closed_route: false,
            count_from: Duration::ZERO,
            seed,
        }
    }

    /// A fleet of up to `most` processes for up to three hours, in which the store fails in every
    /// way, processes die, leases expire and tokens are revoked.
    pub fn drawn(most: usize, seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let processes = 1 + dice.usize(..most.max(1));
        let time = Duration::from_secs(dice.u64(60..3 * 60 * 60));
        let mut kinds = Fault::STORE.to_vec();
        kinds.extend([Fault::Killed, Fault::Delay, Fault::Revoked]);
        let strikes = (0..dice.usize(..12))
            .map(|_| Strike {
                at: Duration::from_millis(dice.u64(..u64::try_from(time.as_millis()).unwrap_or(1))),
                fault: kinds.get(dice.usize(..kinds.len())).copied().unwrap_or(Fault::Killed),
                process: dice.usize(..processes),
            })
            .collect();
        // So many calls in all, whatever the size of the fleet.
        let rest = Duration::from_secs((time.as_secs() * processes as u64 / 30_000).max(1));
        // A fleet that rests for an hour logs in again.
        let rest = rest.mul_f64(1.0 + dice.f64() * 20.0).min(Duration::from_secs(25 * 60));
        Self {
            setup: Setup { at_once: 1 + dice.usize(..2), ..Setup::cold(processes) },
            traffic: Traffic::Busy { within: Duration::from_secs(dice.u64(..30)), rest },
            time,
            strikes,
            one_fails_in: [0, 0, 100, 3].get(dice.usize(..4)).copied().unwrap_or_default(),
            is_to_closed_route: false,
            count_from: Duration::ZERO,
            seed,
        }
    }

    /// Makes the run.
    ///
    /// # Errors
    /// The law that the run breaks.
    pub fn run(&self) -> Result<Outcome, Violation> {
        self.run_with(Transcript::default()).0
    }

    /// Makes the run, and returns its transcript too.
    pub fn tell(&self) -> (Result<Outcome, Violation>, Transcript) {
        self.run_with(Transcript::kept())
    }

    fn run_with(&self, transcript: Transcript) -> (Result<Outcome, Violation>, Transcript) {
        let setup = &self.setup;
        let mut clockwork = Clockwork {
            crowd: self,
            fleet: Fleet::new(setup, transcript),
            dice: fastrand::Rng::with_seed(self.seed),
            due: BinaryHeap::new(),
            newest: vec![vec![0; setup.at_once]; setup.processes],
            events: 0,
        };
        let result = clockwork.run();
        (result, clockwork.fleet.transcript)
    }
}

impl Clockwork<'_> {
    fn run(&mut self) -> Result<Outcome, Violation> {
        let crowd = self.crowd;
        let is_counted = crowd.setup.chain_limit.is_none() && !crowd.is_to_closed_route;
        if !is_counted {
            self.fleet.watch.may_be_granted = u64::MAX;
        }
        self.fleet.watch.server_failed =
            crowd.is_to_closed_route || crowd.setup.chain_limit.is_some();
        for (process, of) in self.fleet.processes.iter_mut().enumerate() {
            for (slot, place) in of.slots.iter_mut().enumerate() {
                place.is_to_closed_route = crowd.is_to_closed_route;
                let at = match crowd.traffic {
                    Traffic::Busy { within, .. } => {
                        place.left = u32::MAX;
                        within.mul_f64(self.dice.f64())
                    }
                    Traffic::ShortRuns { every } => {
                        every.saturating_mul(u32::try_from(process).unwrap_or(u32::MAX))
                    }
                };
                self.events += 1;
                self.due.push(Reverse((at, self.events, process, slot)));
                if let Some(newest) = self.newest.get_mut(process).and_then(|of| of.get_mut(slot)) {
                    *newest = self.events;
                }
            }
        }
        let mut strikes = crowd.strikes.clone();
        strikes.sort_by_key(|strike| strike.at);
        let mut strikes = strikes.into_iter().peekable();
        let (mut outcome, mut counted) = (Outcome::default(), None);
        while let Some(Reverse((at, event, process, slot))) = self.due.pop() {
            if self.newest.get(process).and_then(|of| of.get(slot)) != Some(&event) {
                continue;
            }
            while let Some(strike) = strikes.next_if(|strike| strike.at <= at) {
                self.fleet.elapsed = self.fleet.elapsed.max(strike.at);
                self.strike(strike);
            }
            self.fleet.elapsed = self.fleet.elapsed.max(at);
            if self.fleet.elapsed >= crowd.count_from && counted.is_none() {
                counted = Some((self.fleet.site.logins(), self.fleet.store.operations));
            }
            if self.newest.get(process).and_then(|of| of.get(slot)) != Some(&event) {
                continue;
            }
            let fault = self.fault_at(process, slot);
            if let Some(fault) = fault {
                self.fleet.watch.suffer(fault, self.fleet.elapsed);
            }
            self.fleet.step(process, slot, fault)?;
            outcome.steps += 1;
            self.schedule(process, slot);
        }
        if let Some(process) = self.fleet.processes.iter().position(|process| !process.rests()) {
            self.fleet.see(process, What::Stuck)?;
        }
        let (logins, operations) = counted.unwrap_or_default();
        outcome.logins = self.fleet.site.logins() - logins;
        outcome.operations = self.fleet.store.operations - operations;
        (outcome.calls, outcome.lost) = (self.fleet.watch.ended, self.fleet.watch.lost);
        outcome.private = self.fleet.watch.private;
        Ok(outcome)
    }

    fn strike(&mut self, strike: Strike) {
        let Strike { fault, process, .. } = strike;
        match fault {
            // These disturb a step: the next one that they can disturb is by chance.
            Fault::ReadFails
            | Fault::ReplaceFails
            | Fault::AnswerLost
            | Fault::Unavailable
            | Fault::LoginCut => {}
            _ => {
                self.fleet.watch.suffer(fault, self.fleet.elapsed);
                self.fleet.strike(fault, process);
            }
        }
        if fault == Fault::Killed {
            for slot in 0..self.crowd.setup.at_once {
                let place =
                    self.fleet.processes.get_mut(process).and_then(|of| of.slots.get_mut(slot));
                if let Some(place) = place {
                    place.is_to_closed_route = self.crowd.is_to_closed_route;
                }
                self.push(process, slot, self.fleet.elapsed);
            }
        }
    }

    /// The fault of an operation of the store, by chance.
    fn fault_at(&mut self, process: usize, slot: usize) -> Option<Fault> {
        let state = &self.fleet.processes.get(process)?.slots.get(slot)?.state;
        let faults: &[Fault] = match state {
            State::Asking(_, Op::Read) | State::Telling(_, Op::Read, _) => &[Fault::ReadFails],
            State::Asking(..) | State::Telling(..) => &[Fault::ReplaceFails, Fault::AnswerLost],
            _ => return None,
        };
        if self.crowd.one_fails_in == 0 || self.dice.u32(..self.crowd.one_fails_in) > 0 {
            return None;
        }
        faults.get(self.dice.usize(..faults.len())).copied()
    }

    /// Says when the slots of a process go on, after one of them has made a step.
    fn schedule(&mut self, process: usize, stepped: usize) {
        for slot in 0..self.crowd.setup.at_once {
            let Some(place) = self.fleet.processes.get(process).and_then(|of| of.slots.get(slot))
            else {
                return;
            };
            let millis = |range: std::ops::Range<u64>, dice: &mut fastrand::Rng| {
                Duration::from_micros(dice.u64(range.start * 1000..range.end * 1000))
            };
            let dice = &mut self.dice;
            let after = match &place.state {
                // The step has woken this call.
                State::Ready(_) => Duration::ZERO,
                _ if slot != stepped => continue,
                State::Away => match self.crowd.traffic {
                    Traffic::Busy { rest, .. } => rest.mul_f64(0.5 + dice.f64()),
                    Traffic::ShortRuns { .. } => Duration::ZERO,
                },
                State::Waiting(..) | State::Pausing(..) => {
                    let until = self.fleet.processes.get(process).and_then(|of| of.until(slot));
                    until.unwrap_or_default().saturating_sub(self.fleet.elapsed)
                }
                State::Asking(..) | State::Telling(..) => millis(1..5, dice),
                State::LoginSent(..) | State::LoginHandled(..) => millis(25..250, dice),
                State::CallSent(..) | State::CallHandled(..) => millis(5..50, dice),
                State::Done | State::Lost => continue,
            };
            let at = self.fleet.elapsed.saturating_add(after);
            let is_over = matches!(place.state, State::Away) && at >= self.crowd.time;
            if !is_over {
                self.push(process, slot, at);
            }
        }
    }

    fn push(&mut self, process: usize, slot: usize, at: Duration) {
        self.events += 1;
        self.due.push(Reverse((at, self.events, process, slot)));
        if let Some(newest) = self.newest.get_mut(process).and_then(|of| of.get_mut(slot)) {
            *newest = self.events;
        }
    }
}

impl Process {
    /// Whether no call is under way.
    fn rests(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot.state, State::Away | State::Done))
    }
}
