//! Gates, at which requests wait until a test releases them. So no test has to sleep.

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

#[derive(Debug, Default)]
struct Standings {
    /// The places of the waiting requests, in any order.
    places: Vec<Place>,
    /// How many requests left because their client went away.
    abandoned: usize,
}

/// The target, stage and path of a request that waits at a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    on: Target,
    stage: Stage,
    path: String,
}

impl Place {
    fn is_closed(&self, holds: &[Hold]) -> bool {
        holds.iter().any(|hold| hold.covers(self.on, self.stage, &self.path))
    }
}

impl Gates {
    pub(crate) fn new() -> Self {
        let (standing, changed) = (Mutex::default(), Condvar::new());
        Self { holds: watch::Sender::new(Vec::new()), standing, changed }
    }

    pub(crate) fn hold(&self, hold: Hold) {
        self.holds.send_modify(|holds| holds.push(hold));
    }

    /// Opens the gates for one target, or all gates.
    pub(crate) fn release(&self, only: Option<Target>) {
        self.holds.send_modify(|holds| holds.retain(|hold| only.is_some_and(|on| hold.on() != on)));
    }

    /// Removes the holds that are equal to this one.
    pub(crate) fn take_back(&self, hold: &Hold) {
        self.holds.send_modify(|holds| holds.retain(|other| other != hold));
    }

    pub(crate) fn held(&self) -> usize {
        self.count(&self.standing())
    }

    /// Counts the requests behind closed gates. A request behind an open gate does not count, even
    /// if it has not left yet.
    fn count(&self, standing: &Standings) -> usize {
        let holds = self.holds.borrow();
        standing.places.iter().filter(|place| place.is_closed(&holds)).count()
    }

    pub(crate) fn abandoned(&self) -> usize {
        self.standing().abandoned
    }

    /// Waits until at least `count` requests are held; false if `timeout` passes first.
    pub(crate) fn wait_until_held(&self, count: usize, timeout: Duration) -> bool {
        self.wait_until(timeout, |standing| self.count(standing) >= count)
    }

    /// Waits until at least `count` clients have left a gate; false if `timeout` passes first.
    pub(crate) fn wait_until_abandoned(&self, count: usize, timeout: Duration) -> bool {
        self.wait_until(timeout, |standing| standing.abandoned >= count)
    }

    fn wait_until(&self, timeout: Duration, done: impl Fn(&Standings) -> bool) -> bool {
        let waited =
            self.changed.wait_timeout_while(self.standing(), timeout, |standing| !done(standing));
        let (standing, _) = waited.unwrap_or_else(PoisonError::into_inner);
        done(&standing)
    }

    fn standing(&self) -> MutexGuard<'_, Standings> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the gate, or waits at it until it opens.
    pub(crate) async fn pass(&self, on: Target, stage: Stage, path: &str) {
        let mut changes = self.holds.subscribe();
        let place = Place { on, stage, path: path.to_owned() };
        if !place.is_closed(&changes.borrow_and_update()) {
            return;
        }
        let mut standing = Standing::at(self, place);
        // `changed` cannot fail, because `self` holds the sender.
        while changes.changed().await.is_ok() {
            if !standing.place.is_closed(&changes.borrow_and_update()) {
                break;
            }
        }
        standing.passes = true;
    }
}

/// One request that waits at a gate. Its drop removes it, for example when its connection ends.
struct Standing<'a> {
    gates: &'a Gates,
    place: Place,
    passes: bool,
}

impl<'a> Standing<'a> {
    fn at(gates: &'a Gates, place: Place) -> Self {
        gates.standing().places.push(place.clone());
        gates.changed.notify_all();
        Self { gates, place, passes: false }
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut standing = self.gates.standing();
        if let Some(index) = standing.places.iter().position(|place| *place == self.place) {
            standing.places.swap_remove(index);
        }
        standing.abandoned += usize::from(!self.passes);
        self.gates.changed.notify_all();
    }
}
