//! The held token.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};

use crate::admit_error::AdmitError;
use crate::lifetime::{Expiry, Lifetime};
use crate::wire::{Jwt, NumericDate, bearer_credentials};

/// A token with the facts that were known when it was held. Only its field `doubtful` changes.
///
/// The header shares its bytes with the requests that carry it, so attaching it copies no bytes.
#[derive(Hash)]
pub(crate) struct Token {
    /// `Bearer <jwt>`, sensitive.
    pub(crate) header: HeaderValue,
    /// The number of the token, which grows with each new token. Logs show this number only.
    pub(crate) generation: u64,
    /// The epoch: the granted login or the resumption that the token descends from.
    pub(crate) epoch: u64,
    pub(crate) source: Source,
    /// The latest `exp` of this token and its predecessors since the login. A renewed token of
    /// unknown order must end later.
    pub(crate) latest_exp: Option<NumericDate>,
    pub(crate) lifetime: Lifetime,
    /// The lifetime without the leeway, precomputed because every call reads it.
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

    /// Whether the token has ended by the server's own clock. This is asked seldom, so it parses
    /// the claims again.
    pub(crate) fn has_ended_by(&self, date: Option<NumericDate>) -> bool {
        let exp = Jwt::read(self.jwt()).ok().and_then(|jwt| jwt.claims.exp);
        exp.is_some_and(|exp| date.is_some_and(|date| exp <= date))
    }

    /// Sets the header `Authorization` of a request to the token.
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
