//! The server of a fleet.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::time::{Duration, UNIX_EPOCH};

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use waldo_test_driver::server::Fault as ServerFault;
use waldo_test_driver::server::{Answer, Reply, Server, Target};

use super::setup::{Fault, Serving, Setup};

/// The model server, and how it serves a key pair that many processes use.
#[derive(Clone, Debug)]
pub(super) struct Site {
    server: Server,
    serving: Serving,
    is_rejecting: bool,
}

/// A path that always answers 401.
pub(super) const CLOSED_PATH: &str = "/closed";

impl Site {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut server = Server::new(setup.policy()).with_key(Server::KEY_ID, Server::KEY_SECRET);
        server.push_fault(ServerFault::call(Answer::Unauthorized).on_path(CLOSED_PATH).forever());
        if setup.is_down {
            server.push_fault(ServerFault::login(Answer::status(503)).forever());
        }
        Self { server, serving: setup.serving, is_rejecting: false }
    }

    /// A server that issues tokens of its own, with another signing key, for a key pair with this
    /// secret.
    pub(super) fn foreign(setup: &Setup, secret: &str) -> Self {
        let mut server = Server::new(setup.policy()).with_key(Server::KEY_ID, secret);
        server.rotate_signing_key();
        Self { server, serving: Serving::Lenient, is_rejecting: false }
    }

    /// Handles a request. `truth` is the true time since 1970.
    pub(super) fn handle(
        &mut self,
        request: &Request<Vec<u8>>,
        fault: Option<Fault>,
        truth: Duration,
    ) -> Response<Vec<u8>> {
        let now = UNIX_EPOCH + truth;
        let is_login = self.server.target(request) == Target::Login;
        match fault {
            Some(Fault::Unavailable) => {
                self.server.push_fault(ServerFault::login(Answer::status(503)));
            }
            Some(Fault::LoginCut) => {
                self.server.push_fault(ServerFault::login(Answer::Cut).after_handling());
            }
            _ => {}
        }
        if is_login
            && self.serving == Serving::SingleSession
            && !self.is_rejecting
            && fault != Some(Fault::Unavailable)
        {
            self.server.expire_all();
        }
        match self.server.handle(request, now) {
            Reply::Respond(response) => response,
            Reply::CutShort(_) | Reply::Trickle(_) | Reply::Flood(_) | Reply::Hang | Reply::Cut => {
                let mut response = Response::new(Vec::new());
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    pub(super) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Revoked => self.server.expire_all(),
            Fault::NewSigningKey => self.server.rotate_signing_key(),
            Fault::KeyRejected => {
                self.server.revoke_key(Server::KEY_ID);
                self.is_rejecting = true;
            }
            Fault::ReadFails
            | Fault::ReplaceFails
            | Fault::AnswerLost
            | Fault::DocumentLost
            | Fault::Truncated
            | Fault::Garbled
            | Fault::OtherSecret
            | Fault::Replayed
            | Fault::ClockAhead
            | Fault::ClockBack
            | Fault::Killed
            | Fault::Delay
            | Fault::Unavailable
            | Fault::LoginCut => {}
        }
    }

    pub(super) fn is_rejecting(&self) -> bool {
        self.is_rejecting
    }

    pub(super) fn accept_again(&mut self) {
        self.server.restore_key(Server::KEY_ID);
        self.is_rejecting = false;
    }

    pub(super) fn logins_granted(&self) -> u64 {
        self.server.stats().logins_granted
    }

    /// All logins, with any result.
    pub(super) fn logins(&self) -> u64 {
        self.server.stats().logins()
    }

    pub(super) fn digest(&self) -> u64 {
        digest(&self.server) ^ u64::from(self.is_rejecting)
    }
}

pub(super) fn digest(thing: &(impl Hash + ?Sized)) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(thing)
}

/// The token of an answer.
pub(super) fn token_in(response: &Response<Vec<u8>>) -> Option<String> {
    let in_body = || {
        let body: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
        body.get("token")?.as_str().map(str::to_owned)
    };
    bearer(response.headers()).or_else(in_body)
}

/// The token in an `Authorization` header.
pub(super) fn bearer(headers: &http::HeaderMap) -> Option<String> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
}
