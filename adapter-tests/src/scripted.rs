//! A server that does what a test tells it, on a real socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A token without claims; each number gives another one.
pub fn jwt(number: u32) -> String {
    format!("eyJhbGciOiJIUzI1NiJ9.e30.{number:08}")
}

/// What a script does with each request.
type Script = dyn Fn(&mut Exchange) + Send + Sync;

pub struct Scripted {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    connections: AtomicUsize,
    /// First lines of the requests, in the order of their arrival.
    seen: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

/// One request, to be answered.
pub struct Exchange {
    stream: BufReader<TcpStream>,
    /// Method and target, such as `GET /customer`.
    pub line: String,
    /// In lower case.
    pub headers: Vec<(String, String)>,
    body_left: bool,
    close: bool,
}

impl Scripted {
    pub fn start(script: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            connections: AtomicUsize::new(0),
            seen: Mutex::default(),
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

    /// Grants each login, and answers calls by the script. The first login gets `jwt(1)`, the second
    /// `jwt(2)`.
    pub fn granting(script: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Self {
        let logins = AtomicU32::new(0);
        Self::start(move |exchange| {
            if exchange.is_login() {
                exchange.grant(&jwt(logins.fetch_add(1, Ordering::SeqCst) + 1));
            } else {
                script(exchange);
            }
        })
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Method and target of each request so far.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn logins(&self) -> usize {
        self.seen().iter().filter(|line| *line == "POST /authenticate").count()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    while let Some((line, headers)) = read_head(&mut stream) {
        shared.seen.lock().unwrap().push(line.clone());
        let has = |name: &str| headers.iter().any(|(known, value)| known == name && value != "0");
        let body_left = has("content-length") || has("transfer-encoding");
        let mut exchange = Exchange { stream, line, headers, body_left, close: false };
        (shared.script)(&mut exchange);
        if exchange.close {
            return;
        }
        // What the script left unread would be taken for the next request.
        exchange.read_body();
        stream = exchange.stream;
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<(String, String)>)> {
    let mut next = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let line = next()?;
    let (line, _version) = line.rsplit_once(' ')?;
    let mut headers = Vec::new();
    loop {
        let header = next()?;
        match header.split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return Some((line.to_owned(), headers)),
        }
    }
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn is_login(&self) -> bool {
        self.line == "POST /authenticate"
    }

    /// Whether the request carries this token.
    pub fn bears(&self, token: &str) -> bool {
        self.header("authorization") == Some(&format!("Bearer {token}"))
    }

    /// Reads the body, after asking for it if the client waits for that.
    pub fn read_body(&mut self) -> Vec<u8> {
        if !std::mem::replace(&mut self.body_left, false) {
            return Vec::new();
        }
        if self.header("expect").is_some() {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let mut body = Vec::new();
        if let Some(length) = self.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut body).unwrap();
            return body;
        }
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            self.stream.read_exact(&mut chunk).unwrap();
            if length == 0 {
                return body;
            }
            chunk.truncate(length);
            body.append(&mut chunk);
        }
    }

    /// Waits for the first byte of the body, which stays where it is.
    pub fn await_body(&mut self) {
        drop(self.stream.fill_buf());
    }

    /// Reads so many bytes of the body.
    pub fn read_part(&mut self, length: usize) {
        self.stream.read_exact(&mut vec![0; length]).unwrap();
    }

    /// Reads until the client closes the connection, or to the end of what it has to send.
    pub fn drain(&mut self) {
        drop(io::copy(&mut self.stream, &mut io::sink()));
        self.close();
    }

    /// Answers with a status, header lines that each end with `\r\n`, and a body, which a `HEAD` is
    /// spared.
    pub fn answer(&mut self, status: u16, headers: &str, body: &str) {
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.write(head.as_bytes());
        if !self.line.starts_with("HEAD ") {
            self.write(body.as_bytes());
        }
    }

    /// Answers a login with a token.
    pub fn grant(&mut self, token: &str) {
        self.read_body();
        self.answer(200, "", &format!("{{\"token\":\"{token}\"}}"));
    }

    /// Writes raw bytes; a client that has gone away is no error of the test's.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.stream.get_mut().write_all(bytes).is_err() {
            self.close = true;
        }
    }

    /// Writes raw bytes; false when the client has gone away.
    pub fn write_or_leave(&mut self, bytes: &[u8]) -> bool {
        self.write(bytes);
        !self.close
    }

    /// Waits until the client closes the connection.
    pub fn wait_until_gone(&mut self) {
        drop(self.stream.get_mut().read(&mut [0]));
        self.close();
    }

    /// Keeps the connection open as long as what comes back lives, and reads no more from it.
    pub fn hold(&mut self) -> TcpStream {
        self.close();
        self.stream.get_ref().try_clone().unwrap()
    }

    /// Cuts the connection when the script has ended; nothing more is read from it.
    pub fn close(&mut self) {
        self.close = true;
        self.body_left = false;
    }
}
