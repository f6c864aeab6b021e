//! One line of what happens.

use std::time::Duration;

use serde::Deserialize;

use super::key_pair::KeyPair;
use super::order::{CallId, Order};
use super::span::Span;
use crate::server::{ClockOffset, Fault, Hold, Policy};

/// One line of what happens, as an object with one name, or as the name alone where there is
/// nothing to add.
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
    /// Ends a call without a word, as when its thread or process is killed.
    Kill(CallId),

    /// Holds requests, or their answers, from now on.
    Hold(Hold),
    /// Waits until so many requests are held.
    UntilHeld(usize),
    /// Takes one hold back.
    Release(Hold),
    /// Takes every hold back.
    ReleaseAll,

    /// Lets time pass.
    Pass(Span),
    /// Lets time pass while the client's machine sleeps: its monotonic clock stands still.
    Suspend(Span),
    /// Moves the client's wall clock.
    SetClock(ClockOffset),

    /// Makes every token issued so far invalid.
    ExpireAll,
    /// Deactivates a key.
    RevokeKey(String),
    /// Activates a key again.
    RestoreKey(String),
    /// Signs with another key from now on: every older token is invalid.
    RotateSigningKey,
    /// Another policy; what it leaves out is the default.
    Policy(Policy),
    /// One more fault.
    Fault(Fault),
    /// No more faults.
    ClearFaults,

    /// The client gives up its token.
    Invalidate,
    /// The client gets its own key pair anew.
    Reset,
    /// The client gets another key pair.
    ResetTo(KeyPair),
    /// The client's token is stored.
    Store,
    /// The client is handed what was stored, and must answer so.
    Resume(Resumption),
    /// The client is gone, and another is made like it.
    Restart,
    /// The client is gone, and another is made with this key pair.
    RestartAs(KeyPair),
}

/// What a client makes of a stored token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: a client holds a stored token or it does not.
pub enum Resumption {
    /// It holds the token.
    Resumed,
    /// It does not.
    Refused,
}

impl Step {
    /// How far it moves a clock at most, if it can move one.
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

    /// Why only virtual time can do it, if that is so.
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
