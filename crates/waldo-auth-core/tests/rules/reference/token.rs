//! Tokens, as they are made, held and stored.

use waldo_auth_core::Ignored;

use super::limits::{Nanos, SECOND, Time};

/// A token as the server has made it, its times in milliseconds of Unix time.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Minted {
    pub(crate) text: String,
    pub(crate) exp: Option<i64>,
    pub(crate) iat: Option<i64>,
}

/// A value of an `Authorization` header.
#[derive(Clone, Debug)]
pub(crate) enum Renewal {
    Token(Minted),
    Malformed(Ignored),
}

/// How long a token lasts from when its request was sent.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Lifetime {
    pub(crate) from: Time,
    pub(super) span: Nanos,
    /// What was over of it already, when it came out of a store.
    pub(super) over: Nanos,
}

impl Lifetime {
    /// Rule 10: the clock that says more counts.
    pub(crate) fn left(&self, now: Time) -> Nanos {
        let elapsed = (now.mono - self.from.mono).max(now.wall - self.from.wall).max(0);
        (self.span - self.over - elapsed).max(0)
    }

    /// Rule 11.
    pub(super) fn reserve(&self, (at_most, share): (Nanos, u32)) -> Nanos {
        at_most.min(self.span / Nanos::from(share))
    }

    /// Rule 16: what is left when a server may see it as ended.
    pub(super) fn twilight(&self) -> Nanos {
        (2 * SECOND).min(self.span / 2)
    }
}

/// Where a held token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Login,
    Renewal,
    Store,
}

/// A token that is held.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Held {
    pub(crate) token: Minted,
    pub(crate) generation: u64,
    pub(crate) lifetime: Lifetime,
    pub(crate) epoch: u64,
    pub(super) source: Source,
    /// The latest `exp` since the login.
    pub(super) latest_exp: Option<i64>,
    /// Rule 24: an upload with this token broke off, and no success has come since then.
    pub(crate) doubtful: bool,
}

/// A token in a store.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(super) token: Minted,
    pub(super) key: u8,
    pub(super) began: Nanos,
    pub(super) span: Nanos,
}
