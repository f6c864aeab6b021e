//! One step of a scenario.

use std::time::Duration;

use serde::Deserialize;

use super::key_pair::KeyPair;
use super::order::{CallId, Order};
use super::span::Span;
use crate::server::{ClockOffset, Fault, Hold, Policy};

/// One step of a scenario: an object with one name, or the name alone if it has no parameters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// Makes a call, and waits for its end.
    Call(Order),
    /// Makes a call, and goes on while it is under way.
    Start(Order),
    /// Waits for the end of a call.
    Await(CallId),
    /// Cancels a call.
    Cancel(CallId),
    /// Ends a call without running its code, as if its thread or process was killed.
    Kill(CallId),

    /// Holds requests, or their answers, from now on.
    Hold(Hold),
    /// Waits until this many requests are held.
    UntilHeld(usize),
    /// Removes one hold.
    Release(Hold),
    /// Removes all holds.
    ReleaseAll,

    /// Lets time pass.
    Pass(Span),
    /// Lets time pass while the client's machine sleeps: its monotonic clock stands still.
    Suspend(Span),
    /// Moves the client's wall clock.
    SetClock(ClockOffset),

    /// Makes all tokens that were issued so far invalid.
    ExpireAll,
    /// Deactivates a key.
    RevokeKey(String),
    /// Activates a key again.
    RestoreKey(String),
    /// Signs with another key from now on. All older tokens are invalid.
    RotateSigningKey,
    /// Replaces the policy. Fields that are left out have their defaults.
    Policy(Policy),
    /// Adds a fault.
    Fault(Fault),
    /// Removes all faults.
    ClearFaults,

    /// The client gives up its token.
    Invalidate,
    /// The client is reset to its own key pair.
    Reset,
    /// The client is reset to another key pair.
    ResetTo(KeyPair),
    /// The client's token is stored.
    Store,
    /// The client gets the stored token, and must have this result.
    Resume(Resumption),
    /// The client ends, and an equal client is made.
    Restart,
    /// The client ends, and a client with this key pair is made.
    RestartAs(KeyPair),
}

/// The result of resuming a stored token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: a client holds a stored token or it does not.
pub enum Resumption {
    /// The client holds the token.
    Resumed,
    /// The client does not hold the token.
    Refused,
}

impl Step {
    /// How far the step moves a clock at most; `None` if it moves no clock.
    pub(super) fn span(&self) -> Option<Duration> {
        match self {
            Self::Pass(span) | Self::Suspend(span) => Some(span.duration()),
            Self::SetClock(ClockOffset::Ahead(by) | ClockOffset::Behind(by)) => Some(*by),
            Self::Call(order) | Self::Start(order) => order.deadline.map(Span::duration),
            Self::Await(_)
            | Self::Cancel(_)
            | Self::Kill(_)
            | Self::Hold(_)
            | Self::UntilHeld(_)
            | Self::Release(_)
            | Self::ReleaseAll
            | Self::ExpireAll
            | Self::RevokeKey(_)
            | Self::RestoreKey(_)
            | Self::RotateSigningKey
            | Self::Policy(_)
            | Self::Fault(_)
            | Self::ClearFaults
            | Self::Invalidate
            | Self::Reset
            | Self::ResetTo(_)
            | Self::Store
            | Self::Resume(_)
            | Self::Restart
            | Self::RestartAs(_) => None,
        }
    }

    /// Why the step needs virtual time; `None` if it does not.
    pub(super) fn needs_virtual_time(&self) -> Option<&'static str> {
        match self {
            Self::Kill(_) => Some("\"kill\" ends a thread without a word"),
            Self::Suspend(_) => Some("\"suspend\" puts the machine to sleep"),
            Self::SetClock(_) => Some("\"set_clock\" moves the machine's clock"),
            Self::Call(_)
            | Self::Start(_)
            | Self::Await(_)
            | Self::Cancel(_)
            | Self::Hold(_)
            | Self::UntilHeld(_)
            | Self::Release(_)
            | Self::ReleaseAll
            | Self::Pass(_)
            | Self::ExpireAll
            | Self::RevokeKey(_)
            | Self::RestoreKey(_)
            | Self::RotateSigningKey
            | Self::Policy(_)
            | Self::Fault(_)
            | Self::ClearFaults
            | Self::Invalidate
            | Self::Reset
            | Self::ResetTo(_)
            | Self::Store
            | Self::Resume(_)
            | Self::Restart
            | Self::RestartAs(_) => None,
        }
    }
}
