//! Eight programs on one machine share a token through a directory, so one of them logs in for all.
//! Without an argument, the program starts itself eight times, against an emulator.
//!
//!     cargo run --example share_token
//!     cargo run --example share_token -- DIRECTORY   # one program, for the API

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use tempfile::TempDir;
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};
use waldo_store_file::FileStore;
use waldo_ureq::ClientBuilder;

type Failure = Box<dyn Error + Send + Sync>;

const PROGRAMS: u64 = 8;

/// One of the programs. It makes a call, and ends.
fn program(directory: &Path) -> Result<(), Failure> {
    let client = ClientBuilder::from_env()?.store(FileStore::new(directory)).build()?;
    let mut response = client.get("/customer").query("field", "id").call()?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        Some(directory) => program(Path::new(&directory)),
        None => fleet(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("share_token: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fleet() -> Result<(), Failure> {
    let emulator =
        Emulator::start(Server::new(Policy::default()).with_key("wk.fleet", "ws.fleet"))?;
    let folder = TempDir::new()?;
    let directory = folder.path().join("waldo");
    let start = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(&directory);
        command.envs([("WALDO_API_KEY", "wk.fleet"), ("WALDO_CLIENT_SECRET", "ws.fleet")]);
        command.env("WALDO_ORIGIN", emulator.origin()).spawn()
    };
    let run_all = || -> Result<(), Failure> {
        let programs: Result<Vec<Child>, _> = (0..PROGRAMS).map(|_| start()).collect();
        for mut program in programs? {
            if !program.wait()?.success() {
                return Err("a program failed".into());
            }
        }
        Ok(())
    };
    let logins = || emulator.stats().server.logins();

    run_all()?;
    let first = logins();
    println!("{PROGRAMS} programs at once, without a token; logins: {first}");
    if first != 1 {
        return Err("expected one login".into());
    }

    // A scheduler starts the program again and again. Each run finds the token of the run before.
    for _ in 0..PROGRAMS {
        if !start()?.wait()?.success() {
            return Err("a run failed".into());
        }
    }
    println!("{PROGRAMS} runs, one after the other; further logins: {}", logins() - first);
    if logins() != first {
        return Err("expected no login".into());
    }

    // The server ends all tokens. One program logs in, and the others take its token.
    emulator.expire_all();
    run_all()?;
    let second = logins() - first;
    println!("{PROGRAMS} programs at once, after the end of the token; further logins: {second}");
    if second == 1 { Ok(()) } else { Err("expected a second login".into()) }
}
