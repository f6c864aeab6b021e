//! Certifies an adapter of one's own: here the bare core over the HTTP client `attohttpc`.
//!
//!     cargo run -p waldo-conformance --example certify
//!     cargo run -p waldo-conformance --example certify cold-start    # one scenario alone

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::env;
use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use attohttpc::{ErrorKind, RequestBuilder, ResponseReader};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use waldo_auth_core::{
    AdmitError, Call, Config, Credentials, Head, Login, Now, Outcome, Reason, Session, Snapshot,
    Step, Unavailable, Verdict,
};
use waldo_conformance::{
    self as conformance, Adapter, Ask, BodyKind, Client, Ending, KeyPair, Lacking, Need, Setup,
};

/// How long a call without a deadline may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The adapter under test: how its clients are made, and what they cannot do.
pub(crate) struct Atto;

impl Adapter for Atto {
    type Client = AttoClient;

    fn lacks(&self) -> &[Need] {
        // A thread that blocks is not cancelled, and a login ends with its call. attohttpc sends a
        // body without asking the server first.
        &[Need::Cancellation, Need::OutlivingLogins, Need::Uploads, Need::StalledUploads]
    }

    fn client(&self, setup: &Setup) -> Result<AttoClient, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        // Another seed each time, as clients that fail together must not come back together.
        let seed = RandomState::new().build_hasher().finish();
        let config = Config::builder(&setup.origin, credentials).jitter_seed(seed);
        let config = setup.settings.apply(config).build()?;
        let session = Mutex::new(Session::new(config));
        Ok(AttoClient { session, settled: Condvar::new(), started: Instant::now() })
    }
}

/// The client: one session for all threads, and a condition variable that wakes them when a login
/// is settled.
pub(crate) struct AttoClient {
    session: Mutex<Session>,
    settled: Condvar,
    started: Instant,
}

/// Does what the suite asks, with the calls of this client.
impl Client for AttoClient {
    fn send(&self, ask: &Ask) -> Ending {
        self.call(ask).unwrap_or_else(|ending| ending)
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        if let Ok(credentials) = Credentials::new(&key.id, &key.secret) {
            self.lock().reset(credentials, self.now());
        }
        self.settled.notify_all();
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        let (mut session, now) = (self.lock(), self.now());
        if let Some(generation) = session.generation() {
            session.invalidate(generation, now);
        }
        self.settled.notify_all();
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.lock().snapshot(self.now()).map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot = Snapshot::from_json(stored.as_bytes());
        let resumed =
            snapshot.is_ok_and(|snapshot| self.lock().resume(&snapshot, self.now()).is_ok());
        self.settled.notify_all();
        Ok(resumed)
    }
}

impl AttoClient {
    /// The loop around the core. Both its results are endings: `Err` is one that comes early.
    fn call(&self, ask: &Ask) -> Result<Ending, Ending> {
        let deadline = self.now().monotonic.saturating_add(ask.deadline().unwrap_or(TIMEOUT));
        let mut call = match ask.body() {
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
            BodyKind::OneShot => Call::one_shot(),
        }
        .with_deadline(deadline);
        let mut request = ask.request().clone();
        loop {
            let mut session = self.lock();
            let step =
                session.admit(call, &mut request, self.now()).map_err(|error| match error {
                    AdmitError::ForeignOrigin(_) => Ending::ForeignOrigin,
                    error @ AdmitError::TooManyHeaders => Ending::Other(error.to_string()),
                })?;
            match step {
                Step::Send(attempt) => {
                    drop(session);
                    let left = deadline.saturating_duration_since(self.now().monotonic);
                    let (response, body) =
                        exchange(&request, left).map_err(|error| self.ending(&error, deadline))?;
                    // The head counts by itself: a renewed token came whole, even if the body
                    // breaks off. This is its own statement, to release the lock before the body is
                    // read.
                    let verdict = self.lock().conclude(attempt, Head::from(&response), self.now());
                    match verdict {
                        Verdict::Retry(again) => call = again,
                        Verdict::Deliver => {
                            let body = body
                                .read(usize::MAX, left)
                                .map_err(|error| self.ending(&error, deadline))?;
                            return Ok(Ending::Answered {
                                status: response.status().as_u16(),
                                body,
                            });
                        }
                    }
                }
                Step::Authenticate(login, then) => {
                    drop(session);
                    let outcome = self.log_in(&login, deadline);
                    self.lock().settle(login, outcome, self.now());
                    self.settled.notify_all();
                    call = then;
                }
                Step::Wait(then, until) => {
                    // In the critical section of `admit`, so that no wake-up is lost in between.
                    let wait = until.saturating_duration_since(self.now().monotonic);
                    drop(self.settled.wait_timeout(session, wait));
                    call = then;
                }
                Step::Refuse(refusal) => {
                    let retry_in =
                        refusal.retry_at().saturating_duration_since(self.now().monotonic);
                    return Err(Ending::refused(&refusal, retry_in));
                }
            }
        }
    }

