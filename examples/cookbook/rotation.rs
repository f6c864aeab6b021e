//! The key pair is replaced while threads call: the client reads the new pair from its files, and
//! no call fails. The old key costs one rejected login, the new key one login.
//!
//!     cargo run --example rotation

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error as StdError;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Hold, Policy, Server};
use waldo_ureq::{Client, ClientBuilder, CredentialSource, Error};

type Failure = Box<dyn StdError + Send + Sync>;

fn call(client: &Client) -> Result<String, Error> {
    let mut result = client.get("/customer").query("field", "id").call();
    // The key is revoked, and its token is still held: the next call logs in.
    if let Err(error) = &result
        && error.code() == Some("API_KEY_REVOKED")
    {
        client.invalidate(error.generation());
        result = client.get("/customer").query("field", "id").call();
    }
    Ok(result?.body_mut().read_to_string()?)
}

/// Writes a file for this user only, and replaces it as a whole.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let mut new = NamedTempFile::new_in(file.parent().ok_or("the file has no folder")?)?;
    writeln!(new, "{text}")?;
    new.persist(file)?;
    Ok(())
}

const THREADS: usize = 8;

fn main() -> Result<(), Failure> {
    let server = Server::new(Policy::default()).with_key("wk.old", "ws.old");
    let emulator = Emulator::start(server)?;
    let folder = TempDir::new()?;
    let (key_file, secret_file) = (folder.path().join("key"), folder.path().join("secret"));
    write(&key_file, "wk.old")?;
    write(&secret_file, "ws.old")?;
    let source = CredentialSource::files(&key_file, &secret_file);
    let client = ClientBuilder::from_source(source)?.origin(emulator.origin()).build()?;
    call(&client)?;

    // The calls of all threads are under way when the key pair is replaced.
    emulator.hold(Hold::calls());
    let failed: usize = thread::scope(|scope| {
        let calls =
            || (0..10).filter_map(|_| call(&client).err()).inspect(|e| println!("{e}")).count();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(calls)).collect();
        let held = emulator.wait_until_held(THREADS, Duration::from_secs(20));
        println!("{THREADS} calls are under way: {held}; the key pair is replaced");
        emulator.add_key("wk.new", "ws.new");
        // Write both files before the old key is revoked, so that no login sends a mixed pair.
        let written = write(&key_file, "wk.new").and_then(|()| write(&secret_file, "ws.new"));
        emulator.revoke_key("wk.old");
        emulator.release_all();
        let failed = threads.into_iter().map(|thread| thread.join().unwrap_or(1)).sum();
        written.map(|()| failed)
    })?;

    let logins = || (client.counters().logins_granted, client.counters().logins_rejected);
    println!("failed calls: {failed}; logins (granted, rejected): {:?}", logins());
    if (failed, logins()) != (0, (2, 1)) {
        return Err("a call failed, or the logins were others".into());
    }

    // Without a new pair in the files, the calls fail after one rejected login.
    emulator.revoke_key("wk.new");
    let failed = (0..10).filter(|_| call(&client).is_err()).count();
    println!("failed calls without a new pair: {failed}; logins: {:?}", logins());
    if (failed, logins()) == (10, (2, 2)) { Ok(()) } else { Err("expected one login".into()) }
}
