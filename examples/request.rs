//! One request to the real API, or to any server of its protocol.
//!
//!     export WALDO_API_KEY=… WALDO_CLIENT_SECRET=…
//!     cargo run --example request -- '/customer?field=id'
//!     cargo run --example request -- --origin http://127.0.0.1:8787 '/customer?field=id'
//!
//! It prints the status and the body, and exits non-zero when there is no answer. The token is
//! never printed.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::process::ExitCode;

use waldo_ureq::{Client, ClientBuilder};

const USAGE: &str = "usage: request [--origin URL] PATH
  PATH      what to GET, such as /customer?field=id
  --origin  where the API is; default: WALDO_ORIGIN, else https://api.waldo.ai
The key pair is taken from WALDO_API_KEY and WALDO_CLIENT_SECRET.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (origin, path) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] if path.starts_with('/') => (None, path),
        ["--origin", origin, path] | [path, "--origin", origin] if path.starts_with('/') => {
            (Some(origin), path)
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match request(origin, path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("request: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn request(origin: Option<&str>, path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let builder = ClientBuilder::from_env()?;
    let client: Client = match origin {
        Some(origin) => builder.origin(origin).build()?,
        None => builder.build()?,
    };
    let mut response = client.get(path).http_status_as_error(false).call()?;
    println!("{}", response.status());
    println!("{}", response.body_mut().read_to_string()?);
    eprintln!("{}", client.explain());
    Ok(())
}
