//! Rule 20, for memory: no freed block holds the key pair, even if the server echoes the key pair.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
use waldo_wiping::{Watcher, exempt_this_thread, look_for, watch};

#[global_allocator]
static WATCHER: Watcher = Watcher;

const KEY: &str = "wk.\"Zq7Rk2Vx\"9Lp4\\Tn8";
/// Many of its characters take two or six bytes in JSON. So a body that is allocated too small
/// would have to grow.
const SECRET: &str = "ws.\"\"\\\\\n\n\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}Jc5Wg1Yv";

const TOKEN: &str = "e30.eyJleHAiOjE4OTM0NTYwMDB9.c2ln";

/// How the server answers a login: with a token only, or with an echo of the login's body, too.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Plain,
    EchoIn(u16),
}

fn pair() -> Credentials {
    Credentials::new(KEY, SECRET).unwrap()
}

/// A server on threads of its own, which are exempt. They end with the process.
fn server(answer: Answer) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            thread::spawn(move || {
                exempt_this_thread();
                serve(connection.unwrap(), answer)
            });
        }
    });
    origin
}

fn serve(connection: TcpStream, answer: Answer) -> Option<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let (mut login, mut length) = (false, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.to_ascii_lowercase();
            login |= line.starts_with("post /authenticate");
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut sent = vec![0; length];
        reader.read_exact(&mut sent).ok()?;
        let sent = String::from_utf8(sent).ok()?;
        let (status, body) = match answer {
            _ if !login => (200, "{}".to_owned()),
            Answer::Plain => (200, format!(r#"{{"token":"{TOKEN}"}}"#)),
            Answer::EchoIn(status) => {
                let again = sent.replace(['{', '}'], "").replace("apiKey", "code");
                (status, format!(r#"{{"token":"{TOKEN}","echo":{sent},{again},"token":"{TOKEN}"}}"#))
            }
        };
        let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len());
        reader.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    }
}

fn with_ureq(origin: &str) {
    let client = waldo_ureq::Client::builder(pair()).origin(origin).build().unwrap();
    drop(client.get("/customer").deadline(DEADLINE).call());
}

const DEADLINE: std::time::Duration = std::time::Duration::from_millis(700);

fn on_a_runtime(run: impl Future) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { drop(tokio::time::timeout(DEADLINE, run).await) });
}

fn with_reqwest(origin: &str) {
    on_a_runtime(async {
        let client = waldo_reqwest::Client::builder(pair()).origin(origin).build().unwrap();
        drop(client.get("/customer").send().await);
    });
}

fn with_tower(origin: &str) {
    on_a_runtime(async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let session = SharedSession::new(config(pair()).origin(origin).build().unwrap());
        let service =
            WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login))).layer(client);
        let request = Request::get(format!("{origin}/customer")).body(Full::new(Bytes::new())).unwrap();
        drop(service.oneshot(request).await);
    });
}

/// The size of the buffer that hyper reads through. The test ignores blocks of this size.
const HYPER: usize = 8 * 1024;

#[test]
fn rule_20_no_freed_block_holds_the_key_pair() {
    let escaped = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        text.replace('\n', "\\n").replace('\u{1}', "\\u0001").into_bytes()
    };
    look_for([KEY.into(), SECRET.into(), escaped(KEY), escaped(SECRET)]);
    for secret in [KEY.to_owned().into_bytes(), escaped(SECRET)] {
        assert_eq!(watch(|| drop(secret)).len(), 1, "the watcher sees what is freed");
    }

    let mut report = String::new();
    for answer in [Answer::Plain, Answer::EchoIn(200), Answer::EchoIn(401), Answer::EchoIn(500)] {
        let origin = server(answer);
        for (name, call, exempt) in [
            ("waldo-ureq", with_ureq as fn(&str), None),
            ("waldo-reqwest", with_reqwest, Some(HYPER)),
            ("waldo-tower", with_tower, Some(HYPER)),
        ] {
            for block in watch(|| call(&origin)) {
                if Some(block.size) != exempt {
                    let (size, place) = (block.size, block.place);
                    writeln!(report, "{name}, {answer:?}: {size} bytes, freed at\n{place}").unwrap();
                }
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}
