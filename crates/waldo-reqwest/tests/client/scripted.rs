//! A server that answers by a script, and remembers what it was sent to the last byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::site::TIMEOUT;

/// A token without claims; each number gives another one.
pub(crate) fn jwt(number: u32) -> String {
    format!("eyJhbGciOiJIUzI1NiJ9.e30.{number:08}")
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method and target, such as `GET /customer`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_login(&self) -> bool {
        self.line == "POST /authenticate"
    }

    /// Whether it carries this token.
    pub(crate) fn bears(&self, token: &str) -> bool {
        self.header("authorization") == Some(&format!("Bearer {token}"))
    }
}

/// A whole answer: a status, header lines that each end with `\r\n`, and a body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Scripted\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The answer to a login.
pub(crate) fn grant(token: &str) -> String {
    answer(200, "", &format!("{{\"token\":\"{token}\"}}"))
}

pub(crate) struct Scripted {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// What each request is answered with, byte for byte; nothing cuts the connection.
    script: Box<dyn Fn(&Seen) -> String + Send + Sync>,
    seen: Mutex<Vec<Seen>>,
    /// Whether a connection ends with its first answer.
    cuts: AtomicBool,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

impl Scripted {
    pub(crate) fn start(script: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            cuts: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let serving = Arc::clone(&accepting);
                thread::spawn(move || serve(stream, &serving));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts each connection behind its first answer from now on, or does not.
    pub(crate) fn cut_each(&self, cuts: bool) {
        self.shared.cuts.store(cuts, Ordering::SeqCst);
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The requests with this line.
    pub(crate) fn seen_as(&self, line: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.line == line).collect()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn logins(&self) -> usize {
        self.seen().iter().filter(|seen| seen.is_login()).count()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream) {
        shared.seen.lock().unwrap().push(seen.clone());
        let answer = (shared.script)(&seen);
        // A client that has gone away is no error of the test's.
        let gone = answer.is_empty() || stream.get_mut().write_all(answer.as_bytes()).is_err();
        if gone || shared.cuts.load(Ordering::SeqCst) {
            return;
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let line = read_line(stream)?;
    let (line, _version) = line.rsplit_once(' ')?;
    let mut seen = Seen { line: line.to_owned(), headers: Vec::new(), body: Vec::new() };
    while let Some((name, value)) = read_line(stream)?.split_once(':') {
        seen.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    // A request with this header is answered before its body is read.
    if seen.header("x-unread").is_some() {
        return Some(seen);
    }
    if let Some(length) = seen.header("content-length") {
        seen.body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut seen.body).ok()?;
    } else if seen.header("transfer-encoding").is_some() {
        loop {
            let mut chunk = vec![0; usize::from_str_radix(&read_line(stream)?, 16).unwrap()];
            stream.read_exact(&mut chunk).ok()?;
            read_line(stream)?;
            if chunk.is_empty() {
                break;
            }
            seen.body.extend(chunk);
        }
    }
    Some(seen)
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
    Some(line.trim_end().to_owned())
}
