//! One sending of a call's request.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::Request;
use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::time::Now;
use crate::token::Token;

/// The permission to send a call's request once, with the token that is held now.
///
/// It is used up by [`authorize`](Permit::authorize), which is the only way to an [`Attempt`].
#[derive(Debug, Hash)]
#[must_use = "a permit does nothing until it authorizes a request"]
pub struct Permit {
    pub(crate) call: Call,
    pub(crate) token: Arc<Token>,
    pub(crate) sent: Now,
}

impl Permit {
    /// Puts `Authorization: Bearer <jwt>` on the request, in place of what is there (rule 3).
    ///
    /// Send the request right away: the token's successor is taken to have been issued no earlier than when the call was admitted.
    ///
    /// # Errors
    /// When the request goes anywhere but to the session's origin. Nothing was attached, and the call ends here.
    pub fn authorize<B>(self, request: &mut Request<B>) -> Result<Attempt, ForeignOrigin> {
        if !self.token.origin.contains(request.uri()) {
            return Err(ForeignOrigin { origin: self.token.origin.to_string() });
        }
        request.headers_mut().insert(AUTHORIZATION, self.token.header.clone());
        Ok(Attempt { call: self.call, token: self.token, sent: self.sent, untouched: false })
    }

    /// The edition of the token: what a log may show of it.
    pub fn edition(&self) -> u64 {
        self.token.edition
    }
}

/// A request that was authorized and is on its way: [`conclude`](crate::Session::conclude) it with the head of its
/// response, or drop it when there is none.
#[derive(Debug, Hash)]
#[must_use = "conclude the attempt when its response has come"]
pub struct Attempt {
    pub(crate) call: Call,
    pub(crate) token: Arc<Token>,
    pub(crate) sent: Now,
    /// The body is still whole, so that even a one-shot call can be sent again.
    pub(crate) untouched: bool,
}

impl Attempt {
    /// Says that this attempt did not touch the body of its one-shot call, which can therefore be sent again after all.
    ///
    /// That is so when the server refused the head of a request with `Expect: 100-continue`. It holds for this attempt alone.
    pub fn with_untouched_body(self) -> Self {
        Self { untouched: true, ..self }
    }

    /// The edition of the token that was sent: what a log may show of it.
    pub fn edition(&self) -> u64 {
        self.token.edition
    }
}

/// The request does not go to the session's origin, so no token may be sent with it.
///
/// It says where the token may go, and not where the request was meant to go, as that URI may hold secrets of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignOrigin {
    origin: String,
}

impl fmt::Display for ForeignOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the request does not go to {}, the only origin that may see the token; send it without this client, or set the client's origin",
            self.origin
        )
    }
}

impl Error for ForeignOrigin {}
