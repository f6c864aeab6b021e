//! A client that knows nothing but HTTP/1.1: what it sends and receives is what is on the wire.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};

/// Longer than anything here takes: a test that is wrong ends with an error instead of hanging.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn emulator() -> Emulator {
    Emulator::start(Server::default()).unwrap()
}

pub(crate) fn emulator_of(policy: Policy) -> Emulator {
    Emulator::start(Server::new(policy).with_key(Server::KEY_ID, Server::KEY_SECRET)).unwrap()
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// One connection.
pub(crate) struct Visitor(TcpStream);

impl Visitor {
    pub(crate) fn to(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, TIMEOUT).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        Self(stream)
    }

    /// Sends one request. `headers` are whole lines with their ends. If they have no `Host`, the
    /// server's own `Host` is added.
    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        self.send_head(method, target, &format!("content-length: {length}\r\n{headers}"));
        // A server that refuses a body early may close before it has read it all.
        drop(self.0.write_all(body));
    }

    /// Sends the head alone; its headers say which body is to come.
    pub(crate) fn send_head(&mut self, method: &str, target: &str, headers: &str) {
        let host = if headers.contains("host: ") {
            String::new()
        } else {
            format!("host: {}\r\n", self.0.peer_addr().unwrap())
        };
        let head = format!("{method} {target} HTTP/1.1\r\n{host}{headers}\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
    }

    /// Sends more of a body.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Reads one answer as far as it comes; an error says what came before the end.
    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut seen = Vec::new();
        let head_end = loop {
            if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.more(&mut seen)?;
        };
        let head = String::from_utf8(seen[..head_end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        };
        let mut answer =
            Answer { status, headers: lines.filter_map(header).collect(), body: Vec::new() };
        let length =
            answer.header("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
        let mut body = seen.split_off(head_end + 4);
        while body.len() < length {
            if self.more(&mut body).is_err() {
                let got = body.len();
                let what = format!("status {status}, then {got} of {length} bytes");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
        }
        answer.body = body;
        Ok(answer)
    }

    /// Reads what comes, until there are so many bytes of it.
    pub(crate) fn receive_bytes(&mut self, least: usize) -> Vec<u8> {
        let mut seen = Vec::new();
        while seen.len() < least {
            self.more(&mut seen).unwrap();
        }
        seen
    }

    fn more(&mut self, seen: &mut Vec<u8>) -> io::Result<()> {
        let mut chunk = [0; 4096];
        match self.read(&mut chunk)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nothing")),
            got => {
                seen.extend_from_slice(&chunk[..got]);
                Ok(())
            }
        }
    }

    /// A signal to this process ends no reading.
    fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    pub(crate) fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        self.send(method, target, headers, body);
        self.receive().unwrap()
    }

    pub(crate) fn log_in(&mut self) -> Answer {
        self.ask("POST", "/authenticate", "", &pair())
    }

    pub(crate) fn token(&mut self) -> String {
        let answer = self.log_in();
        assert_eq!(answer.status, 200);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&mut self, target: &str, token: &str) -> Answer {
        self.ask("GET", target, &bearer(token), b"")
    }

    /// Nothing has come within `span`, and the connection is open.
    pub(crate) fn is_silent_for(&mut self, span: Duration) -> bool {
        self.0.set_read_timeout(Some(span)).unwrap();
        let read = self.read(&mut [0; 1]);
        self.0.set_read_timeout(Some(TIMEOUT)).unwrap();
        read.is_err_and(|error| is_timeout(&error))
    }

    /// The connection has ended, with nothing left to read; one that is open and silent is waited
    /// for.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.read(&mut [0; 1]) {
            Ok(got) => got == 0,
            Err(error) => !is_timeout(&error),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

pub(crate) fn pair() -> Vec<u8> {
    json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET }).to_string().into_bytes()
}

/// Asks on a connection of its own.
pub(crate) fn ask(emulator: &Emulator, method: &str, target: &str, body: &str) -> Answer {
    Visitor::to(emulator.addr()).ask(method, target, "", body.as_bytes())
}

/// Asks again until `done`, for what another thread finishes a moment later.
pub(crate) fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let began = std::time::Instant::now();
    while began.elapsed() < TIMEOUT {
        if done() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}
