//! Rule 20, for memory: no freed block holds the key pair, even if the server echoes the key pair.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
use waldo_wiping::{Watcher, exempt_this_thread, look_for, watch};
use zeroize::Zeroizing;

#[global_allocator]
static WATCHER: Watcher = Watcher;

const KEY: &str = "wk.\"Zq7Rk2Vx\"9Lp4\\Tn8";
/// Many characters of the secret take two or six bytes in JSON. So a body that is allocated too
/// small would have to grow.
const SECRET: &str = "ws.\"\"\\\\\n\n\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}Jc5Wg1Yv";

const TOKEN: &str = "e30.eyJleHAiOjE4OTM0NTYwMDB9.c2ln";

/// The server's answer to a login: a token only, or a token and an echo of the login's body.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Plain,
    EchoIn(u16),
    /// An echo in UTF-16, which must be recoded.
    WideEchoIn(u16),
}

fn pair() -> Credentials {
    Credentials::new(KEY, SECRET).unwrap()
}

/// A server on its own threads, which are exempt. They end with the process.
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
        let (mut login, mut upload, mut length) = (false, false, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.to_ascii_lowercase();
            login |= line.starts_with("post /authenticate");
            upload |= line.starts_with("post /document");
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        if upload {
            // Refuse the upload with an echo, and stop reading.
            let head = format!("HTTP/1.1 413 Said\r\nContent-Length: {}\r\n\r\n", KEY.len());
            reader.get_mut().write_all(&[head.as_bytes(), KEY.as_bytes()].concat()).ok()?;
            loop {
                thread::park();
            }
        }
        let mut sent = vec![0; length];
        reader.read_exact(&mut sent).ok()?;
        let sent = String::from_utf8(sent).ok()?;
        // The text after the key is so long that a buffer would have to grow.
        let again =
            || sent.replace(['{', '}'], "").replace("apiKey\":\"", &format!("code\":\"{}", code()));
        let echo =
            || format!(r#"{{"token":"{TOKEN}","echo":{sent},{},"token":"{TOKEN}"}}"#, again());
        let (status, body) = match answer {
            _ if !login => (200, b"{}".to_vec()),
            Answer::Plain => (200, format!(r#"{{"token":"{TOKEN}"}}"#).into_bytes()),
            Answer::EchoIn(status) => (status, echo().into_bytes()),
            Answer::WideEchoIn(status) => (status, wide(&echo())),
        };
        // Another chunk follows the body. So a buffer that has room for the body would have to
        // grow.
        let head = format!(
            "HTTP/1.1 {status} Said\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        );
        let rest = b"\r\n4\r\n \0 \0\r\n0\r\n\r\n";
        reader.get_mut().write_all(&[head.as_bytes(), &body, rest].concat()).ok()?;
    }
}

/// A code that a server makes of the key.
fn code() -> String {
    String::from_utf8(escaped(KEY)).unwrap() + &"x".repeat(500)
}

fn escaped(text: &str) -> Vec<u8> {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n").replace('\u{1}', "\\u0001").into_bytes()
}

/// The text in UTF-16.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn with_ureq(origin: &str) {
    let client = waldo_ureq::Client::builder(pair()).origin(origin).build().unwrap();
    drop(client.get("/customer").timeout(DEADLINE).call());
}

/// Uploads the key pair again and again to a server that does not read the body.
fn upload_with_ureq(origin: &str) {
    let client = waldo_ureq::Client::builder(pair()).origin(origin).build().unwrap();
    let document = Zeroizing::new(KEY.repeat(400_000));
    let response =
        client.post("/document").http_status_as_error(false).send(document.as_bytes()).unwrap();
    assert_eq!(response.status(), 413);
}

/// Makes key pairs that the client refuses.
fn mistakes(_: &str) {
    let owned = |parts: [&str; 2]| parts.concat();
    let padded =
        [(owned([" ", KEY]), owned([SECRET, ""])), (owned([KEY, ""]), owned([SECRET, "\n"]))];
    for (key, secret) in padded.into_iter().chain([(owned([KEY, ""]), String::new())]) {
        assert!(Credentials::new(key, secret).is_err());
    }
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
            WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)))
                .layer(client);
        let request =
            Request::get(format!("{origin}/customer")).body(Full::new(Bytes::new())).unwrap();
        drop(service.oneshot(request).await);
    });
}

/// The size of the buffer that hyper reads through. The test ignores blocks of this size.
const HYPER: usize = 8 * 1024;

/// Searches for the key pair in each of its forms.
fn look_for_the_pair() {
    look_for([KEY.into(), SECRET.into(), escaped(KEY), escaped(SECRET), wide(KEY)]);
}

#[test]
fn rule_20_no_freed_block_holds_the_key_pair() {
    look_for_the_pair();
    for secret in [KEY.to_owned().into_bytes(), escaped(SECRET)] {
        assert_eq!(watch(|| drop(secret)).len(), 1, "the watcher must find the freed secret");
    }

    let mut report = String::new();
    let mut play = |name: &str, answer, call: fn(&str), exempt| {
        let origin = server(answer);
        for block in watch(|| call(&origin)) {
            if Some(block.size) != exempt {
                let (size, place) = (block.size, block.place);
                writeln!(report, "{name}, {answer:?}: {size} bytes, freed at\n{place}").unwrap();
            }
        }
    };
    play("mistakes", Answer::Plain, mistakes, None);
    play("an upload of waldo-ureq", Answer::Plain, upload_with_ureq, None);
    let echoes =
        [200, 401, 500].map(Answer::EchoIn).into_iter().chain([200, 401].map(Answer::WideEchoIn));
    for answer in echoes.chain([Answer::Plain]) {
        play("waldo-ureq", answer, with_ureq, None);
        play("waldo-reqwest", answer, with_reqwest, Some(HYPER));
        play("waldo-tower", answer, with_tower, Some(HYPER));
    }
    assert!(report.is_empty(), "{report}");
}

/// The variable that makes a process read the key pair from its environment.
const CHILD: &str = "WIPING_CHILD";

#[test]
fn rule_20_no_freed_block_holds_the_pair_of_the_environment() {
    if std::env::var_os(CHILD).is_some() {
        look_for_the_pair();
        let blocks = watch(|| drop(waldo_ureq::Client::from_env()));
        assert!(blocks.is_empty(), "{blocks:?}");
        return;
    }
    exempt_this_thread();
    let mut keys = vec![OsString::from(KEY), format!("{KEY}\n").into(), OsString::new()];
    #[cfg(unix)]
    keys.push(std::os::unix::ffi::OsStringExt::from_vec([KEY.as_bytes(), b"\xff"].concat()));
    let pairs = keys
        .into_iter()
        .map(|key| [("WALDO_API_KEY", key), ("WALDO_CLIENT_SECRET", SECRET.into())]);
    let file = |name: &str, text: &str| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string()
    };
    let secret = file("secret", &format!("{SECRET}\r\n"));
    let files = [("key", format!("{KEY}\n")), ("wrong-key", format!("{KEY}\n\n"))];
    let files = files.map(|(name, text)| {
        [("WALDO_API_KEY_FILE", file(name, &text)), ("WALDO_CLIENT_SECRET_FILE", secret.clone())]
    });
    for pair in pairs.chain(files) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "rule_20_no_freed_block_holds_the_pair_of_the_environment"])
            .env(CHILD, "1")
            .envs(pair)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}
