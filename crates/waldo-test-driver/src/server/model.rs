//! The server with all its state.

mod tokens;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::clock::Moment;
use super::evaluation::Evaluations;
use super::fault::{Answer, Fault, Faults, Stage, Target};
use super::key::{Keys, Secret};
use super::ledger::Ledger;
use super::policy::{LoginAnswer, Policy, Refuses, RenewalForm, Servers};
use super::reply::{self, Reply};
use super::route::{self, Endpoint, Visit};
use super::stats::Stats;
use super::stub::{Stub, Stubs};
use tokens::Bearer;

/// The Waldo API as a value: requests and times go in, replies come out.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use waldo_test_driver::server::{Policy, Server};
///
/// let mut server = Server::new(Policy::default()).with_key("wk.some-key", "ws.some-secret");
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
///
/// let login = http::Request::post("/authenticate")
///     .body(r#"{"apiKey": "wk.some-key", "clientSecret": "ws.some-secret"}"#)?;
/// let granted = server.handle(&login, now).response().expect("no fault is set");
/// let body: serde_json::Value = serde_json::from_slice(granted.body())?;
/// let token = body["token"].as_str().map(str::to_owned);
/// let token = token.expect("a login is granted a token");
///
/// let call = http::Request::get("/customer?email=a%40b.c")
///     .header("Authorization", format!("Bearer {token}"))
///     .body("")?;
/// let answer = server.handle(&call, now).response().expect("no fault is set");
/// assert_eq!(answer.status(), 200);
/// assert!(answer.headers()["authorization"].to_str()?.starts_with("Bearer "));
///
/// let late = now + Duration::from_secs(60 * 60);
/// assert_eq!(server.handle(&call, late).response().expect("no fault is set").status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Server {
    policy: Arc<Policy>,
    keys: Keys,
    signing: Signing,
    ledger: Ledger,
    faults: Faults,
    stubs: Stubs,
    evaluations: Evaluations,
    stats: Stats,
    /// The number of requests before the counts were last set to zero. So no id comes twice.
    counted_before: u64,
    /// The number of minted tokens, which is the next `jti`.
    minted: u64,
    /// The number of signing keys that were made.
    rekeyed: u64,
    /// The next signing key, which the second of two servers already has.
    next_key: Secret,
    /// Whether the second of two servers answers.
    second: bool,
    /// The first renewed token, which a cache in front of the server repeats.
    first_renewal: Option<Secret>,
}

fn signing_key(number: u64) -> Secret {
    Secret::new(format!("signing key {number} of the model"))
}

/// The key that signs tokens.
#[derive(Clone, Hash)]
enum Signing {
    /// The client secret of the token's key pair, as in the API's own sample.
    ClientSecret,
    /// One key for all tokens.
    Own(Secret),
}

impl Server {
    /// The id of the key pair that [`Server::default`] knows.
    pub const KEY_ID: &'static str = "wk.sandbox.example";

    /// The secret of the key pair that [`Server::default`] knows.
    pub const KEY_SECRET: &'static str = "ws.sandbox.example";

    /// The endpoints that need a token. [`Policy::unknown_paths`] decides about all other paths.
    pub const ENDPOINTS: &'static [Endpoint] = route::ENDPOINTS;

