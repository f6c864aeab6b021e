//! What an observer sees of a fleet, and what the observer remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::driver::SPAN;
use super::setup::{Fault, Serving, Setup};

/// One thing that a process did, or that happened to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) process: usize,
    pub(super) slot: usize,
    /// The true time since the start of the run.
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A call comes in.
    Arrived,
    ClaimBegan,
    /// The process begins to ask the store.
    BeginsToAsk,
    /// The process has asked the store.
    Asked(Operation),
    LoginBegan,
    /// The server grants a login.
    Granted,
    /// The process has the answer to its login.
    LoginEnded,
    /// The server issues a token.
    Issued {
        token: u64,
    },
    /// The process has a token from the store.
    Resumed {
        token: u64,
    },
    HeardOfFailure,
    /// The process sends a call with this token.
    Sent {
        token: u64,
    },
    /// The server refused this token. Whether the process then dropped the token.
    Refused {
        token: u64,
        dropped: bool,
    },
    /// The server has accepted the token of a call.
    Accepted,
    /// The process stops sharing.
    Private,
    /// A call ends with this status, or without an answer.
    Ended {
        status: Option<u16>,
    },
    /// Nobody can go on, and a call has not ended.
    Stuck,
}

/// An operation of the store: whether it was answered, and whether a document was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read(bool),
    Replace(Option<bool>),
}

/// The memory of the observer.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Watch {
    serving: Serving,
    pub(super) has_store: bool,
    /// All tokens that the server has issued.
    pub(super) issued: BTreeSet<u64>,
    pub(super) logins: Vec<Flight>,
    pub(super) claims: BTreeMap<(usize, usize), ClaimWatch>,
    /// The tokens that a process was refused and has dropped, and has told nobody about.
    dropped: BTreeMap<usize, BTreeSet<u64>>,
    /// The refused tokens of which the store has been told.
    pub(super) refused: BTreeSet<u64>,
    /// The last time at which the store failed a process, until it answers again.
    pub(super) failed_at: BTreeMap<usize, Duration>,
    /// When each process stopped sharing.
    pub(super) private_at: BTreeMap<usize, Duration>,
    /// The granted logins, and how many there may be.
    pub(super) granted: u64,
    pub(super) may_be_granted: u64,
    /// How often the server has revoked its tokens.
    revocations: u64,
    /// When the server last revoked its tokens twice within ten minutes.
    revoked_at: [Option<Duration>; 2],
    /// The number of revocations when a call came in.
    pub(super) arrivals: BTreeMap<(usize, usize), u64>,
    /// The processes that hold a token of their own login, which no response has accepted yet. If
    /// the server refuses it, the call fails without a store, too (rule 16).
    unaccepted: BTreeSet<usize>,
    /// A fault of the server may have failed any call.
    pub(super) server_failed: bool,
    /// By how much faults have lengthened waits.
    pub(super) delayed: Duration,
    /// How many calls have ended, and how many without a success.
    pub(super) ended: u64,
    pub(super) lost: u64,
    /// How often a process stopped sharing.
    pub(super) private: u64,
}

/// A login under way.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Flight {
    pub(super) process: usize,
    pub(super) slot: usize,
    /// When its lease began.
    pub(super) began: Duration,
    /// Another login beside this one is no violation.
    pub(super) is_excused: bool,
}

/// A claim under way, and the login after it.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct ClaimWatch {
    pub(super) began: Duration,
    /// When the document was read, from which the lease counts.
    read: Duration,
    pub(super) delayed: Duration,
    /// The store has answered nothing, or an error.
    pub(super) failed: bool,
    /// The last operation replaced the document.
    pub(super) replaced: bool,
    /// How often another process was faster.
    pub(super) conflicts: u32,
}

impl Watch {
    pub(super) fn new(setup: &Setup) -> Self {
        let Setup { serving, has_store, is_away, is_down, .. } = *setup;
        let may_be_granted = if is_away { u64::MAX } else { 1 };
        Self { serving, has_store, may_be_granted, server_failed: is_down, ..Self::default() }
    }

    pub(super) fn serving(&self) -> Serving {
        self.serving
    }

