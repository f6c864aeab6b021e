//! A token's lifetime in eight scenes, without an account: the API is an emulator inside this
//! program.
//!
//!     cargo run --example quickstart
//!
//! Each scene shows what the client did (its `tracing` events) and what the server counted. The
//! program exits non-zero when the two do not agree with what the scene promises.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};
use waldo_ureq::{Client, Credentials, Error, http};

const KEY: &str = "sandbox.wk.quickstart";
const SECRET: &str = "sandbox.ws.quickstart";
const LIFETIME: Duration = Duration::from_secs(3);

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match play() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("\n{failed} scene(s) went otherwise than promised");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\nthe quickstart ended early: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    let policy = Policy { lifetime: LIFETIME, ..Policy::default() };
    let emulator = Emulator::start(Server::new(policy).with_key(KEY, SECRET))?;
    let client = connect(&emulator)?;
    let mut stage = Stage::open(&emulator)?;
    println!(
        "A token's lifetime in eight scenes. The API is emulated at {}; its tokens last {LIFETIME:?}.\n\
         An generation is the running number of the token that the client holds; the server's counts include the logins.",
        emulator.origin()
    );

    let promise = Seen::default().logins(1).status(200, 2);
    stage.scene("The first call logs in", &promise, || calls(&client, 1))?;

    let promise = Seen::default().status(200, 5);
    stage.scene(
        "Five more calls: each response renews the token, nobody logs in",
        &promise,
        || calls(&client, 5),
    )?;

    let promise = Seen::default().logins(1).status(200, 1 + 32);
    let cold = connect(&emulator)?;
    stage.scene(
        "Thirty-two threads share a second client, which has no token yet: one logs in, the others wait",
        &promise,
        || {
            thread::scope(|scope| {
                let threads: Vec<_> = (0..32).map(|_| scope.spawn(|| calls(&cold, 1))).collect();
                threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
            })
        },
    )?;

    let promise = Seen::default().logins(1).status(200, 2);
    stage.scene(
        "An idle spell past the token's end: the next call logs in first",
        &promise,
        || {
            thread::sleep(LIFETIME + Duration::from_millis(200));
            calls(&client, 1)
        },
    )?;

    let promise = Seen::default().logins(1).status(401, 1).status(200, 2);
    stage.scene(
        "The server restarts with another signing key: a 401, one login, sent again",
        &promise,
        || {
            emulator.rotate_signing_key();
            calls(&client, 1)
        },
    )?;

    let promise = Seen::default().status(403, 1);
    stage.scene(
        "The key is revoked on the dashboard: a call says so, and its 403 is delivered",
        &promise,
        || {
            emulator.revoke_key(KEY);
            match get(&client) {
                Err(error) if error.code() == Some("API_KEY_REVOKED") => Ok(()),
                other => Err(format!("expected API_KEY_REVOKED, got {other:?}").into()),
            }
        },
    )?;

    let promise = Seen::default().refused("API_KEY_REVOKED", 1).status(403, 1);
    let title = "Its token is given up: one login says why, then a hundred calls are refused without traffic";
    stage.scene(title, &promise, || {
        client.invalidate(client.generation());
        for _ in 0..101 {
            match get(&client) {
                Err(Error::Refused(_)) => {}
                Err(error) => return Err(error.into()),
                Ok(status) => {
                    return Err(format!("a call with a revoked key was answered {status}").into());
                }
            }
        }
        Ok(())
    })?;
    println!("  client    {}", client.explain());

    let promise = Seen::default().logins(1).status(200, 2);
    stage.scene(
        "The key is restored and the client told so: the next call logs in",
        &promise,
        || {
            emulator.restore_key(KEY);
            client.reset(Credentials::new(KEY, SECRET)?);
            calls(&client, 1)
        },
    )?;

    println!("\n{}", client.explain());
    let failed = stage.failed;
    emulator.stop();
    Ok(failed)
}

fn connect(emulator: &Emulator) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Client::builder(Credentials::new(KEY, SECRET)?).origin(emulator.origin()).build()?)
}

