//! The head of a response.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use super::authorization::credentials;
use super::claims::NumericDate;
use super::dates::LastDate;
use super::jwt::{Jwt, Malformed};

/// The part of a response that authentication looks at: its status and its headers.
///
/// ```
/// use waldo_auth_core::Head;
///
/// let response = http::Response::builder().status(401).body("…").unwrap();
/// let head = Head::from(&response);
/// assert_eq!(head.status, 401);
/// ```
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// The status.
    pub status: StatusCode,
    /// All headers, as received.
    pub headers: &'a HeaderMap,
    /// The URI that the response came from, if the HTTP stack may have followed a redirect by
    /// itself. See [`Head::with_uri`].
    pub(crate) uri: Option<&'a Uri>,
    /// The first value that may hold a renewed token, if it has been decoded.
    decoded: Option<(&'a HeaderValue, Result<Jwt<'a>, Malformed>)>,
}

impl<'a> Head<'a> {
    /// The head of a response from the URI of its request.
    pub fn new(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { status, headers, uri: None, decoded: None }
    }

    /// Sets the URI that the response really came from.
    ///
    /// This is needed only if the HTTP stack follows redirects by itself. A response from another
    /// origin proves nothing about the token, and its token is not held.
    #[must_use]
    pub fn with_uri(self, uri: &'a Uri) -> Self {
        Self { uri: Some(uri), ..self }
    }

    /// Decodes the renewed token now.
    ///
    /// [`Session::conclude`](crate::Session::conclude) decodes the token otherwise. Threads that
    /// share a session decode the token first, so that they hold the lock for a shorter time.
    #[must_use]
    pub fn decode(self) -> Self {
        let decoded = self.renewals().next().map(|value| (value, self.jwt(value)));
        Self { decoded, ..self }
    }

    /// The URI that [`with_uri`](Self::with_uri) has set.
    #[doc(hidden)]
    pub fn uri(&self) -> Option<&'a Uri> {
        self.uri
    }
}

impl<'a> Head<'a> {
    /// The values that may hold a renewed token, in their order. A gateway may have
    /// [joined](super::joined) several values to one.
    pub(crate) fn renewals(self) -> impl Iterator<Item = &'a HeaderValue> {
        self.headers.get_all(AUTHORIZATION).iter()
    }

    /// Reads the token in one of the [values](Self::renewals).
    pub(crate) fn jwt(self, value: &'a HeaderValue) -> Result<Jwt<'a>, Malformed> {
        match self.decoded {
            Some((decoded, jwt)) if std::ptr::eq(decoded, value) => jwt,
            _ => Jwt::read(credentials(value.as_bytes())),
        }
    }

    /// When the server made the response, by its own clock; `None` if a cache kept the response.
    pub(crate) fn own_date(self) -> Option<NumericDate> {
        self.own_date_after(&mut LastDate::default())
    }

    /// Like [`own_date`](Self::own_date), but reuses the value of the last response if both have
    /// the same `Date`.
    pub(crate) fn own_date_after(self, last: &mut LastDate) -> Option<NumericDate> {
        last.of_answer(self.headers)
    }
}

impl<'a, B> From<&'a Response<B>> for Head<'a> {
    fn from(response: &'a Response<B>) -> Self {
        Self::new(response.status(), response.headers())
    }
}

/// Does not show the headers, because one of them may hold a token.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("status", &self.status).finish_non_exhaustive()
    }
}
