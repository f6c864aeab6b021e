//! The bare core in another blocking HTTP stack: `attohttpc` here, whose place any other can take.
//!
//!     cargo run --example embed_blocking
//!
//! The embedding is `Api::send`, some thirty lines. The rest is a small program that shows it at work against an emulator and
//! exits non-zero when the emulator has counted other logins than it should have.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program talks to its user")]

use std::error::Error;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use http::{Request, Response};
use waldo_auth_core::{
    Call, Config, Credentials, Head, Now, Outcome, Reason, Session, Step, Unavailable, Verdict,
};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};

/// One session for all threads, and a way to say that something has settled.
struct Api {
    session: Mutex<Session>,
    settled: Condvar,
    started: Instant,
}

impl Api {
    /// The embedding: ask the session, do what it says, and never hold its lock while doing it.
    fn send(&self, mut request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        let mut call = Call::replayable();
        loop {
            let mut session = self.lock();
            let step = session.admit(call, self.now());
            match step {
                Step::Send(permit) => {
                    drop(session);
                    let attempt = permit.authorize(&mut request)?;
                    let response = transport(&request)?;
                    match self.lock().conclude(attempt, Head::from(&response), self.now()) {
                        Verdict::Deliver => return Ok(response),
                        Verdict::Retry(again) => call = again,
                    }
                }
                Step::Authenticate(login, then) => {
                    drop(session);
                    let outcome = match transport(&login.request()) {
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
                    let patience = until.saturating_duration_since(self.now().monotonic);
                    session = self
                        .settled
                        .wait_timeout(session, patience)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    drop(session);
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

/// What the HTTP stack has to be told: do not follow redirects, and let every status be an answer.
fn transport(request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, attohttpc::Error> {
    let mut builder = attohttpc::RequestBuilder::new(request.method().clone(), request.uri().to_string())
        .follow_redirects(false)
        .bytes(request.body());
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let (status, headers, body) = builder.send()?.split();
    let mut response = Response::new(body.bytes()?);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let emulator = Emulator::start(Server::new(Policy::default()).with_key("key", "secret"))?;
    let config = Config::builder(emulator.origin(), Credentials::new("key", "secret")?).build()?;
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
