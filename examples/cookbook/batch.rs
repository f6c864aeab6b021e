//! A batch: threads take customers from a list, onboard each, and poll until its evaluation ends.
//! All threads share one login, and a customer that the API refuses does not stop the others.
//!
//!     cargo run --example batch

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error as StdError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use waldo_emulator::Emulator;
use waldo_emulator::model::{EvaluationEnd, Method, Policy, Server, Stub};
use waldo_ureq::http::{Response, StatusCode};
use waldo_ureq::{Client, Credentials, Error, ureq::Body};

type Failure = Box<dyn StdError + Send + Sync>;

const THREADS: usize = 8;
/// How often an evaluation is polled. With the API, use some seconds.
const INTERVAL: Duration = Duration::from_millis(20);
const MAX_POLLS: usize = 50;
/// The limit of each call, with the wait for a login. The default is 60 s.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A call is made again at most this often, and after a wait of at most this time.
const MAX_RETRIES: usize = 3;
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Onboards every customer, a JSON object each. Prints each result, and counts the successes.
fn batch(client: &Client, customers: &[String]) -> usize {
    let (next, complete) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(customer) = customers.get(index) else { return };
        match onboard(client, customer) {
            Ok(status) => {
                println!("customer {index}: {status}");
                complete.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => println!("customer {index}: {error}"),
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    complete.into_inner()
}

/// Returns the status of the evaluation after its end.
fn onboard(client: &Client, customer: &str) -> Result<String, Failure> {
    let request = || client.post("/onboard").header("content-type", "application/json");
    // A second POST may create a second customer, so make it only if the first one had no effect.
    let safe =
        |error: &Error| error.never_sent() || error.status() == Some(StatusCode::TOO_MANY_REQUESTS);
    let begun = retry(safe, || read(request().send(customer)))?;
    let id = begun.get("customerId").and_then(Value::as_str).ok_or("no customerId")?;
    for _ in 0..MAX_POLLS {
        // A second GET does no harm.
        let poll = || read(client.get("/history/kyc").segment(id).call());
        let history = retry(|_| true, poll)?;
        let status = history.pointer("/history/0/evaluation/status").and_then(Value::as_str);
        match status {
            Some("pending") | None => thread::sleep(INTERVAL),
            Some(status) => return Ok(status.to_owned()),
        }
    }
    Err("the evaluation has not ended".into())
}

/// Reads the body to its end, so that the next call can use the same connection.
fn read(result: Result<Response<Body>, Error>) -> Result<Value, Error> {
    Ok(result?.body_mut().read_json()?)
}

/// Makes a call again if that is safe, and if the error says when the call may work.
fn retry<T>(
    safe: impl Fn(&Error) -> bool,
    call: impl Fn() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut retries = 0;
    loop {
        let error = match call() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let again = safe(&error) && retries < MAX_RETRIES;
        let wait = error.retry_in().filter(|wait| again && *wait <= MAX_WAIT);
        thread::sleep(wait.ok_or(error)?);
        retries += 1;
    }
}

fn main() -> Result<(), Failure> {
    let policy = Policy { evaluations: EvaluationEnd::Polls(2), ..Policy::default() };
    let emulator = Emulator::start(Server::new(policy).with_key("wk.batch", "ws.batch"))?;
    // One poll is answered with a 503, which asks the client to come again at once.
    let busy = Response::builder().status(503).header("retry-after", "0").body("")?;
    emulator.push_stub(Stub::prefix(Method::GET, "/history/").response(busy).times(1));
    // A program with an account begins with `Client::from_env()`.
    let credentials = Credentials::new("wk.batch", "ws.batch")?;
    let client = Client::builder(credentials).origin(emulator.origin()).timeout(TIMEOUT).build()?;

    let mut customers: Vec<_> = (1..=24).map(|n| json!({ "firstName": n }).to_string()).collect();
    customers.insert(7, "no JSON object".to_owned());
    let complete = batch(&client, &customers);
    let stats = emulator.stats().server;
    println!("{complete} of {} complete; logins: {}", customers.len(), stats.logins());
    // One login, 24 customers with a POST and three polls, one refused POST, one poll with a 503.
    let expected = (24, 1, 1 + 24 * 4 + 1 + 1);
    let seen = (complete, stats.logins(), stats.total());
    if seen == expected { Ok(()) } else { Err(format!("{seen:?} and not {expected:?}").into()) }
}
