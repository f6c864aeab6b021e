//! What a session knows of the store that its fleet shares.

use std::fmt;

/// How a session stands to the store of its fleet. The state changes no decision: `explain` and the
/// journal show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreState {
    /// The session has no store.
    #[default]
    None,
    /// Before a login, the session asks the store for a token.
    Shared,
    /// The store cannot be used, so the session logs in alone. It asks the store again later.
    Away(StoreProblem),
    /// Sharing ends tokens that are in use, so the session does not share for an hour.
    Private,
}

/// What a request to the store has brought, for [`Counters`](crate::Counters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreAnswer {
    /// A token.
    Token,
    /// The lease to log in for all.
    Lease,
    /// The lease of another session.
    Busy,
    /// A failed login whose delay has not ended.
    Failure,
    /// Sharing does harm for now.
    Private,
    /// The document was written after a login or a renewal.
    Written,
    /// Another program had replaced the document first.
    Conflict,
    /// The request failed.
    Error,
}

/// A problem of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreProblem {
    /// The store does not answer, or the connection to it failed.
    Unreachable,
    /// The store did not answer in time.
    TimedOut,
    /// The store refuses this program: a wrong password, or no permission to read or write.
    Denied,
    /// The store has no room left.
    Full,
    /// Another user may change the store, so this program does not use it.
    Unsafe,
    /// Anything else.
    Other,
}

impl fmt::Display for StoreProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "it cannot be reached",
            Self::TimedOut => "it does not answer in time",
            Self::Denied => "it denies access",
            Self::Full => "it has no room left",
            Self::Unsafe => "another user may change it",
            Self::Other => "it fails",
        })
    }
}
