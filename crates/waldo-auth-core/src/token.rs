//! A token that is or was held.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};

use crate::attempt::Attempt;
use crate::call::Call;
use crate::life::{Life, Term};
use crate::time::Now;
use crate::wire::{NumericDate, bearer_credentials, bearer_header};

/// A token with all that was learnt when it was taken. It never changes; another token is another value.
///
/// Its header shares its bytes with the requests that carry it, so attaching it copies nothing.
#[derive(Hash)]
pub(crate) struct Token {
    /// `Bearer <jwt>`, sensitive.
    pub(crate) header: HeaderValue,
    /// Grows with every change of the held token; what a log may show of it.
    pub(crate) edition: u64,
    /// Which login it descends from.
    pub(crate) epoch: u64,
    pub(crate) source: Source,
    /// The latest `exp` of this token and its predecessors since the login: what a token of unknown order must exceed.
    pub(crate) horizon: Option<NumericDate>,
    pub(crate) life: Life,
    /// Its life but for the margin: asked for each call, and so kept.
    pub(crate) usable: Term,
}

/// How a token came to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Login,
    Roll,
    Snapshot,
}

impl Token {
    /// The JWT without its scheme.
    pub(crate) fn jwt(&self) -> &[u8] {
        bearer_credentials(self.header.as_bytes())
    }

    /// Puts the token in place of what stands on the request of a call.
    #[inline]
    pub(crate) fn attach<B>(
        &self,
        call: Call,
        session: usize,
        request: &mut Request<B>,
        now: Now,
    ) -> Attempt {
        request.headers_mut().insert(AUTHORIZATION, self.header.clone());
        Attempt { call, session, edition: self.edition, epoch: self.epoch, sent: now, untouched: false }
    }

    /// The same token in bytes of its own: whoever attaches it counts no references to this one's.
    pub(crate) fn copied(&self) -> Option<Self> {
        Some(Self { header: bearer_header(self.jwt())?, ..*self })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("edition", &self.edition)
            .field("epoch", &self.epoch)
            .field("source", &self.source)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
