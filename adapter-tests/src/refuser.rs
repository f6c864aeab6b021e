//! A server that refuses uploads as soon as it has read their head, as many servers do.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How the server refuses an upload whose token is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It answers 401 on the head, and closes without reading the body.
    Closes,
    /// It answers 401 on the head, says that it closes, and neither reads nor closes.
    Rests,
    /// It answers 401 on the head as if it kept the connection, and neither reads nor closes.
    Stalls,
    /// It answers 401 on the head, reads the body, and keeps the connection unless it is told to
    /// close it.
    KeepsAlive,
    /// It answers 401 on the head and closes. To `Expect: 100-continue` it answers 417 instead.
    Refuses,
    /// It answers 401 on the head and closes. To `Expect: 100-continue` it says nothing.
    Ignores,
    /// It answers 401 on the head and closes. To `Expect: 100-continue` it answers 100 first.
    Continues,
    /// It closes without any answer. To `Expect: 100-continue` it says nothing.
    Cuts,
}

pub struct Refuser {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Manner>,
    dead: Mutex<HashSet<usize>>,
    logins: AtomicUsize,
    /// The heads of uploads, in small letters.
    heads: Mutex<Vec<String>>,
    /// The lengths of the bodies that came whole, with a token that is not dead.
    stored: Mutex<Vec<usize>>,
    /// How many connections are open.
    open: AtomicUsize,
    /// Connections that are neither read nor closed.
    resting: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl Refuser {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            dead: Mutex::default(),
            logins: AtomicUsize::new(0),
            heads: Mutex::default(),
            stored: Mutex::default(),
            open: AtomicUsize::new(0),
            resting: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.stopped.load(SeqCst) {
                    return;
                }
                let serving = Arc::clone(&accepting);
                thread::spawn(move || {
                    serving.open.fetch_add(1, SeqCst);
                    // A client that has gone away is no error of the test's.
                    drop(serve(stream, &serving));
                    serving.open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { port, shared }
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes every token that was granted so far invalid.
    pub fn kill_tokens(&self) {
        self.shared.dead.lock().unwrap().extend(1..=self.logins());
    }

    /// Makes every token valid again.
    pub fn revive_tokens(&self) {
        self.shared.dead.lock().unwrap().clear();
    }

    pub fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    pub fn logins(&self) -> usize {
        self.shared.logins.load(SeqCst)
    }

    /// Waits until at most this many connections are open.
    pub fn wait_until_open(&self, count: usize) {
        for _ in 0..500 {
            if self.shared.open.load(SeqCst) <= count {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{} connections are open", self.shared.open.load(SeqCst));
    }

    /// The heads of uploads that have come since the last time.
    pub fn take_heads(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.heads.lock().unwrap())
    }

    /// The lengths of the bodies that were stored since the last time.
    pub fn take_stored(&self) -> Vec<usize> {
        std::mem::take(&mut self.shared.stored.lock().unwrap())
    }
}

impl Drop for Refuser {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

const REFUSED: &str =
    "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";

fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(1024, stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let head = head.to_ascii_lowercase();
        if head.starts_with("post /authenticate ") {
            read_body(&mut stream, &head)?;
            let number = shared.logins.fetch_add(1, SeqCst) + 1;
            answer(&mut stream, 200, &format!(r#"{{"token":"e30.e30.{number:04}"}}"#))?;
            continue;
        }
        shared.heads.lock().unwrap().push(head.clone());
        let manner = *shared.manner.lock().unwrap();
        let asks = head.contains("\r\nexpect: 100-continue\r\n");
        if asks && manner == Manner::Refuses {
            answer(&mut stream, 417, "")?;
            return stream.get_ref().shutdown(Shutdown::Write);
        }
        if asks && manner == Manner::Continues {
            stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if !is_dead(&head, shared) {
            let length = read_body(&mut stream, &head)?;
            shared.stored.lock().unwrap().push(length);
            answer(&mut stream, 200, &length.to_string())?;
            continue;
        }
        match manner {
            Manner::Ignores | Manner::Continues | Manner::Cuts if asks => {
                read_body(&mut stream, &head)?;
                answer(&mut stream, 401, "no")?;
            }
            Manner::Cuts => return Ok(()),
            Manner::KeepsAlive => {
                answer(&mut stream, 401, "no")?;
                if head.contains("\r\nconnection: close\r\n") {
                    return Ok(());
                }
                read_body(&mut stream, &head)?;
            }
            Manner::Rests | Manner::Stalls => {
                if manner == Manner::Rests {
                    stream.get_mut().write_all(REFUSED.as_bytes())?;
                } else {
                    answer(&mut stream, 401, "no")?;
                }
                shared.resting.lock().unwrap().push(stream.into_inner());
                return Ok(());
            }
            Manner::Closes | Manner::Refuses | Manner::Ignores | Manner::Continues => {
                return stream.get_mut().write_all(REFUSED.as_bytes());
            }
        }
    }
}

fn is_dead(head: &str, shared: &Shared) -> bool {
    let token = head.split("\r\nauthorization: bearer e30.e30.").nth(1).unwrap();
    let number = token.split("\r\n").next().unwrap().parse().unwrap();
    shared.dead.lock().unwrap().contains(&number)
}

fn answer(stream: &mut BufReader<TcpStream>, status: u16, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.get_mut().write_all(format!("{head}{body}").as_bytes())
}

/// Reads a body to its end, and says how long it was.
fn read_body(stream: &mut BufReader<TcpStream>, head: &str) -> std::io::Result<usize> {
    let header = |name: &str| {
        head.split("\r\n")
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    if let Some(length) = header("content-length:") {
        return skip(stream, length.parse().unwrap());
    }
    assert_eq!(header("transfer-encoding:").as_deref(), Some("chunked"), "{head}");
    let mut total = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| ErrorKind::UnexpectedEof)?;
        skip(stream, size + 2)?;
        if size == 0 {
            return Ok(total);
        }
        total += size;
    }
}

fn skip(stream: &mut BufReader<TcpStream>, length: usize) -> std::io::Result<usize> {
    let skipped = std::io::copy(&mut stream.take(length as u64), &mut std::io::sink())?;
    if skipped == length as u64 { Ok(length) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
