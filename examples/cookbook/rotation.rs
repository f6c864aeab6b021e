//! The key pair is replaced while threads call: the program reads the new pair from its file, and
//! no call fails. The old key costs one rejected login, the new key one login.
//!
//!     cargo run --example rotation

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error as StdError;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use tempfile::{NamedTempFile, TempDir};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Hold, Policy, Server};
use waldo_ureq::{Client, Credentials};

type Failure = Box<dyn StdError + Send + Sync>;

/// The client, and the key pair that it has.
struct Api<'a> {
    client: Client,
    key_file: &'a Path,
    credentials: Mutex<Credentials>,
}

impl Api<'_> {
    fn call(&self) -> Result<String, Failure> {
        // After a revocation come a 403 to the token, a rejected login, and a success.
        for _ in 0..4 {
            match self.client.get("/customer").query("field", "id").call() {
                Ok(mut response) => return Ok(response.body_mut().read_to_string()?),
                // The key is revoked, and its token is still held: the next call logs in.
                Err(error) if error.code() == Some("API_KEY_REVOKED") => {
                    self.client.invalidate(error.generation());
                }
                Err(error) if error.is_rejected() => self.take_new_credentials()?,
                Err(error) => return Err(error.into()),
            }
        }
        Err("the key pair is rejected, and its file has no new one".into())
    }

    /// Reads the file again. With the rejected pair, `reset` would only cause another login, so a
    /// pair is taken only if it is new. It is not new if another thread was faster.
    fn take_new_credentials(&self) -> Result<(), Failure> {
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(self.key_file)?;
        if *credentials != read {
            println!("a new key pair");
            *credentials = read.clone();
            self.client.reset(read);
        }
        Ok(())
    }
}

/// The file has the API key in its first line, and the client secret in its second line.
fn read(key_file: &Path) -> Result<Credentials, Failure> {
    let text = fs::read_to_string(key_file)?;
    let (key, secret) = text.trim_end().split_once('\n').ok_or("the key file has one line")?;
    Ok(Credentials::new(key, secret)?)
}

/// Writes the file for this user only, and replaces it as a whole.
fn write(key_file: &Path, key: &str, secret: &str) -> Result<(), Failure> {
    let mut file = NamedTempFile::new_in(key_file.parent().ok_or("the file has no folder")?)?;
    writeln!(file, "{key}\n{secret}")?;
    file.persist(key_file)?;
    Ok(())
}

const THREADS: usize = 8;

fn main() -> Result<(), Failure> {
    let server = Server::new(Policy::default()).with_key("wk.old", "ws.old");
    let emulator = Emulator::start(server)?;
    let folder = TempDir::new()?;
    let key_file = &folder.path().join("waldo.key");
    write(key_file, "wk.old", "ws.old")?;
    let credentials = read(key_file)?;
    let client = Client::builder(credentials.clone()).origin(emulator.origin()).build()?;
    let api = Api { client, key_file, credentials: Mutex::new(credentials) };
    api.call()?;

    // The calls of all threads are under way when the key pair is replaced.
    emulator.hold(Hold::calls());
    let failed: usize = thread::scope(|scope| {
        let calls =
            || (0..10).filter_map(|_| api.call().err()).inspect(|e| println!("{e}")).count();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(calls)).collect();
        let held = emulator.wait_until_held(THREADS, Duration::from_secs(20));
        println!("{THREADS} calls are under way: {held}; the key pair is replaced");
        emulator.add_key("wk.new", "ws.new");
        let written = write(key_file, "wk.new", "ws.new");
        emulator.revoke_key("wk.old");
        emulator.release_all();
        let failed = threads.into_iter().map(|thread| thread.join().unwrap_or(1)).sum();
        written.map(|()| failed)
    })?;

    let logins = || {
        let stats = emulator.stats().server;
        (stats.logins_granted, stats.logins_refused.values().sum::<u64>())
    };
    println!("failed calls: {failed}; logins (granted, rejected): {:?}", logins());
    if (failed, logins()) != (0, (2, 1)) {
        return Err("a call failed, or the logins were others".into());
    }

    // Without a new pair in the file, the calls fail after one rejected login.
    emulator.revoke_key("wk.new");
    let failed = (0..10).filter(|_| api.call().is_err()).count();
    println!("failed calls without a new pair: {failed}; logins: {:?}", logins());
    if (failed, logins()) == (10, (2, 2)) { Ok(()) } else { Err("expected one login".into()) }
}