fn get(client: &Client) -> Result<http::StatusCode, Error> {
    let mut response = client.get("/customer").query("field", "id").call()?;
    // Read to the end, so that the connection can carry the next call.
    response.body_mut().read_to_vec()?;
    Ok(response.status())
}

fn calls(client: &Client, count: usize) -> Outcome {
    for _ in 0..count {
        get(client)?;
    }
    Ok(())
}

/// What a server has counted within a scene.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    logins: u64,
    refused: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    /// More than one login was under way at once.
    stampede: bool,
}

impl Seen {
    fn logins(mut self, count: u64) -> Self {
        self.logins = count;
        self
    }

    fn refused(mut self, code: &str, count: u64) -> Self {
        self.refused.insert(code.to_owned(), count);
        self
    }

    fn status(mut self, status: u16, count: u64) -> Self {
        self.statuses.insert(status, count);
        self
    }

    fn by(emulator: &Emulator) -> Self {
        let stats = emulator.stats();
        Self {
            logins: stats.server.logins_granted,
            refused: stats.server.logins_refused,
            statuses: stats.server.requests,
            stampede: stats.most_logins_at_once > 1,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.logins == 1 { "" } else { "s" };
        write!(f, "{} login{plural} granted", self.logins)?;
        for (code, count) in &self.refused {
            write!(f, ", {count} refused ({code})")?;
        }
        for (status, count) in &self.statuses {
            write!(f, ", {count} × {status}")?;
        }
        if self.stampede { f.write_str(", several at once") } else { Ok(()) }
    }
}

/// Where the scenes are played and judged.
struct Stage<'a> {
    emulator: &'a Emulator,
    timeline: Timeline,
    number: u32,
    failed: u32,
}

impl<'a> Stage<'a> {
    fn open(emulator: &'a Emulator) -> Result<Self, tracing::subscriber::SetGlobalDefaultError> {
        let timeline = Timeline { started: Instant::now(), moments: Arc::default() };
        tracing::subscriber::set_global_default(
            tracing_subscriber::registry().with(timeline.clone()),
        )?;
        Ok(Self { emulator, timeline, number: 0, failed: 0 })
    }

    fn scene(&mut self, title: &str, promise: &Seen, act: impl FnOnce() -> Outcome) -> Outcome {
        self.number += 1;
        println!("\n{}  {title}", self.number);
        self.emulator.reset_stats();
        act()?;
        print!("{}", self.timeline.take());
        let seen = Seen::by(self.emulator);
        if seen == *promise {
            println!("  server    {seen}  ✓");
        } else {
            self.failed += 1;
            println!("  server    {seen}  ✗ promised: {promise}");
        }
        Ok(())
    }
}

/// Collects the client's events with their times.
#[derive(Clone)]
struct Timeline {
    started: Instant,
    moments: Arc<Mutex<Vec<Moment>>>,
}

struct Moment {
    at: Duration,
    name: String,
    message: String,
}

impl Timeline {
    /// What has happened since the last time, as lines; what happens many times is one line.
    fn take(&self) -> String {
        let moments =
            std::mem::take(&mut *self.moments.lock().unwrap_or_else(PoisonError::into_inner));
        let mut kinds: Vec<(&Moment, u32)> = Vec::new();
        for moment in &moments {
            match kinds.iter_mut().find(|(last, _)| last.name == moment.name) {
                Some(kind) => *kind = (moment, kind.1 + 1),
                None => kinds.push((moment, 1)),
            }
        }
        let mut lines = String::new();
        for (last, count) in kinds {
            let times = if count > 1 { format!("  ({count} like this)") } else { String::new() };
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "  {:6.3} s  {}{times}", last.at.as_secs_f64(), last.message);
        }
        lines
    }
}

impl<S: tracing::Subscriber> Layer<S> for Timeline {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "waldo_auth" {
            return;
        }
        let mut moment =
            Moment { at: self.started.elapsed(), name: String::new(), message: String::new() };
        event.record(&mut moment);
        self.moments.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
    }
}

impl Visit for Moment {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.name);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
