//! One `POST /authenticate`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};

use crate::credentials::Credentials;
use crate::failure::{Reason, Rejection, Unavailable};
use crate::time::{Instant, Now};
use crate::verify;
use crate::wire::{self, Answer, Claims, Head, Jwt, NumericDate};

/// The permission to log in, held by one call for all.
///
/// Send [`request`](Login::request), hand what comes back to [`read`](Login::read), and end it with
/// [`settle`](crate::Session::settle). A leader that is gone without settling blocks nobody for
/// longer than the lease; a call without a deadline may wait one lease for each leader that is
/// gone.
#[derive(Debug)]
#[must_use = "others wait for this login: settle it"]
pub struct Login {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    /// The newest generation when it started.
    pub(crate) generation: u64,
    pub(crate) sent: Now,
    pub(crate) expires_at: Instant,
    /// Which session started it.
    pub(crate) session: usize,
    pub(crate) uri: Uri,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) retry_after_cap: Duration,
    pub(crate) verify: bool,
}

/// The claim of one leader to log in for everyone. It ends by itself, so that a leader that is gone
/// blocks no call for longer (rule 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    /// The number of the login.
    pub(crate) login: u64,
    pub(crate) expires_at: Instant,
}

impl Lease {
    pub(crate) fn new(login: u64, length: Duration, now: Instant) -> Self {
        Self { login, expires_at: now.saturating_add(length) }
    }

    pub(crate) fn has_expired(self, now: Instant) -> bool {
        now >= self.expires_at
    }
}

/// How long the body of a rejection may take. Such a body is short, and the status already says
/// most of it.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How a login ended.
#[derive(Debug)]
#[must_use = "settle the login with it"]
pub enum Outcome {
    /// The server granted a token.
    Granted(Grant),
    /// The server rejected the key pair.
    Rejected(Rejection),
    /// There is no token, but there may be one later.
    Unavailable(Unavailable),
    /// The leader gave up before there was an answer: it was cancelled, it panicked, or its own
    /// call ran out of time.
    Abandoned,
}

/// A token that a login has brought; [`Login::read`] makes it.
pub struct Grant {
    /// Which login brought it, and of which session.
    pub(crate) login: u64,
    pub(crate) session: usize,
    pub(crate) header: HeaderValue,
    pub(crate) claims: Claims,
    pub(crate) date: Option<NumericDate>,
}

impl Login {
    /// The largest body of an answer that is worth reading, in bytes. Read one byte more, so that a
    /// larger body is noticed.
    pub const MAX_BODY: usize = wire::MAX_BODY_BYTES;

    /// The request to send. It must go out without an `Authorization` header and must not follow
    /// redirects (rule 1).
    ///
    /// The body holds the key pair in clear: wipe the body after it was sent, for example with
    /// `zeroize::Zeroizing`. The body's buffer never grew, so there is no other copy of the key
    /// pair. The request is not a call: it needs no token, and it must not wait for a login.
    pub fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::new(self.credentials.to_json());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json.clone());
        request.headers_mut().insert(ACCEPT, json);
        request
    }

    /// When the lease expires: from then on another call may log in. A request timeout should end
    /// before.
    pub fn expires_at(&self) -> Instant {
        self.expires_at
    }

    /// How long to read the body of an answer with `status`, if `left` is the time that the login
    /// still has.
    ///
    /// | it returns | status | what to do |
    /// |---|---|---|
    /// | `Some(left)` | success | read the body; if the time ends first, the login has timed out |
    /// | `Some` of two seconds at most | 400, 401, 403 | read the body; if the time ends first, [`read`](Self::read) the part that has come |
    /// | `None` | any other | [`read`](Self::read) the head with an empty body, because the status says enough |
    ///
    /// This is rule 2.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waldo_auth_core::Login;
    ///
    /// let left = Duration::from_secs(29);
    /// let patience = |status| Login::body_timeout(http::StatusCode::from_u16(status).unwrap(), left);
    /// assert_eq!(patience(200), Some(left));
    /// assert_eq!(patience(401), Some(Duration::from_secs(2)));
    /// assert_eq!(patience(503), None);
    /// ```
    pub fn body_timeout(status: StatusCode, left: Duration) -> Option<Duration> {
        if status.is_success() {
            Some(left)
        } else {
            wire::may_reject(status).then(|| left.min(REJECTION_TIMEOUT))
        }
    }

    /// Reads the server's answer (rule 2).
    pub fn read(&self, head: Head<'_>, body: &[u8]) -> Outcome {
        match wire::read_answer(head, body, &self.credentials, self.sent.wall, self.retry_after_cap)
        {
            Answer::Token(token) => self.check(&token, head),
            Answer::Rejected(rejection) => Outcome::Rejected(rejection),
            Answer::Unavailable(failure) => Outcome::Unavailable(failure),
        }
    }

    fn check(&self, token: &[u8], head: Head<'_>) -> Outcome {
        let unavailable = |reason| Outcome::Unavailable(Unavailable::new(reason));
        let (Ok(jwt), Some(header)) = (Jwt::read(token), wire::bearer_header(token)) else {
            return unavailable(Reason::NoToken);
        };
        if !verify::passes(self.verify, jwt, &self.credentials) {
            return unavailable(Reason::BadSignature);
        }
        Outcome::Granted(Grant {
            login: self.number,
            session: self.session,
            header,
            claims: jwt.claims,
            date: head.own_date(),
        })
    }
}

/// What tells it from the other logins of its session; the key pair is that of its epoch.
impl Hash for Login {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.number, self.epoch, self.generation, self.sent, self.expires_at).hash(state);
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grant(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_02_only_success_and_rejection_need_their_body() {
        let of = |status, left| {
            let status = StatusCode::from_u16(status).unwrap();
            Login::body_timeout(status, Duration::from_millis(left))
                .map(|patience| patience.as_millis())
        };
        for status in [200, 201, 204, 299] {
            assert_eq!(of(status, 29_000), Some(29_000), "{status}");
        }
        for status in [400, 401, 403] {
            assert_eq!(of(status, 29_000), Some(2000), "{status}");
            assert_eq!(of(status, 700), Some(700), "{status}");
        }
        for status in [101, 301, 302, 402, 404, 422, 429, 500, 502, 503, 599, 999] {
            assert_eq!(of(status, 29_000), None, "{status}");
        }
    }
}
