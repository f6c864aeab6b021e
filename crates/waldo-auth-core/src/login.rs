//! One login: a `POST /authenticate` and its outcome.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};

use crate::credentials::Credentials;
use crate::failure::{Reason, Rejection, Unavailable};
use crate::shared_failure::SharedFailure;
use crate::time::{Instant, Now};
use crate::verify;
use crate::wire::{self, Answer, Claims, Head, Jwt, NumericDate};

/// The permission to log in, held by one call for all.
///
/// Send [`request`](Login::request), hand the answer to [`read`](Login::read), and end the login
/// with [`settle`](crate::Session::settle). If a leader disappears before it settles, its lease
/// ends the login. A call without a deadline may wait one lease for each leader that disappears.
#[derive(Debug)]
#[must_use = "others wait for this login: settle it"]
pub struct Login {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    /// The newest generation when the login started.
    pub(crate) generation: u64,
    pub(crate) sent: Now,
    pub(crate) expires_at: Instant,
    /// The session that started the login.
    pub(crate) session: usize,
    pub(crate) uri: Uri,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) retry_after_cap: Duration,
    pub(crate) verify: bool,
}

/// The claim of one leader to log in for all calls. A lease expires by itself, so a leader that
/// disappears blocks the other calls until then only (rule 13).
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

/// How long the body of a rejection may take. The body is short, and the status already says most.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How a login ended.
#[derive(Debug)]
#[must_use = "settle the login with it"]
pub enum Outcome {
    /// The server granted a token.
    Granted(Grant),
    /// The server rejected the key pair.
    Rejected(Rejection),
    /// The login brought no token. A later login may bring one.
    Unavailable(Unavailable),
    /// Another session of the fleet has failed to log in, so this one does not try. A store told so.
    FailedElsewhere(SharedFailure),
    /// The leader abandoned the login before its answer came. For example, the leader was
    /// cancelled, or its call reached the deadline.
    Abandoned,
}

/// A token from the answer to a login. [`Login::read`] makes it.
pub struct Grant {
    /// The login that brought the token, and its session.
    pub(crate) login: u64,
    pub(crate) session: usize,
    pub(crate) header: HeaderValue,
    pub(crate) claims: Claims,
    pub(crate) date: Option<NumericDate>,
}

impl Login {
    /// The largest accepted body of an answer, in bytes. Read one byte more, so that
    /// [`read`](Self::read) notices a larger body.
    pub const MAX_BODY: usize = wire::MAX_BODY_BYTES;

    /// The request to send. Send it without an `Authorization` header, and do not follow redirects
    /// (rule 1).
    ///
    /// The body holds the key pair in clear, so wipe the body after you have sent it, for example
    /// with `zeroize::Zeroizing`. The body's buffer never grew, so memory holds no other copy of
    /// the key pair. The request is not a call: it needs no token, and must not wait for a login.
    pub fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::new(self.credentials.to_json());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json.clone());
        request.headers_mut().insert(ACCEPT, json);
        request
    }

    /// When the lease expires. From then on another call may log in, so the timeout of the login's
    /// request should end earlier.
    pub fn expires_at(&self) -> Instant {
        self.expires_at
    }

    /// How long to read the body of an answer with `status`. `left` is the time that the login
    /// still has.
    ///
    /// | it returns | status | what to do |
    /// |---|---|---|
    /// | `Some(left)` | success | read the body; if the time ends first, the login has timed out |
    /// | `Some` of two seconds at most | 400, 401, 403 | read the body; if the time ends first, [`read`](Self::read) the part that has come |
    /// | `None` | any other | [`read`](Self::read) the head with an empty body, because the status says enough |
    ///
    /// The table is part of rule 2.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waldo_auth_core::Login;
    ///
    /// let left = Duration::from_secs(29);
    /// let status = |code| http::StatusCode::from_u16(code).unwrap();
    /// let timeout = |code| Login::body_timeout(status(code), left);
    /// assert_eq!(timeout(200), Some(left));
    /// assert_eq!(timeout(401), Some(Duration::from_secs(2)));
    /// assert_eq!(timeout(503), None);
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

/// Hashes what tells a login from the other logins of its session. The epoch stands for the key
/// pair.
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
                .map(|timeout| timeout.as_millis())
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
