//! What can be seen of a client from outside.

use std::time::Duration;

use waldo_auth_core::{Instant, Now};

use super::tokens::{Lifetime, TokenId};
use crate::machine::Why;

/// One thing that a client does, or that is done to it. The invariants are about these and nothing
/// else.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) now: Now,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A request goes out, or the head of a probe.
    Sent { call: Caller, carries: Carries, probe: bool },
    /// A login goes out.
    LoggedIn {
        call: Caller,
        login: u64,
        expires_at: Instant,
        /// What is wrong with its request.
        flaw: Option<&'static str>,
    },
    /// A call waits.
    Waits { call: Caller, until: Instant },
    /// A call is refused.
    Refused { call: Caller, why: Why, retry_at: Instant },
    /// A call has its answer, or is to be sent again because of it.
    Answered {
        call: Caller,
        sent: TokenId,
        epoch: u64,
        status: u16,
        own_origin: bool,
        renewal: Option<(TokenId, Lifetime)>,
        retried: bool,
        /// Whether anything is held afterwards.
        holds: bool,
    },
    /// An upload broke off.
    BrokeOff {
        sent: TokenId,
        /// Whether anything is held afterwards.
        holds: bool,
    },
    /// A login has ended.
    Settled { login: u64, end: End },
    /// The key pair is replaced, by another one or by itself.
    Reset { to_another: bool },
    /// The user gives the held token up.
    Invalidated {
        /// Whether anything is held afterwards.
        holds: bool,
    },
    /// A stored token is taken up.
    Resumed { token: TokenId, lifetime: Lifetime },
    /// The run comes back to a state of its own.
    Circles,
    /// Nothing is left to happen.
    Over { unanswered: usize },
    /// A client says this of itself.
    Says { said: String },
    /// Once all is well again, a further call has ended.
    Recovers {
        process: usize,
        /// The status of its answer, unless it was refused.
        status: Option<u16>,
        /// How many calls there have been since.
        calls: u32,
        /// How long after the first 401 in a row this one comes.
        refused_for: Option<Duration>,
    },
}

/// What stands in a request's `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// `Bearer` and a token of the server's.
    Token(TokenId),
    /// Something that the server has never issued, or in another form.
    Other,
    /// Any header at all, on a request to another origin.
    Abroad,
}

/// How a login has ended, as the leader could see.
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
    /// Counts the calls of the run from 1.
    pub(crate) number: u64,
    pub(crate) one_shot: bool,
    pub(crate) deadline: Option<Instant>,
    /// How often it has been sent.
    pub(crate) attempts: u32,
    /// The status of its last answer.
    pub(crate) last: Option<u16>,
    /// The token with which its upload broke off, until an answer comes.
    pub(crate) broke_off: Option<TokenId>,
    /// The watch's counts when the call came in.
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
