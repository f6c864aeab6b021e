//! Gates: requests that wait until a test lets them pass, so that no test has to sleep.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use waldo_test_driver::server::{Hold, Stage, Target};

/// All gates of an emulator.
#[derive(Debug)]
pub(crate) struct Gates {
    holds: watch::Sender<Vec<Hold>>,
    held: Mutex<usize>,
    arrived: Condvar,
}

impl Gates {
    pub(crate) fn new() -> Self {
        Self { holds: watch::Sender::new(Vec::new()), held: Mutex::new(0), arrived: Condvar::new() }
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
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until at least `count` requests are held; false when `patience` ends first.
    pub(crate) fn wait_until_held(&self, count: usize, patience: Duration) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.arrived.wait_timeout_while(held, patience, |held| *held < count);
        let (held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *held >= count
    }

    /// Passes the gate, or waits at it until it opens.
    pub(crate) async fn pass(&self, on: Target, stage: Stage, path: &str) {
        let mut changes = self.holds.subscribe();
        let closed = |holds: &[Hold]| holds.iter().any(|hold| hold.covers(on, stage, path));
        if !closed(&changes.borrow_and_update()) {
            return;
        }
        let _standing = Standing::at(self);
        // An error would mean that the sender is gone, and `self` holds it.
        while changes.changed().await.is_ok() {
            if !closed(&changes.borrow_and_update()) {
                return;
            }
        }
    }
}

/// One request that stands at a gate; a connection that is given up takes it away.
struct Standing<'a>(&'a Gates);

impl<'a> Standing<'a> {
    fn at(gates: &'a Gates) -> Self {
        *gates.held.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        gates.arrived.notify_all();
        Self(gates)
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}
