//! A command-line tool that keeps its token in a file between runs, so that ten runs log in once.
//! Without an argument, the program runs itself ten times as the tool, against an emulator.
//!
//!     cargo run --example keep_token
//!     cargo run --example keep_token -- TOKEN_FILE   # the tool, for the API

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::error::Error;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use tempfile::{NamedTempFile, TempDir};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};
use waldo_ureq::{Client, Snapshot};

type Failure = Box<dyn Error + Send + Sync>;

/// Makes one call with the token of the last run, or after a login.
fn tool(token_file: &Path) -> Result<(), Failure> {
    // Takes the key pair from the environment, because other users see the arguments of a program.
    let client = Client::from_env()?;
    if let Err(error) = resume(&client, token_file) {
        eprintln!("the call logs in: {error}");
    }
    let result = client.get("/customer").query("field", "id").call();
    // Keep the token also after a failed call: it is still the newest token.
    if let Some(snapshot) = client.snapshot()
        && let Err(error) = keep(&snapshot, token_file)
    {
        eprintln!("the token is not kept: {error}");
    }
    println!("{}", result?.body_mut().read_to_string()?);
    Ok(())
}

/// Takes the kept token, if there is one.
fn resume(client: &Client, token_file: &Path) -> Result<(), Failure> {
    match fs::read(token_file) {
        Ok(json) => Ok(client.resume(&Snapshot::from_json(&json)?)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Err("no token is kept".into()),
        Err(error) => Err(error.into()),
    }
}

/// Replaces the file as a whole, so that no other run reads half of it. Only this user may read the
/// file: on Unix, its mode is 0600 before the token is in it.
fn keep(snapshot: &Snapshot, token_file: &Path) -> Result<(), Failure> {
    let mut file = NamedTempFile::new_in(token_file.parent().ok_or("the file has no folder")?)?;
    file.write_all(snapshot.to_json().as_bytes())?;
    file.persist(token_file)?;
    Ok(())
}

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        Some(token_file) => tool(Path::new(&token_file)),
        None => ten_runs(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keep_token: {error}");
            ExitCode::FAILURE
        }
    }
}

const RUNS: u64 = 10;

fn ten_runs() -> Result<(), Failure> {
    let emulator = Emulator::start(Server::new(Policy::default()).with_key("wk.tool", "ws.tool"))?;
    let folder = TempDir::new()?;
    let token_file = folder.path().join("waldo-token.json");
    let run = || {
        let status = Command::new(std::env::current_exe()?)
            .arg(&token_file)
            .envs([("WALDO_API_KEY", "wk.tool"), ("WALDO_CLIENT_SECRET", "ws.tool")])
            .env("WALDO_ORIGIN", emulator.origin())
            .status()?;
        if status.success() { Ok(()) } else { Err(Failure::from(format!("a run ended {status}"))) }
    };
    let counts = || {
        let stats = emulator.stats().server;
        (stats.logins(), stats.total() - stats.logins(), stats.calls_unauthorized)
    };

    (0..RUNS).try_for_each(|_| run())?;
    println!("{RUNS} runs: (logins, calls, answers with 401): {:?}", counts());
    if counts() != (1, RUNS, 0) {
        return Err("expected one login".into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&token_file)?.permissions().mode() & 0o777;
        println!("the mode of the file: {mode:o}");
        if mode != 0o600 {
            return Err("others may read the token".into());
        }
    }

    // The server refuses the kept token: the run logs in and sends the call again.
    emulator.expire_all();
    run()?;
    println!("one more run, with a dead token: {:?}", counts());
    if counts() == (2, RUNS + 2, 1) { Ok(()) } else { Err("expected a second login".into()) }
}
