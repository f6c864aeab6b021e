//! Uploads of a multipart form whose token has died: the client logs in and sends the form again.
//! With `waldo-ureq`, a form is a chain of a text, a file and a text. reqwest has a type for forms.
//!
//!     cargo run --example multipart

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};
use waldo_reqwest::reqwest::multipart::Form;
use waldo_ureq::{Credentials, Factory};

type Failure = Box<dyn Error + Send + Sync>;

/// The limit of an upload, with the wait for a login. The default is 60 s.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Uploads a document with `waldo-ureq`. Each sending opens the file again and streams it.
fn with_ureq(client: &waldo_ureq::Client, path: &Path) -> Result<Value, Failure> {
    // The boundary must not occur in the file, so it is random.
    let boundary = format!("{:032x}", fastrand::u128(..));
    let before = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\npassport\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"document\"; \
         filename=\"passport.pdf\"\r\nContent-Type: application/pdf\r\n\r\n"
    );
    let after = format!("\r\n--{boundary}--\r\n");
    // With a length, the form is not sent in chunks.
    let length = before.len() as u64 + path.metadata()?.len() + after.len() as u64;
    let form = Factory::new(|| {
        let file = File::open(path)?;
        Ok(before.as_bytes().chain(file).chain(after.as_bytes()))
    });
    let mut response = client
        .post("/document")
        .timeout(TIMEOUT)
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .send(form.with_length(length))?;
    Ok(response.body_mut().read_json()?)
}

/// Uploads a document with `waldo-reqwest`. Each sending opens the file again and streams it.
async fn with_reqwest(client: &waldo_reqwest::Client, path: PathBuf) -> Result<Value, Failure> {
    let form = move || Form::new().text("type", "passport").file("document", path.clone());
    let request = client.post("/document").timeout(TIMEOUT).multipart_factory(form);
    Ok(request.send().await?.json().await?)
}

const DOCUMENT: u64 = 4 << 20;

fn main() -> Result<(), Failure> {
    let server = Server::new(Policy::default()).with_key("wk.upload", "ws.upload");
    let emulator = Emulator::start(server)?;
    let document = NamedTempFile::new()?;
    io::copy(&mut io::repeat(b'%').take(DOCUMENT), &mut document.as_file())?;
    let (path, origin) = (document.path(), emulator.origin());
    // A program with an account begins with `Client::from_env()`.
    let credentials = Credentials::new("wk.upload", "ws.upload")?;

    let client = waldo_ureq::Client::builder(credentials.clone()).origin(&origin).build()?;
    // A call with the token, so that the client knows that the server has accepted the token.
    client.get("/customer").query("field", "id").call()?.body_mut().read_to_vec()?;
    let_tokens_die(&emulator);
    check(&emulator, "waldo-ureq", &with_ureq(&client, path)?)?;

    let client = waldo_reqwest::Client::builder(credentials).origin(&origin).build()?;
    Runtime::new()?.block_on(async {
        client.get("/customer?field=id").send().await?.bytes().await?;
        let_tokens_die(&emulator);
        check(&emulator, "waldo-reqwest", &with_reqwest(&client, path.to_owned()).await?)
    })
}

fn let_tokens_die(emulator: &Emulator) {
    emulator.expire_all();
    emulator.reset_stats();
}

/// Checks that the upload was refused once, and arrived after one login.
fn check(emulator: &Emulator, name: &str, answer: &Value) -> Result<(), Failure> {
    let bytes = answer.get("bytes").and_then(Value::as_u64).unwrap_or_default();
    let stats = emulator.stats().server;
    let (refused, logins) = (stats.calls_unauthorized, stats.logins());
    println!("{name}: {bytes} bytes arrived; answers with 401: {refused}, logins: {logins}");
    if (refused, logins) == (1, 1) && bytes > DOCUMENT {
        return Ok(());
    }
    Err(format!("{name}: the upload did not arrive after one login").into())
}
