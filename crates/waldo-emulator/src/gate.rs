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

#[derive(Debug, Default)]
struct Standings {
    /// Where requests stand, in no order.
    places: Vec<Place>,
    /// How many left because their client went away.
    deserted: usize,
}

/// What a request stands for that waits at a gate.
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

    /// Lets pass what is held, all of it or one sort, and holds no more of it.
    pub(crate) fn release(&self, only: Option<Target>) {
        self.holds.send_modify(|holds| holds.retain(|hold| only.is_some_and(|on| hold.on() != on)));
    }

    /// Takes back the holds that are equal to this one.
    pub(crate) fn take_back(&self, hold: &Hold) {
        self.holds.send_modify(|holds| holds.retain(|other| other != hold));
    }

    pub(crate) fn held(&self) -> usize {
        self.count(&self.standing())
    }

    /// One that stands there still, but is free to go, is not held: it only has not noticed yet.
    fn count(&self, standing: &Standings) -> usize {
        let holds = self.holds.borrow();
        standing.places.iter().filter(|place| place.is_closed(&holds)).count()
    }

    pub(crate) fn deserted(&self) -> usize {
        self.standing().deserted
    }

    /// Waits until at least `count` requests are held; false when `patience` ends first.
    pub(crate) fn wait_until_held(&self, count: usize, patience: Duration) -> bool {
        self.wait_until(patience, |standing| self.count(standing) >= count)
    }

    /// Waits until at least `count` clients went away from a gate; false when `patience` ends
    /// first.
    pub(crate) fn wait_until_deserted(&self, count: usize, patience: Duration) -> bool {
        self.wait_until(patience, |standing| standing.deserted >= count)
    }

    fn wait_until(&self, patience: Duration, done: impl Fn(&Standings) -> bool) -> bool {
        let waited =
            self.changed.wait_timeout_while(self.standing(), patience, |standing| !done(standing));
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
        // An error would mean that the sender is gone, and `self` holds it.
        while changes.changed().await.is_ok() {
            if !standing.place.is_closed(&changes.borrow_and_update()) {
                break;
            }
        }
        standing.passes = true;
    }
}

/// One request that stands at a gate; a connection that is given up takes it away.
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
        standing.deserted += usize::from(!self.passes);
        self.gates.changed.notify_all();
    }
}
