//! Gates: requests that wait until a test lets them pass, so that no test has to sleep.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use waldo_test_driver::server::{Hold, Stage, Target};

/// All gates of an emulator.
#[derive(Debug)]
pub(crate) struct Gates {
    holds: watch::Sender<Vec<Hold>>,
    standing: Mutex<Standings>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Standings {
    held: usize,
    /// How many left because their client went away.
    deserted: usize,
}

impl Gates {
    pub(crate) fn new() -> Self {
        let (standing, changed) = (Mutex::default(), Condvar::new());
        Self { holds: watch::Sender::new(Vec::new()), standing, changed }
    }

    pub(crate) fn hold(&self, hold: Hold) {
        self.holds.send_modify(|holds| holds.push(hold));
    }

    /// Lets pass what is held, all of it or one sort, and holds no more of it.
    pub(crate) fn release(&self, only: Option<Target>) {
        self.holds.send_modify(|holds| holds.retain(|hold| only.is_some_and(|on| hold.on() != on)));
    }

    /// Takes back the holds that are equal to this one.
    pub(crate) fn take_back(&self, hold: &Hold) {
        self.holds.send_modify(|holds| holds.retain(|other| other != hold));
    }

    pub(crate) fn held(&self) -> usize {
        self.standing().held
    }

    pub(crate) fn deserted(&self) -> usize {
        self.standing().deserted
    }

    /// Waits until at least `count` requests are held; false when `patience` ends first.
    pub(crate) fn wait_until_held(&self, count: usize, patience: Duration) -> bool {
        self.wait_until(patience, |standing| standing.held >= count)
    }

    /// Waits until at least `count` clients went away from a gate; false when `patience` ends first.
    pub(crate) fn wait_until_deserted(&self, count: usize, patience: Duration) -> bool {
        self.wait_until(patience, |standing| standing.deserted >= count)
    }

    fn wait_until(&self, patience: Duration, done: impl Fn(&Standings) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.standing(), patience, |standing| !done(standing));
        let (standing, _) = waited.unwrap_or_else(PoisonError::into_inner);
        done(&standing)
    }

    fn standing(&self) -> MutexGuard<'_, Standings> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the gate, or waits at it until it opens.
    pub(crate) async fn pass(&self, on: Target, stage: Stage, path: &str) {
        let mut changes = self.holds.subscribe();
        let closed = |holds: &[Hold]| holds.iter().any(|hold| hold.covers(on, stage, path));
        if !closed(&changes.borrow_and_update()) {
            return;
        }
        let mut standing = Standing::at(self);
        // An error would mean that the sender is gone, and `self` holds it.
        while changes.changed().await.is_ok() {
            if !closed(&changes.borrow_and_update()) {
                break;
            }
        }
        standing.passes = true;
    }
}

/// One request that stands at a gate; a connection that is given up takes it away.
struct Standing<'a> {
    gates: &'a Gates,
    passes: bool,
}

impl<'a> Standing<'a> {
    fn at(gates: &'a Gates) -> Self {
        gates.standing().held += 1;
        gates.changed.notify_all();
        Self { gates, passes: false }
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut standing = self.gates.standing();
        standing.held -= 1;
        standing.deserted += usize::from(!self.passes);
        self.gates.changed.notify_all();
    }
}
