//! The head of a response.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use super::claims::NumericDate;
use super::dates::LastDate;

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
    /// All headers, as they came.
    pub headers: &'a HeaderMap,
    /// Where the response came from, when the HTTP stack may have followed a redirect by itself;
    /// see [`Head::with_uri`].
    pub(crate) uri: Option<&'a Uri>,
}

impl<'a> Head<'a> {
    /// A response that came from where its request was sent to.
    pub fn new(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { status, headers, uri: None }
    }

    /// Says where the response really came from.
    ///
    /// Needed only over an HTTP stack that follows redirects by itself: a response from another
    /// origin proves nothing about the token, and what it carries is not adopted.
    #[must_use]
    pub fn with_uri(self, uri: &'a Uri) -> Self {
        Self { uri: Some(uri), ..self }
    }

    /// Where the response came from, if [`with_uri`](Self::with_uri) has said so.
    pub fn uri(&self) -> Option<&'a Uri> {
        self.uri
    }
}

impl<'a> Head<'a> {
    /// The values that may hold a fresh token, in their order. One value may be several
    /// [joined](super::joined) ones.
    pub(crate) fn renewals(self) -> impl Iterator<Item = &'a HeaderValue> {
        self.headers.get_all(AUTHORIZATION).iter()
    }

    /// When the response was made, by its server's clock; `None` when a cache has kept it.
    pub(crate) fn own_date(self) -> Option<NumericDate> {
        self.own_date_after(&mut LastDate::default())
    }

    /// The same, where the last response may have had the same date.
    pub(crate) fn own_date_after(self, last: &mut LastDate) -> Option<NumericDate> {
        last.of_answer(self.headers)
    }
}

impl<'a, B> From<&'a Response<B>> for Head<'a> {
    fn from(response: &'a Response<B>) -> Self {
        Self::new(response.status(), response.headers())
    }
}

/// The headers stay out of it: one of them may be a token.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("status", &self.status).finish_non_exhaustive()
    }
}