    /// A server without key pairs.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy: Arc::new(policy),
            keys: Keys::default(),
            signing: Signing::ClientSecret,
            ledger: Ledger::new(),
            faults: Faults::default(),
            stubs: Stubs::default(),
            evaluations: Evaluations::default(),
            stats: Stats::default(),
            counted_before: 0,
            minted: 0,
            rekeyed: 0,
            next_key: signing_key(1),
            second: false,
            first_renewal: None,
        }
    }

    /// Adds a key pair.
    #[must_use]
    pub fn with_key(mut self, id: &str, secret: &str) -> Self {
        self.add_key(id, secret);
        self
    }

    /// Adds a key pair. A known id gets the new secret, and is active again.
    pub fn add_key(&mut self, id: &str, secret: &str) {
        self.keys.add(Secret::new(id), Secret::new(secret));
    }

    /// Deactivates a key like the dashboard: its logins and calls get `API_KEY_REVOKED`. False if
    /// the key is unknown.
    pub fn revoke_key(&mut self, id: &str) -> bool {
        self.keys.activate(id, false)
    }

    /// Activates a key again. Its tokens that have not expired are valid again. False if the key is
    /// unknown.
    pub fn restore_key(&mut self, id: &str) -> bool {
        self.keys.activate(id, true)
    }

    /// Signs with a new key from now on, as after a restart. All older tokens are invalid.
    ///
    /// The new key is not the client secret, so a client that checks signatures with the secret
    /// rejects the new tokens.
    pub fn rotate_signing_key(&mut self) {
        self.rekeyed += 1;
        let next = std::mem::replace(&mut self.next_key, signing_key(self.rekeyed + 1));
        self.signing = Signing::Own(next);
    }

    /// Signs with this key from now on, or with each client secret if the key is `None`.
    ///
    /// Earlier tokens with this signature are valid again, if they have not expired.
    pub fn set_signing_key(&mut self, secret: Option<&str>) {
        self.signing =
            secret.map_or(Signing::ClientSecret, |secret| Signing::Own(Secret::new(secret)));
    }

    /// Makes all tokens that were issued so far invalid, as if their lifetimes had ended.
    pub fn expire_all(&mut self) {
        self.ledger.clear();
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Replaces the policy. Issued tokens keep their dates.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = Arc::new(policy);
    }

    /// Adds a fault.
    pub fn push_fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The faults that are still to come, including permanent faults. The list may still hold some
    /// used faults.
    pub fn faults(&self) -> &[Fault] {
        self.faults.waiting()
    }

    /// Adds a stub.
    #[must_use]
    pub fn with_stub(mut self, stub: Stub) -> Self {
        self.push_stub(stub);
        self
    }

    /// Adds a stub.
    pub fn push_stub(&mut self, stub: Stub) {
        self.stubs.push(stub);
    }

    /// Removes all stubs.
    pub fn clear_stubs(&mut self) {
        self.stubs.clear();
    }

    /// The stubs that still answer. The list may still hold some used stubs.
    pub fn stubs(&self) -> &[Stub] {
        self.stubs.all()
    }

    /// The counts of the server so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Sets all counts to zero.
    pub fn reset_stats(&mut self) {
        self.counted_before += self.stats.total();
        self.stats = Stats::default();
    }

    /// Whether a request is a login or a call under this policy.
    pub fn target<B>(&self, request: &Request<B>) -> Target {
        if request.method() == Method::POST && request.uri().path() == self.policy.login_path {
            Target::Login
        } else {
            Target::Calls
        }
    }

    /// Whether a call with this token would be accepted now. This changes nothing, not even the
    /// counts.
    pub fn accepts(&self, token: &str, now: SystemTime) -> bool {
        self.examine(token, Moment::read(now, self.policy.clock_offset), self.is_seconds_turn())
            .is_ok()
    }

    /// Whether the server refuses this call at `now` without reading its body
    /// ([`Policy::refuses`]).
    ///
    /// This changes nothing in the server. Pass the head to [`handle`](Self::handle) for the
    /// answer.
    pub fn refuses_on_head<B>(&self, head: &Request<B>, now: SystemTime) -> bool {
        let token = || self.policy.accept.token(head.headers().get(AUTHORIZATION)?.to_str().ok()?);
        self.policy.refuses != Refuses::AfterBody
            && self.target(head) == Target::Calls
            && !token().is_some_and(|token| self.accepts(token, now))
    }

    /// Handles one request at the true time `now`. The server's own clock differs by the policy's
    /// offset.
    pub fn handle<B: AsRef<[u8]>>(&mut self, request: &Request<B>, now: SystemTime) -> Reply {
        let at = Moment::read(now, self.policy.clock_offset);
        let target = self.target(request);
        self.second = self.is_seconds_turn();
        let mut reply = self.answer(request, target, at);
        match &mut reply {
            Reply::Respond(response) => {
                reply::stamp_date(response, self.policy.date, at);
                *self.stats.requests.entry(response.status().as_u16()).or_default() += 1;
                if target == Target::Calls && response.status() == StatusCode::UNAUTHORIZED {
                    self.stats.calls_unauthorized += 1;
                }
            }
            Reply::CutShort(response) | Reply::Trickle(response) | Reply::Flood(response) => {
                reply::stamp_date(response, self.policy.date, at);
                self.stats.unanswered += 1;
            }
            Reply::Hang | Reply::Cut => self.stats.unanswered += 1,
        }
        reply
    }

    /// Whether the second of two servers handles the next request.
    fn is_seconds_turn(&self) -> bool {
        self.policy.servers == Servers::ByTurns && !self.second
    }

    /// The documented answer, or the answer of a fault.
    fn answer<B: AsRef<[u8]>>(
        &mut self,
        request: &Request<B>,
        target: Target,
        at: Moment,
    ) -> Reply {
        let fault = self.faults.take(target, request.uri().path());
        let (answer, stage) = match fault {
            Some((answer, _)) if answer.is_of_the_handled() => (Some(answer), Stage::After),
            Some((answer, stage)) => (Some(answer), stage),
            None => (None, Stage::After),
        };
        let instead = answer.as_ref().and_then(|answer| reply::faulty(answer, target, at));
        let response = if stage == Stage::Before {
            self.stats.logins_failed += u64::from(target == Target::Login);
            instead.unwrap_or_default()
        } else {
            let (handled, bearer) = match target {
                Target::Login => (self.login(request.body().as_ref(), at), None),
                Target::Calls => self.call(request, at),
            };
            let mut response = instead.unwrap_or(handled);
            let renewals =
                self.policy.renewal_on.covers(response.status()) && answer != Some(Answer::NoToken);
            if let Some(text) =
                bearer.filter(|_| renewals).and_then(|bearer| match &self.first_renewal {
                    Some(first) if answer == Some(Answer::StaleRenewal) => {
                        Some(first.expose().to_owned())
                    }
                    _ => self.renew(&bearer, at),
                })
            {
                self.first_renewal.get_or_insert_with(|| Secret::new(text.as_str()));
                let several = self.policy.renewal == RenewalForm::Several;
                if several {
                    reply::stamp_token(&mut response, " ".to_owned());
                }
                reply::stamp_token(&mut response, text);
                if several {
                    reply::stamp_token(&mut response, tokens::MALFORMED.to_owned());
                }
            }
            if let Some(Answer::Padded { bytes }) = answer {
                reply::pad(&mut response, bytes);
            }
            if answer == Some(Answer::Compressed) {
                reply::encode(&mut response);
            }
            response
        };
        match answer {
            Some(Answer::Hang) => Reply::Hang,
            Some(Answer::Cut) => Reply::Cut,
            Some(Answer::CutShort) => Reply::CutShort(response),
            Some(Answer::Trickle | Answer::Endless { flood: false, .. }) => {
                Reply::Trickle(response)
            }
            Some(Answer::Flood | Answer::Endless { flood: true, .. }) => Reply::Flood(response),
            _ => Reply::Respond(response),
        }
    }

    fn login(&mut self, body: &[u8], at: Moment) -> Response<Vec<u8>> {
        match self.grant(body, at) {
            Ok(token) => {
                self.stats.logins_granted += 1;
                let (status, body) = match self.policy.login_answer {
                    LoginAnswer::Body => (StatusCode::OK, json!({ "token": token })),
                    LoginAnswer::Prefixed => {
                        (StatusCode::OK, json!({ "token": format!("Bearer {token}") }))
                    }
                    LoginAnswer::Created => (StatusCode::CREATED, json!({ "token": token })),
                    LoginAnswer::Header => (StatusCode::OK, json!({})),
                };
                let mut response = reply::json(status, &body);
                if self.policy.login_header || self.policy.login_answer == LoginAnswer::Header {
                    reply::stamp_token(&mut response, format!("Bearer {token}"));
                }
                response
            }
            Err(refusal) => {
                *self.stats.logins_refused.entry(refusal.code().to_owned()).or_default() += 1;
                refusal.response()
            }
        }
    }

    fn call<'a, B: AsRef<[u8]>>(
        &mut self,
        request: &'a Request<B>,
        at: Moment,
    ) -> (Response<Vec<u8>>, Option<Bearer<'a>>) {
        match self.authenticate(request.headers(), at) {
            Ok(bearer) => {
                let (method, uri, body) =
                    (request.method(), request.uri(), request.body().as_ref());
                let stub = self.stubs.take(method, uri.path());
                let answer = stub.unwrap_or_else(|| {
                    let serial = self.counted_before + self.stats.total();
                    let visit = Visit { method, uri, body, serial, at };
                    route::answer(visit, &self.policy, &mut self.evaluations)
                });
                (answer, Some(bearer))
            }
            Err(refusal) => (refusal.response(), None),
        }
    }
}

impl Default for Server {
    /// The default policy, and the one key pair [`Server::KEY_ID`], [`Server::KEY_SECRET`].
    fn default() -> Self {
        Self::new(Policy::default()).with_key(Self::KEY_ID, Self::KEY_SECRET)
    }
}

/// Hashes all state that decides how the server authenticates. Two servers of one policy with equal
/// hashes accept the same requests. The hash leaves out the counts and the evaluations, although
/// the bodies of answers depend on them.
impl Hash for Server {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { policy: _, keys, signing, ledger, faults, stubs, minted, rekeyed, .. } = self;
        // Leave out the next key, which follows from the count of keys. Leave out the cached token,
        // because it does not change which tokens are accepted.
        (keys, signing, ledger, faults, stubs).hash(state);
        (minted, rekeyed, self.second).hash(state);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("policy", &self.policy)
            .field("keys", &self.keys.len())
            .field("ledger", &self.ledger)
            .field("faults", &self.faults)
            .field("stubs", &self.stubs)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
