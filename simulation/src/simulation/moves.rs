//! The next steps that are possible.

use std::time::Duration;

use super::Simulation;
use super::slot::State;
use crate::machine::Machine;
use crate::setup::InjectedFault;

/// One step of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The answer to this call's request arrives.
    Deliver(usize),
    /// The server handles this call's request.
    Serve(usize),
    /// This call is admitted.
    Admit(usize),
    /// This call is admitted again at its deadline, and its login goes on.
    Leave(usize),
    /// This call comes in.
    Arrive(usize),
    /// Time passes until the next wait of a call ends.
    Pass,
    /// The key is activated again.
    RestoreKey,
    /// A fault strikes this target, in this one of its ways.
    InjectedFault(InjectedFault, usize, usize),
}

/// The delays of a long run. They cover all limits: a tick, a leeway, a lease, a lifetime.
pub(super) const DELAYS: [Duration; 6] = [
    Duration::from_millis(700),
    Duration::from_secs(3),
    Duration::from_secs(31),
    Duration::from_secs(5 * 60),
    Duration::from_secs(40 * 60),
    Duration::from_secs(5 * 60 * 60),
];

impl<M: Machine> Simulation<'_, M> {
    /// All possible steps, each with its weight. Steps without a fault come first.
    pub(super) fn moves(&self) -> Vec<(Move, u32)> {
        let mut moves = Vec::with_capacity(16);
        let now = self.clocks.now().monotonic;
        let mut waiting = false;
        let mut next = None;
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.state.is_leading()
                && slot.state.has_call()
                && slot.caller.deadline.is_some_and(|deadline| deadline <= now)
            {
                moves.push((Move::Leave(index), 20));
            }
            match &slot.state {
                state if state.is_served() => moves.push((Move::Deliver(index), 12)),
                state if state.is_unserved() => moves.push((Move::Serve(index), 12)),
                State::Ready(_) => moves.push((Move::Admit(index), 20)),
                State::Waiting(_, until) if *until <= now => moves.push((Move::Admit(index), 20)),
                State::Waiting(..) => waiting = true,
                // Equal calls come in in order, because any other order is the same under other
                // names.
                State::Away if next.is_none_or(|(_, kind)| kind != slot.kind) => {
                    next = Some((index, slot.kind));
                    moves.push((Move::Arrive(index), 8));
                }
                State::Away | State::Done | State::Leading { .. } | State::Sent { .. } => {}
            }
        }
        // Answers come before a wait ends. A later answer is a separate fault.
        if waiting && !self.slots.iter().any(|slot| slot.state.moves_by_itself(now)) {
            moves.push((Move::Pass, 6));
        }
        if self.key_revoked {
            moves.push((Move::RestoreKey, 4));
        }
        if self.budget > 0 && !self.draining {
            self.faults(&mut moves);
        }
        moves
    }

    fn faults(&self, moves: &mut Vec<(Move, u32)>) {
        for fault in &self.setup.faults {
            let weight = if *fault == InjectedFault::Delay { 3 } else { 1 };
            for target in self.targets(*fault) {
                let ways = (0..self.ways(*fault, target))
                    .map(|way| (Move::InjectedFault(*fault, target, way), weight));
                moves.extend(ways);
            }
        }
    }

    /// The targets of a fault: calls, processes, or the whole simulation.
    fn targets(&self, fault: InjectedFault) -> Vec<usize> {
        match fault {
            InjectedFault::Suspend | InjectedFault::ClockStep | InjectedFault::Delay => vec![0],
            InjectedFault::Expiry | InjectedFault::RevokedToken if self.tokens_issued() => vec![0],
            InjectedFault::RevokedKey if !self.key_revoked => vec![0],
            InjectedFault::Expiry | InjectedFault::RevokedToken | InjectedFault::RevokedKey => {
                vec![]
            }
            InjectedFault::Reset | InjectedFault::Invalidate | InjectedFault::SharedToken => {
                (0..self.machines.len()).collect()
            }
            InjectedFault::CutConnection => {
                self.slots_that(|state| state.is_served() || state.is_unserved())
            }
            InjectedFault::CancelledCall => self.slots_that(State::has_call),
            InjectedFault::AbandonedLogin => self.slots_that(State::is_leading),
            InjectedFault::LoginUnavailable => {
                self.slots_that(|state| state.is_leading() && state.is_unserved())
            }
            InjectedFault::Duplicate
            | InjectedFault::RouteRefuses
            | InjectedFault::ErrorAnswer
            | InjectedFault::ForeignAnswer
            | InjectedFault::MalformedRenewal
            | InjectedFault::StaleRenewal
            | InjectedFault::BrokenUpload => {
                self.slots_that(|state| !state.is_leading() && state.is_unserved())
            }
        }
    }

    /// The number of ways in which a fault can strike the target.
    fn ways(&self, fault: InjectedFault, target: usize) -> usize {
        match fault {
            InjectedFault::LoginUnavailable => 4,
            // Two ways: the login goes on without its call, or is dropped with its call.
            InjectedFault::CancelledCall
                if self.slots.get(target).is_some_and(|slot| slot.state.is_leading()) =>
            {
                2
            }
            InjectedFault::Expiry
            | InjectedFault::ClockStep
            | InjectedFault::Reset
            | InjectedFault::SharedToken
            | InjectedFault::ForeignAnswer
            | InjectedFault::MalformedRenewal => 2,
            InjectedFault::Delay if self.setup.steps > 0 => DELAYS.len(),
            InjectedFault::RevokedToken
            | InjectedFault::RevokedKey
            | InjectedFault::CutConnection
            | InjectedFault::CancelledCall
            | InjectedFault::AbandonedLogin
            | InjectedFault::Suspend
            | InjectedFault::Invalidate
            | InjectedFault::Duplicate
            | InjectedFault::RouteRefuses
            | InjectedFault::ErrorAnswer
            | InjectedFault::BrokenUpload
            | InjectedFault::StaleRenewal
            | InjectedFault::Delay => 1,
        }
    }

    fn slots_that(&self, are: impl Fn(&State<M>) -> bool) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| are(&slot.state)).map(|(index, _)| index).collect()
    }
}
