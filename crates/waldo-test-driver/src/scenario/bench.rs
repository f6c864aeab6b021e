//! Performs a scenario on a bench.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::demand::Demand;
use super::document::{Scenario, placed};
use super::ending::Ending;
use super::key_pair::KeyPair;
use super::order::{CallId, Order};
use super::sighting::Sighting;
use super::step::{Resumption, Step};
use super::unmet::Unmet;
use super::window::Precision;
use crate::server::{ClockOffset, Hold, Server};

/// A client and a server for a scenario. A bench performs the scenario's steps in virtual time or
/// over real sockets.
///
/// The author of an adapter need not implement it, because `waldo-conformance` has a
/// bench for any adapter.
pub trait Bench {
    /// Another origin than the client's.
    fn elsewhere(&self) -> String;

    /// Changes the server.
    fn change_server(&mut self, change: &mut dyn FnMut(&mut Server));

    /// Changes the client.
    ///
    /// # Errors
    /// The client cannot do it, or has another result.
    fn change_client(&mut self, change: &Change) -> Result<(), Obstacle>;

    /// Moves the clocks of the client's machine.
    ///
    /// # Errors
    /// The clocks cannot be moved.
    fn move_clock(&mut self, how: Shift) -> Result<(), Obstacle>;

    /// Starts a call, as many times as the order says.
    fn start(&mut self, order: &Order);

    /// Waits until all calls with this name have ended.
    ///
    /// # Errors
    /// A call does not end.
    fn finish(&mut self, id: &CallId) -> Result<(), Obstacle>;

    /// Ends a call from outside.
    ///
    /// # Errors
    /// The call cannot be ended.
    fn cut_off(&mut self, id: &CallId, how: Parting) -> Result<(), Obstacle>;

    /// Holds requests or answers from now on.
    fn hold(&mut self, hold: &Hold);

    /// Removes one hold.
    fn release(&mut self, hold: &Hold);

    /// Removes all holds.
    fn release_all(&mut self);

    /// Waits until `count` requests are held.
    ///
    /// # Errors
    /// The requests do not come.
    fn until_held(&mut self, count: usize) -> Result<(), Obstacle>;

    /// Lets time pass.
    fn pass(&mut self, span: Duration);

    /// The events so far.
    fn observe(&mut self) -> Observed;
}

/// A command to a client in use.
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive on purpose: a bench must carry out each command.
pub enum Change {
    /// Give up the held token.
    Invalidate,
    /// Use this key pair from now on.
    Reset(KeyPair),
    /// Store the held token.
    Store,
    /// Resume the stored token, with this result.
    Resume(Resumption),
    /// End, so that a new client with this key pair replaces the client.
    Restart(KeyPair),
}

/// How the clocks of the client's machine move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive on purpose: these are the two ways in which clocks go wrong.
pub enum Shift {
    /// Time passes, and the monotonic clock stands still.
    Suspend(Duration),
    /// The wall clock is moved, and no time passes.
    Set(ClockOffset),
}

/// How a call is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive on purpose: the client notices the end, or does not.
pub enum Parting {
    /// The call is cancelled, and the client can react.
    Cancelled,
    /// The thread or process of the call is killed, so the client cannot react.
    Killed,
}

/// The events on a bench.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The endings of each call, each with its time since the start of the scenario.
    pub endings: BTreeMap<CallId, Vec<(Ending, Duration)>>,
    /// The requests that the server saw, in its order.
    pub sightings: Vec<Sighting>,
    /// How many requests came to another origin than the client's.
    pub elsewhere: usize,
    /// The largest number of logins that were under way at once.
    pub logins_at_once: usize,
    /// Faults that the bench itself has found.
    pub objections: Vec<String>,
}

/// Why a step could not be performed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle(String);

impl Obstacle {
    /// An obstacle, described in a sentence without a full stop.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn not_taken(why: &Obstacle, place: impl Into<String>) -> Unmet {
    Unmet::new(Demand::Step, why.to_string()).at(place)
}

impl Scenario {
    /// Performs the scenario, and returns the expectations that were not met. The list is empty if
    /// the scenario passes.
    pub fn perform(&self, bench: &mut impl Bench, precision: Precision) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            if let Err(obstacle) = self.take(step, bench) {
                unmet.push(not_taken(&obstacle, format!("steps[{number}]")));
                break;
            }
        }
        bench.release_all();
        for order in self.orders() {
            if unmet.is_empty()
                && let Err(obstacle) = bench.finish(order.id())
            {
                unmet.push(not_taken(&obstacle, "at the end"));
            }
        }
        let observed = bench.observe();
        unmet.extend(self.judge(&observed, precision));
        let last = unmet.pop().map(|last| last.with_all_that_was_seen(&observed.sightings));
        unmet.extend(last);
        unmet
    }

    fn take(&self, step: &Step, bench: &mut impl Bench) -> Result<(), Obstacle> {
        match step {
            Step::Call(order) => {
                bench.start(order);
                bench.finish(order.id())?;
            }
            Step::Start(order) => bench.start(order),
            Step::Await(id) => bench.finish(id)?,
            Step::Cancel(id) => bench.cut_off(id, Parting::Cancelled)?,
            Step::Kill(id) => bench.cut_off(id, Parting::Killed)?,
            Step::Hold(hold) => bench.hold(hold),
            Step::UntilHeld(count) => bench.until_held(*count)?,
            Step::Release(hold) => bench.release(hold),
            Step::ReleaseAll => bench.release_all(),
            Step::Pass(span) => bench.pass(span.duration()),
            Step::Suspend(span) => bench.move_clock(Shift::Suspend(span.duration()))?,
            Step::SetClock(offset) => bench.move_clock(Shift::Set(*offset))?,
            Step::ExpireAll => bench.change_server(&mut Server::expire_all),
            Step::RevokeKey(id) => bench.change_server(&mut |server| _ = server.revoke_key(id)),
            Step::RestoreKey(id) => bench.change_server(&mut |server| _ = server.restore_key(id)),
            Step::RotateSigningKey => bench.change_server(&mut Server::rotate_signing_key),
            Step::Policy(policy) => {
                bench.change_server(&mut |server| server.set_policy(policy.clone()));
            }
            Step::Fault(fault) => {
                let fault = placed(fault, &bench.elsewhere());
                bench.change_server(&mut |server| server.push_fault(fault.clone()));
            }
            Step::ClearFaults => bench.change_server(&mut Server::clear_faults),
            Step::Invalidate => bench.change_client(&Change::Invalidate)?,
            Step::Reset => bench.change_client(&Change::Reset(self.key().clone()))?,
            Step::ResetTo(pair) => bench.change_client(&Change::Reset(pair.clone()))?,
            Step::Store => bench.change_client(&Change::Store)?,
            Step::Resume(result) => bench.change_client(&Change::Resume(*result))?,
            Step::Restart => bench.change_client(&Change::Restart(self.key().clone()))?,
            Step::RestartAs(pair) => bench.change_client(&Change::Restart(pair.clone()))?,
        }
        Ok(())
    }
}
