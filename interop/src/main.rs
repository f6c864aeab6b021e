//! Tests of this project with other programs.
//!
//! The programs are a server on express and jsonwebtoken that follows the API's documents, the
//! API's own Node sample, and the JSON reader of Node and browsers.
//!
//! Each test compares the counts of the other side with the expected counts, and then must fail
//! against a server with a fault. `bash interop/run` installs the libraries first.

#![expect(clippy::print_stdout, reason = "the program prints its results")]

mod json;
mod node;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, RenewalForm, Server};
use waldo_ureq::{Client, Credentials, Error};

use crate::node::{Express, Settings, sample};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
/// A test. The argument is the fault of the other side.
type Meeting = fn(Option<&'static str>) -> Outcome;

const KEY: &str = "wk.interop";
const SECRET: &str = "ws.interop";

const MEETINGS: [(&str, Meeting); 10] = [
    ("sequential calls to express cause one login", sequential),
    ("32 threads at once cause one login", threads),
    ("tokens of 2 s are renewed without a login, and an idle time costs one login", short_lives),
    ("single-use tokens: sequential calls see no 401", strict),
    ("a restart with a new signing key costs one login, and no call fails", restart),
    ("a token that is known 300 ms after its issue costs one login, also after a restart", lag),
    ("a wrong secret is tried once", wrong_secret),
    ("the API's own sample, bare renewals: ten calls, one login", |_| {
        sample_logins(RenewalForm::Bare, 1)
    }),
    ("the API's own sample, renewals with Bearer: ten calls, ten logins", |_| {
        sample_logins(RenewalForm::Bearer, 10)
    }),
    ("100,000 texts that are nearly JSON: the client reads what JSON.parse reads", |_| {
        json::meeting()
    }),
];

/// Tests with a faulty server, and how each must fail. A server that refuses one call refuses the
/// last one: an earlier call may have begun before the login, and then its 401 is delivered.
const FAULTS: [(&str, Meeting, &str); 9] = [
    ("refuses-call-10", sequential, "logins: 2 instead of 1"),
    ("loses-a-body", sequential, "the posted body: Some(Null) instead of"),
    ("refuses-call-320", threads, "logins: 2 instead of 1"),
    ("renews-nothing", strict, "the server answered 401"),
    ("refuses-call-64", restart, "logins after the restart: 2 instead of 1"),
    ("knows-at-once", lag, "the first call was accepted"),
    ("never-knows", lag, "the server never accepted the token"),
    ("accepts-any-secret", wrong_secret, "a call with a wrong secret was answered"),
    ("renews with Bearer", |_| sample_logins(RenewalForm::Bearer, 1), "logins: 10 instead of 1"),
];

fn main() -> ExitCode {
    let mut failed = 0;
    for (title, meeting) in MEETINGS {
        let started = Instant::now();
        let outcome = meeting(None);
        let seconds = started.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => println!("ok      {title} ({seconds:.1} s)"),
            Err(error) => {
                failed += 1;
                println!("FAILED  {title} ({seconds:.1} s): {error}");
            }
        }
    }
    for (fault, meeting, why) in FAULTS {
        match meeting(Some(fault)) {
            Err(error) if error.to_string().starts_with(why) => {
                println!("fails   {fault}: {error}");
            }
            outcome => {
                failed += 1;
                println!("FAILED  {fault}: {outcome:?} instead of {why:?}");
            }
        }
    }
    println!("\n{} passed, {failed} failed", MEETINGS.len() + FAULTS.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn sequential(fault: Option<&'static str>) -> Outcome {
    let server = Express::start(&Settings { fault, ..Settings::default() })?;
    let client = client(&server.origin(), SECRET)?;
    for _ in 0..20 {
        customer(&client)?;
    }
    let mut response = client.post("/onboard").send_json(&json!({"email": "a@example.com"}))?;
    let body: serde_json::Value = serde_json::from_slice(&response.body_mut().read_to_vec()?)?;
    expect("the posted body", body.get("received"), Some(&json!({"email": "a@example.com"})))?;
    server.expect(1, &[(200, 22)])
}

fn threads(fault: Option<&'static str>) -> Outcome {
    let server = Express::start(&Settings { fault, ..Settings::default() })?;
    let client = client(&server.origin(), SECRET)?;
    all_at_once(&client, 32, 10)?;
    server.expect(1, &[(200, 321)])
}

fn short_lives(fault: Option<&'static str>) -> Outcome {
    let server = Express::start(&Settings { lifetime_s: 2, fault, ..Settings::default() })?;
    let client = client(&server.origin(), SECRET)?;
    for _ in 0..12 {
        customer(&client)?;
        thread::sleep(Duration::from_millis(400));
    }
    server.expect(1, &[(200, 13)])?;
    thread::sleep(Duration::from_millis(2500));
    all_at_once(&client, 32, 1)?;
    server.expect(2, &[(200, 46)])
}

fn strict(fault: Option<&'static str>) -> Outcome {
    let server = Express::start(&Settings { strict: true, fault, ..Settings::default() })?;
    let client = client(&server.origin(), SECRET)?;
    for _ in 0..50 {
        customer(&client)?;
    }
    server.expect(1, &[(200, 51)])
}

/// The second server has the fault.
fn restart(fault: Option<&'static str>) -> Outcome {
    let server = Express::start(&Settings::default())?;
    let client = client(&server.origin(), SECRET)?;
    all_at_once(&client, 32, 2)?;
    server.expect(1, &[(200, 65)])?;
    let port = server.port();
    drop(server);
    let signing_key = Some("another");
    let server = Express::start(&Settings { port, signing_key, fault, ..Settings::default() })?;
    all_at_once(&client, 32, 2)?;
    expect("logins after the restart", server.stats()?.logins, 1)?;
    expect("calls answered after the restart", server.stats()?.answered(200), 65)
}

fn lag(fault: Option<&'static str>) -> Outcome {
    let settings = Settings { known_after_ms: 300, fault, ..Settings::default() };
    let server = Express::start(&settings)?;
    let client = client(&server.origin(), SECRET)?;
    refused_for_a_while(&client)?;
    all_at_once(&client, 32, 2)?;
    expect("logins", server.stats()?.logins, 1)?;
    let port = server.port();
    drop(server);
    let server = Express::start(&Settings { port, signing_key: Some("another"), ..settings })?;
    refused_for_a_while(&client)?;
    all_at_once(&client, 32, 2)?;
    expect("logins after the restart", server.stats()?.logins, 1)
}

/// Makes calls until the server accepts the token, for at most ten seconds. The first call is
/// refused.
fn refused_for_a_while(client: &Client) -> Outcome {
    for call in 0..500 {
        match customer(client) {
            Ok(()) if call > 0 => return Ok(()),
            Ok(()) => return Err("the first call was accepted, but the server should lag".into()),
            Err(Error::Status(error)) if error.status().as_u16() == 401 => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err("the server never accepted the token".into())
}

fn wrong_secret(fault: Option<&'static str>) -> Outcome {
    let server = Express::start(&Settings { fault, ..Settings::default() })?;
    let client = client(&server.origin(), "ws.wrong")?;
    for _ in 0..50 {
        match customer(&client) {
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Err("a call with a wrong secret was answered".into()),
        }
    }
    server.expect(0, &[(401, 1)])
}

fn sample_logins(renewal: RenewalForm, logins: u64) -> Outcome {
    let policy = Policy { renewal, ..Policy::default() };
    let emulator = Emulator::start(Server::new(policy).with_key(KEY, SECRET))?;
    sample(&emulator.origin(), KEY, SECRET, 10)?;
    let stats = emulator.stats().server;
    expect("logins", stats.logins_granted, logins)?;
    expect("answers with 200", stats.requests.get(&200).copied(), Some(logins + 10))
}

fn client(origin: &str, secret: &str) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Client::builder(Credentials::new(KEY, secret)?).origin(origin).build()?)
}

fn customer(client: &Client) -> Result<(), Error> {
    let mut response = client.get("/customer").query("field", "id").call()?;
    response.body_mut().read_to_vec()?;
    Ok(())
}

fn all_at_once(client: &Client, threads: usize, calls: usize) -> Outcome {
    let gate = std::sync::Barrier::new(threads);
    let run = || {
        gate.wait();
        (0..calls).try_for_each(|_| customer(client))
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running
            .into_iter()
            .try_for_each(|thread| Ok(thread.join().map_err(|_| "a thread panicked")??))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "counts and literals are passed")]
fn expect<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, wanted: T) -> Outcome {
    if seen == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {seen:?} instead of {wanted:?}").into())
    }
}
