//! The simplest server for a client: fixed answers over kept connections, in its own process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use crate::jwt::{self, mint};

/// The path whose answers repeat the token that the client begins with.
pub(crate) const SAME: &str = "/customer?token=same";

/// The path whose answers each bring a new token.
pub(crate) const FRESH: &str = "/customer?token=fresh";

/// The size of the tokens, in bytes.
const TOKEN: usize = 228;

const BODY: &str = r#"{"id":"c-0123456789","status":"approved","fullName":"Ada Example","dateOfBirth":"1990-01-31","country":"GB","reviewed":true,"score":12,"flags":["pep","address"],"updatedAt":"2026-01-01T00:00:00Z"}"#;

/// A handle to the server. Dropping it ends the server.
#[derive(Debug)]
pub struct Server {
    origin: String,
    child: Child,
    /// Closing this pipe ends the server, even if this process is killed.
    stdin: Option<ChildStdin>,
}

impl Server {
    /// Starts the program that ends in [`serve`].
    ///
    /// # Errors
    /// The program cannot be started, or does not print its address.
    pub fn start(program: &mut Command) -> io::Result<Self> {
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let mut origin = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut origin)?;
        }
        Ok(Self { origin: origin.trim_end().to_owned(), child, stdin })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Ignore the exit status.
        drop(self.child.wait());
    }
}

/// The token that the client begins with.
pub(crate) fn token() -> String {
    mint(TOKEN, 0)
}

/// Serves until standard input ends. The first line of standard output is the address.
///
/// # Errors
/// A port cannot be opened.
pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // An error means that the client went away.
            thread::spawn(move || drop(answer_all(connection)));
        }
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn answer_all(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let same = answer(&token());
    let mut fresh = [1, 2].map(|number| answer(&mint(TOKEN, number))).into_iter().cycle();
    let mut request = Vec::with_capacity(4096);
    let mut buffer = [0; 4096];
    loop {
        let read = connection.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(buffer.get(..read).unwrap_or_default());
        if request.ends_with(b"\r\n\r\n") {
            let wants_fresh = request.starts_with(format!("GET {FRESH} ").as_bytes());
            connection.write_all(
                &if wants_fresh { fresh.next() } else { None }.unwrap_or_else(|| same.clone()),
            )?;
            request.clear();
        }
    }
}

fn answer(token: &str) -> Vec<u8> {
    let (date, length) = (jwt::DATE, BODY.len());
    format!(
        "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nAuthorization: Bearer {token}\r\n\r\n{BODY}"
    )
    .into_bytes()
}
