//! A token that is or was held.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};

use crate::admit_error::AdmitError;
use crate::lifetime::{Expiry, Lifetime};
use crate::wire::{Jwt, NumericDate, bearer_credentials};

/// A token with all that was learnt when it was taken. It never changes; another token is another
/// value.
///
/// Its header shares its bytes with the requests that carry it, so attaching it copies nothing.
#[derive(Hash)]
pub(crate) struct Token {
    /// `Bearer <jwt>`, sensitive.
    pub(crate) header: HeaderValue,
    /// Grows with every change of the held token; what a log may show of it.
    pub(crate) generation: u64,
    /// Which login it descends from.
    pub(crate) epoch: u64,
    pub(crate) source: Source,
    /// The latest `exp` of this token and its predecessors since the login: what a token of
    /// unknown order must exceed.
    pub(crate) latest_exp: Option<NumericDate>,
    pub(crate) lifetime: Lifetime,
    /// Its lifetime but for the leeway: asked for each call, and so kept.
    pub(crate) usable: Expiry,
    /// An upload with this token broke off, so the server may refuse the token. A success ends the
    /// doubt.
    pub(crate) doubtful: bool,
}

/// How a token came to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Login,
    Renewal,
    Snapshot,
}

impl Token {
    /// The JWT without its scheme.
    pub(crate) fn jwt(&self) -> &[u8] {
        bearer_credentials(self.header.as_bytes())
    }

    /// Whether the server's own clock says that it has ended. Its claims are read again for that,
    /// as it is asked seldom.
    pub(crate) fn has_ended_by(&self, date: Option<NumericDate>) -> bool {
        let exp = Jwt::read(self.jwt()).ok().and_then(|jwt| jwt.claims.exp);
        exp.is_some_and(|exp| date.is_some_and(|date| exp <= date))
    }

    /// Puts the token in place of what stands on a request.
    #[inline]
    pub(crate) fn attach<B>(&self, request: &mut Request<B>) -> Result<(), AdmitError> {
        match request.headers_mut().try_insert(AUTHORIZATION, self.header.clone()) {
            Ok(_) => Ok(()),
            Err(_) => Err(AdmitError::TooManyHeaders),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("generation", &self.generation)
            .field("epoch", &self.epoch)
            .field("source", &self.source)
            .field("lifetime", &self.lifetime)
            .field("doubtful", &self.doubtful)
            .finish_non_exhaustive()
    }
}
