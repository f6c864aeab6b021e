//! A login, from its start to its end.

use waldo_auth_core::Reason;

use super::limits::{Nanos, Time};
use super::token::Minted;

/// A login under way.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Leading {
    pub(super) number: u64,
    pub(crate) epoch: u64,
    pub(crate) generation: u64,
    pub(crate) sent: Time,
    pub(crate) expires_at: Nanos,
}

/// How a login ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// With a token, and the answer's own `Date`.
    Granted(Minted, Option<i64>),
    Rejected(u16, &'static str),
    /// With the wait that the server asks for.
    Unavailable(Reason, Option<Nanos>),
    Abandoned,
}

/// Whether a login's lease had expired when the login ended, and whether another login had started
/// by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    No,
    LeaseExpired,
    Overtaken,
}
