//! The bare core in another blocking HTTP stack: `attohttpc` here, whose place any other can take.
//!
//!     cargo run --example embed_blocking
//!
//! The embedding is `Api::send` with its `transport`. The rest is a small program that shows it at work against an emulator and
//! exits non-zero when the emulator has counted other logins than it should have.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program talks to its user")]

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use waldo_auth_core::{
    Call, Config, Credentials, Head, Login, Now, Outcome, Reason, Session, Step, Unavailable, Verdict,
};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};

/// How long a call may wait for its token, and then for its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One session for all threads, and a way to say that something has settled.
struct Api {
    session: Mutex<Session>,
    settled: Condvar,
    started: Instant,
}

impl Api {
    /// The embedding: ask the session, do what it says, and never hold its lock while doing it.
    fn send(&self, mut request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        let mut call = Call::replayable().with_deadline(self.now().monotonic.saturating_add(PATIENCE));
        loop {
            let mut session = self.lock();
            match session.admit(call, &mut request, self.now())? {
                Step::Send(attempt) => {
                    drop(session);
                    let response = transport(&request, PATIENCE)?;
                    match self.lock().conclude(attempt, Head::from(&response), self.now()) {
                        Verdict::Deliver => return Ok(response),
                        Verdict::Retry(again) => call = again,
                    }
                }
                Step::Authenticate(login, then) => {
                    drop(session);
                    // A little less than the lease: a login that hangs shall fail, and not lapse.
                    let lease = login.lapses().saturating_duration_since(self.now().monotonic);
                    let outcome = match transport(&login.request(), lease * 9 / 10) {
                        Ok(answer) => login.read(Head::from(&answer), answer.body()),
                        Err(error) => {
                            Outcome::Unavailable(Unavailable::new(Reason::Transport).with_source(error))
                        }
                    };
                    self.lock().settle(login, outcome, self.now());
                    self.settled.notify_all();
                    call = then;
                }
                Step::Wait(then, until) => {
                    // In the critical section of `admit`, so that no wake-up is lost in between.
                    let patience = until.saturating_duration_since(self.now().monotonic);
                    drop(self.settled.wait_timeout(session, patience));
                    call = then;
                }
                Step::Refuse(refusal) => return Err(refusal.into()),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Session> {
        // The session is valid between any two steps, so a thread that panicked has left nothing half done.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now::new(self.started.elapsed(), SystemTime::now())
    }
}

/// What the HTTP stack has to be told: follow no redirects, let every status be an answer, and end in time.
fn transport(request: &Request<Vec<u8>>, within: Duration) -> Result<Response<Vec<u8>>, attohttpc::Error> {
    let mut builder = attohttpc::RequestBuilder::new(request.method().clone(), request.uri().to_string())
        .follow_redirects(false)
        .timeout(within)
        .bytes(request.body());
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let (status, headers, body) = builder.send()?.split();
    let mut text = Vec::new();
    // This program's answers are small. One byte more than a login's may have tells that it is too large.
    body.take(Login::MAX_BODY as u64 + 1).read_to_end(&mut text)?;
    let mut response = Response::new(text);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

/// A seed that no other process has, lest they all try again at the same instants.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let emulator = Emulator::start(Server::new(Policy::default()).with_key("key", "secret"))?;
    let config =
        Config::builder(emulator.origin(), Credentials::new("key", "secret")?).jitter_seed(seed()).build()?;
    let api =
        Api { session: Mutex::new(Session::new(config)), settled: Condvar::new(), started: Instant::now() };
    let customer =
        || api.send(Request::get(format!("{}/customer?field=id", emulator.origin())).body(Vec::new())?);

    let statuses: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(customer)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics").map(|r| r.status()))
            .collect()
    });
    for status in statuses {
        assert_eq!(status?, 200);
    }
    println!("16 threads were answered 200 after {} login", emulator.stats().server.logins_granted);
    assert_eq!(emulator.stats().server.logins_granted, 1);

    emulator.expire_all();
    println!("the tokens are expired; the next call is answered {}", customer()?.status());
    println!("after {} logins in all", emulator.stats().server.logins_granted);
    assert_eq!(emulator.stats().server.logins_granted, 2);

    println!("{}", api.lock().explain(api.now()));
    emulator.stop();
    Ok(())
}