    /// Why a process may log in without a lease; `None` if there is no reason.
    pub(super) fn reason_to_be_alone(&self, sight: &Sight) -> Option<&'static str> {
        let claim = self.claims.get(&(sight.process, sight.slot))?;
        let waited = sight.at.saturating_sub(claim.began);
        let private = self.private_at.get(&sight.process);
        [
            (claim.failed, "the store failed"),
            (self.failed_at.contains_key(&sight.process), "the store had failed"),
            (claim.conflicts > 5, "others were always faster"),
            (waited >= SPAN * 2, "nobody else logged in"),
            (private.is_some_and(|since| sight.at <= *since + HOUR), "sharing does harm"),
        ]
        .into_iter()
        .find_map(|(holds, reason)| holds.then_some(reason))
    }

    /// Whether a call may fail, because it would fail without a store, too.
    pub(super) fn may_fail(&self, sight: &Sight) -> bool {
        let before = self.arrivals.get(&(sight.process, sight.slot)).copied();
        let revocations = self.revocations - before.unwrap_or(self.revocations);
        let is_doubtful = self.revocations > 0 && self.unaccepted.contains(&sight.process);
        self.server_failed || revocations > 1 || is_doubtful
    }

    /// Whether the server has revoked its tokens twice within ten minutes. This looks like a server
    /// whose tokens are good for one use.
    pub(super) fn looks_strict(&self) -> bool {
        match self.revoked_at {
            [Some(first), Some(second)] => second.saturating_sub(first) <= HOUR / 6,
            _ => false,
        }
    }

    /// Takes in what has been judged.
    pub(super) fn take_in(&mut self, sight: &Sight) {
        let (process, slot, at) = (sight.process, sight.slot, sight.at);
        match sight.what {
            What::Arrived => {
                self.arrivals.insert((process, slot), self.revocations);
            }
            What::ClaimBegan => {
                let claim =
                    ClaimWatch { began: at, delayed: self.delayed, ..ClaimWatch::default() };
                self.claims.insert((process, slot), claim);
            }
            What::Asked(operation) => self.asked(operation, sight),
            What::LoginBegan => {
                let claim = self.claims.get(&(process, slot)).copied().unwrap_or_default();
                let (began, is_excused) = (claim.read, !claim.replaced);
                self.logins.push(Flight { process, slot, began, is_excused });
            }
            What::Granted => {
                self.granted += 1;
                self.unaccepted.insert(process);
                if self.serving == Serving::SingleSession {
                    self.revocations += 1;
                }
            }
            What::LoginEnded => {
                self.logins.retain(|login| (login.process, login.slot) != (process, slot));
                self.claims.remove(&(process, slot));
            }
            What::Issued { token } => {
                self.issued.insert(token);
            }
            What::Resumed { .. } => {
                self.claims.remove(&(process, slot));
                self.unaccepted.remove(&process);
            }
            What::HeardOfFailure => {
                self.claims.remove(&(process, slot));
            }
            What::Accepted => {
                self.unaccepted.remove(&process);
            }
            What::Refused { token, dropped: true } => {
                self.dropped.entry(process).or_default().insert(token);
            }
            What::Private => {
                self.private += 1;
                self.private_at.insert(process, at);
                // Everybody is alone for an hour.
                self.may_be_granted = u64::MAX;
                self.logins.iter_mut().for_each(|login| login.is_excused = true);
            }
            What::Ended { status } => {
                self.ended += 1;
                self.lost += u64::from(!is_success(status));
            }
            What::BeginsToAsk | What::Sent { .. } | What::Refused { .. } | What::Stuck => {}
        }
    }

    fn asked(&mut self, operation: Operation, sight: &Sight) {
        let answered = !matches!(operation, Operation::Read(false) | Operation::Replace(None));
        if answered {
            self.failed_at.remove(&sight.process);
        } else {
            self.failed_at.insert(sight.process, sight.at);
        }
        if let Some(claim) = self.claims.get_mut(&(sight.process, sight.slot)) {
            claim.failed = !answered;
            if operation == Operation::Read(true) {
                claim.read = sight.at;
            }
            claim.replaced = operation == Operation::Replace(Some(true));
            claim.conflicts += u32::from(operation == Operation::Replace(Some(false)));
            if claim.replaced {
                let told = self.dropped.remove(&sight.process).unwrap_or_default();
                self.refused.extend(told);
            }
        }
    }

    /// Notes a fault, and what may follow from it.
    pub(super) fn suffer(&mut self, fault: Fault, at: Duration) {
        self.may_be_granted = self.may_be_granted.saturating_add(1);
        match fault {
            Fault::DocumentLost
            | Fault::Truncated
            | Fault::Garbled
            | Fault::OtherSecret
            | Fault::Replayed
            | Fault::ClockAhead
            | Fault::ClockBack => {
                self.refused.clear();
                self.logins.iter_mut().for_each(|login| login.is_excused = true);
            }
            Fault::Delay => {
                self.delayed += DELAY;
            }
            Fault::Revoked | Fault::NewSigningKey => {
                self.revocations += 1;
                self.revoked_at = [self.revoked_at[1], Some(at)];
            }
            Fault::KeyRejected | Fault::Unavailable | Fault::LoginCut => self.server_failed = true,
            Fault::ReadFails | Fault::ReplaceFails | Fault::AnswerLost | Fault::Killed => {}
        }
    }

    /// Forgets a process that was killed.
    pub(super) fn bury(&mut self, process: usize) {
        self.logins.retain(|login| login.process != process);
        self.claims.retain(|(of, _), _| *of != process);
        self.arrivals.retain(|(of, _), _| *of != process);
        self.dropped.remove(&process);
        self.unaccepted.remove(&process);
        self.failed_at.remove(&process);
        self.private_at.remove(&process);
    }
}

/// Whether a call that ends so has succeeded.
pub(super) fn is_success(status: Option<u16>) -> bool {
    status.is_some_and(|status| (200..300).contains(&status))
}

/// How long a delay takes: longer than a lease.
pub(super) const DELAY: Duration = Duration::from_secs(32);

pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
