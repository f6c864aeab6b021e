//! The behaviour of a client that can be seen from outside.

use std::time::Duration;

use waldo_auth_core::{Instant, Now};

use super::tokens::{Lifetime, TokenId};
use crate::machine::Why;

/// One event at a client. The invariants judge these events only.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) now: Now,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A request is sent, or the head of a head-only attempt.
    Sent { call: Caller, carries: Carries, probe: bool },
    /// A login is sent.
    LoggedIn {
        call: Caller,
        login: u64,
        expires_at: Instant,
        /// The fault in the request, if it has one.
        flaw: Option<&'static str>,
    },
    /// A call waits.
    Waits { call: Caller, until: Instant },
    /// A call is refused.
    Refused { call: Caller, why: Why, retry_at: Instant },
    /// A call gets an answer, which is delivered or causes a further attempt.
    Answered {
        call: Caller,
        sent: TokenId,
        epoch: u64,
        status: u16,
        own_origin: bool,
        renewal: Option<(TokenId, Lifetime)>,
        retried: bool,
        /// Whether a token is held afterwards.
        holds: bool,
    },
    /// An upload broke off.
    BrokeOff {
        sent: TokenId,
        /// Whether a token is held afterwards.
        holds: bool,
    },
    /// A login has ended.
    Settled { login: u64, end: End },
    /// The key pair is replaced, by another key pair or by an equal one.
    Reset { to_another: bool },
    /// The user gives the held token up.
    Invalidated {
        /// Whether a token is held afterwards.
        holds: bool,
    },
    /// A stored token is resumed.
    Resumed { token: TokenId, lifetime: Lifetime },
    /// The run comes back to an earlier state of its own.
    Circles,
    /// No event is left.
    Over { unanswered: usize },
    /// A client produces this output.
    Says { said: String },
    /// After the server was restored, a further call has ended.
    Recovers {
        process: usize,
        /// The status of the call's answer; `None` if the call was refused.
        status: Option<u16>,
        /// The number of calls since the server was restored.
        calls: u32,
        /// The time since the first 401 in a row.
        refused_for: Option<Duration>,
    },
}

/// The content of a request's `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// `Bearer` and a token that the server has issued.
    Token(TokenId),
    /// Any other text.
    Other,
    /// Any header at all, on a request to another origin.
    Abroad,
}

/// How a login has ended, as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Granted(TokenId, Lifetime),
    Rejected,
    Failed { retry_after: Option<Duration> },
    Abandoned,
}

/// A call as its user sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// The number of the call in the run, from 1.
    pub(crate) number: u64,
    pub(crate) one_shot: bool,
    pub(crate) deadline: Option<Instant>,
    /// The number of its attempts.
    pub(crate) attempts: u32,
    /// The status of its last answer.
    pub(crate) last: Option<u16>,
    /// The token with which the call's upload broke off, until an answer comes.
    pub(crate) broke_off: Option<TokenId>,
    /// The observer's counts when the call came in.
    pub(crate) epoch: u64,
    pub(crate) failures: u64,
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "call {}", self.number)
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Granted(token, lifetime) => {
                write!(f, "granted token {}, which lasts {:.0?}", token.0, lifetime.span)
            }
            Self::Rejected => f.write_str("rejected"),
            Self::Failed { retry_after: Some(span) } => {
                write!(f, "failed, to be tried after {span:.0?}")
            }
            Self::Failed { retry_after: None } => f.write_str("failed"),
            Self::Abandoned => f.write_str("given up"),
        }
    }
}