    /// A little less than the lease, so that a login that hangs fails before its lease expires.
    fn log_in(&self, login: &Login, deadline: waldo_auth_core::Instant) -> Outcome {
        let now = self.now().monotonic;
        let lease = login.expires_at().saturating_duration_since(now) * 9 / 10;
        let own = deadline.saturating_duration_since(now);
        let (began, limit) = (Instant::now(), lease.min(own));
        let answer = exchange(&login.request(), limit).and_then(|(response, body)| {
            let left = limit.saturating_sub(began.elapsed());
            let body = match Login::body_timeout(response.status(), left) {
                Some(timeout) => body.read(Login::MAX_BODY + 1, timeout),
                None => Ok(Vec::new()),
            };
            match body {
                // If the status is not a success, it says enough, even if the body breaks off.
                Err(_) if !response.status().is_success() => Ok(response.map(|()| Vec::new())),
                body => body.map(|body| response.map(|()| body)),
            }
        });
        let is_late = began.elapsed() >= limit;
        match answer {
            Ok(answer) => login.read(Head::from(&answer), answer.body()),
            // The call had no more time, which says nothing about the server.
            Err(error) if (is_late || timed_out(&error)) && own < lease => Outcome::Abandoned,
            Err(error) => {
                let is_timeout = is_late || timed_out(&error);
                let reason = if is_timeout { Reason::Timeout } else { Reason::Transport };
                Outcome::Unavailable(Unavailable::new(reason).with_source(error))
            }
        }
    }

    /// The stack ends a call that is out of time by closing its connection, and sometimes says only
    /// that the connection broke off. So the deadline decides.
    fn ending(&self, error: &attohttpc::Error, deadline: waldo_auth_core::Instant) -> Ending {
        let is_late = self.now().monotonic >= deadline;
        if is_late || timed_out(error) { Ending::TimedOut } else { Ending::Failed }
    }

    fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now::new(self.started.elapsed(), SystemTime::now())
    }
}

/// One exchange. The HTTP stack follows no redirects, returns every status as an answer, and ends
/// in time.
fn exchange(
    request: &Request<Vec<u8>>,
    within: Duration,
) -> attohttpc::Result<(Response<()>, Unread)> {
    let mut builder = RequestBuilder::new(request.method().clone(), request.uri().to_string())
        .follow_redirects(false)
        .timeout(within);
    for (name, value) in request.headers() {
        builder = builder.header_append(name, value);
    }
    let (status, headers, reader) = builder.bytes(request.body()).send()?.split();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // The length in a response to a HEAD is of no body.
    let length = length.filter(|_| *request.method() != Method::HEAD);
    let mut response = Response::new(());
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok((response, Unread { reader, length }))
}

/// The body of a response that has not been read yet.
struct Unread {
    reader: ResponseReader,
    length: Option<usize>,
}

impl Unread {
    fn read(self, at_most: usize, within: Duration) -> attohttpc::Result<Vec<u8>> {
        let (began, mut bytes) = (Instant::now(), Vec::new());
        let mut reader = self.reader.take(at_most as u64);
        let mut chunk = [0; 8192];
        loop {
            match reader.read(&mut chunk)? {
                0 => break,
                // The stack's own timeout is that of the whole exchange, so check the time here.
                _ if began.elapsed() > within => {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                }
                got => bytes.extend_from_slice(chunk.get(..got).unwrap_or_default()),
            }
        }
        // This stack takes a body that breaks off for a whole one.
        if self.length.is_some_and(|length| bytes.len() < length.min(at_most)) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes)
    }
}

fn timed_out(error: &attohttpc::Error) -> bool {
    let slow = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
    matches!(error.kind(), ErrorKind::Io(error) if slow.contains(&error.kind()))
}

/// Runs the suite, or one scenario by its name.
pub(crate) fn run(adapter: &impl Adapter, scenario: Option<&str>) -> Result<(), Box<dyn Error>> {
    let passed = if let Some(name) = scenario {
        let result = conformance::certify_one(adapter, name)?;
        println!("{result}");
        !result.is_failed()
    } else {
        let report = conformance::certify(adapter);
        println!("{report}");
        report.is_certified()
    };
    if passed { Ok(()) } else { Err("the adapter is not certified".into()) }
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&Atto, env::args().nth(1).as_deref())
}
