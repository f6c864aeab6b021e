//! Uploads whose connection breaks off, because the server refuses the token on the head and does
//! not read the body (rule 24).
//!
//! So it was in `urllib3/urllib3#241`, `seanmonstar/reqwest#1975` and `golang/go#51109`.

use std::error::Error as _;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use waldo_adapter_tests::{Exchange, Listener, Scripted, jwt};
use waldo_ureq::ureq::Agent;
use waldo_ureq::ureq::config::ConfigBuilder;
use waldo_ureq::ureq::typestate::AgentScope;
use waldo_ureq::{Client, Error, Factory, OneShot, Payload, ureq};

use crate::site::{
    TIMEOUT, bounded, builder, builder_over, client, credentials, on_threads, settings, status,
};

const MEGABYTE: usize = 1_000_000;

/// How a server refuses an upload whose token it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Answers on the head, and closes.
    Close,
    /// Answers on the head, and neither reads on nor closes.
    Hold,
    /// Answers on the head, and reads what comes then.
    Drain,
    /// Reads the body, then answers.
    ReadFirst,
    /// Answers after a part of the body, and closes.
    ReadPart,
    /// Answers on the head if the client asks, or the body is short. If not, closes without
    /// an answer.
    Cut,
    /// Reads the body, then closes. Answers only if the client asks.
    ReadAndCut,
    /// Neither reads on nor closes. Answers only if the client asks.
    Silence,
}

/// How a server answers `Expect: 100-continue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Looks at the token first.
    Looks,
    /// Says 100 before it looks at anything.
    Continues,
    /// Says 100 before it looks at the token, as Node's `http` and Python's `http.server` do.
    ContinuesAndLooks,
    /// Answers 417.
    Fails,
    /// Ignores `Expect`, and looks at the token after it has read a part of the body.
    Ignores,
}

/// A server that grants a new token with each login, and knows only the latest.
struct Site {
    server: Scripted,
    granted: Arc<AtomicU32>,
    /// Of each upload, whether the server was asked before the body came.
    asked: Arc<Mutex<Vec<bool>>>,
}

impl Site {
    fn start(refusal: Refusal, when_asked: Asked) -> Self {
        let (granted, asked) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (latest, asks) = (Arc::clone(&granted), Arc::clone(&asked));
        let held = Mutex::new(Vec::new());
        let server = Scripted::start(move |exchange| {
            if exchange.is_login() {
                return exchange.grant(&jwt(latest.fetch_add(1, Ordering::SeqCst) + 1));
            }
            let expects = exchange.header("expect").is_some();
            if exchange.line.starts_with("POST") {
                asks.lock().unwrap().push(expects);
            }
            let is_known = exchange.bears(&jwt(latest.load(Ordering::SeqCst)));
            answer_upload(exchange, is_known, expects.then_some(when_asked), refusal, &held);
        });
        Self { server, granted, asked }
    }

    /// The server forgets the token that the client holds.
    fn forget_token(&self) {
        self.granted.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether each upload since the last time has asked.
    fn asked(&self) -> Vec<bool> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn client(&self) -> Client {
        self.client_with(settings())
    }

    /// A client whose token was good a moment ago.
    fn client_with(&self, settings: ConfigBuilder<AgentScope>) -> Client {
        let client = builder_over(self.server.origin(), settings.build()).build().unwrap();
        assert_eq!(client.get("/first").call().unwrap().status(), 200);
        client
    }

    fn uploads(&self) -> usize {
        self.server.seen().iter().filter(|line| *line == "POST /up").count()
    }
}

fn answer_upload(
    exchange: &mut Exchange,
    is_known: bool,
    asked: Option<Asked>,
    refusal: Refusal,
    held: &Mutex<Vec<TcpStream>>,
) {
    match asked {
        Some(Asked::Fails) => {
            exchange.answer(417, "Connection: close\r\n", "no");
            return exchange.close();
        }
        Some(Asked::Ignores) => {
            exchange.await_body();
            exchange.headers.retain(|(name, _)| name != "expect");
        }
        Some(Asked::Continues) => {
            let body = exchange.read_body();
            let status = if is_known { 200 } else { 401 };
            return exchange.answer(status, "", &body.len().to_string());
        }
        Some(Asked::ContinuesAndLooks) => {
            exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n");
            exchange.headers.retain(|(name, _)| name != "expect");
        }
        Some(Asked::Looks) | None => {}
    }
    let is_short = |length: &str| length.parse::<usize>().unwrap() <= 64 * 1024;
    let answers = exchange.header("expect").is_some()
        || exchange.header("content-length").is_some_and(is_short);
    if is_known || refusal == Refusal::ReadFirst {
        let body = exchange.read_body();
        return exchange.answer(if is_known { 200 } else { 401 }, "", &body.len().to_string());
    }
    match refusal {
        Refusal::Cut if !answers => exchange.close(),
        Refusal::ReadAndCut if !answers => {
            exchange.read_body();
            exchange.close();
        }
        Refusal::Silence if !answers => held.lock().unwrap().push(exchange.hold()),
        Refusal::ReadPart => {
            exchange.read_part(100_000);
            exchange.answer(401, "Connection: close\r\n", "no");
            exchange.close();
        }
        Refusal::Close | Refusal::Cut | Refusal::ReadAndCut | Refusal::Silence => {
            exchange.answer(401, "Connection: close\r\n", "no");
            exchange.close();
        }
        Refusal::Hold => {
            exchange.answer(401, "", "no");
            held.lock().unwrap().push(exchange.hold());
        }
        Refusal::Drain | Refusal::ReadFirst => {
            exchange.answer(401, "", "no");
            // Read the rest of the body. A refused client sends no more of it, or closes the
            // connection.
            exchange.drain();
        }
    }
}

fn upload(client: &Client, payload: impl Payload) -> Result<(u16, String), Error> {
    let mut response = client.post("/up").send(payload)?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string().unwrap()))
}

fn document(megabytes: usize) -> Vec<u8> {
    vec![7; megabytes * MEGABYTE]
}

fn arrived(megabytes: usize) -> (u16, String) {
    (200, (megabytes * MEGABYTE).to_string())
}

/// urllib3/urllib3#241, seanmonstar/reqwest#1975, golang/go#51109
#[test]
fn rule_24_upload_refused_on_its_head_is_resent() {
    bounded(|| {
        for megabytes in [1, 4, 8] {
            let site = Site::start(Refusal::Close, Asked::Looks);
            let document = document(megabytes);
            for round in 1..=10 {
                // Use a new client each time, because a session drops five tokens in a row at most
                // (rule 16).
                let client = site.client();
                site.forget_token();
                let logins = site.server.logins();
                assert_eq!(
                    upload(&client, &document).unwrap(),
                    arrived(megabytes),
                    "round {round}"
                );
                assert_eq!(site.server.logins(), logins + 1, "round {round}");
            }
        }
    });
}

/// As above, but the server says 100 by itself, or answers 417, so a probe learns nothing.
#[test]
fn rule_24_a_refusal_is_read_after_a_failed_write() {
    bounded(|| {
        for refusal in [Refusal::Close, Refusal::ReadPart] {
            for when_asked in [Asked::ContinuesAndLooks, Asked::Fails, Asked::Ignores] {
                let site = Site::start(refusal, when_asked);
                let (client, document) = (site.client(), document(8));
                for _ in 0..4 {
                    site.forget_token();
                    let answer = upload(&client, &document);
                    assert_eq!(answer.unwrap(), arrived(8), "{refusal:?} {when_asked:?}");
                    assert_eq!(site.asked(), [false, false], "{refusal:?} {when_asked:?}");
                }
                site.forget_token();
                let chunks = Factory::new(|| Ok(document.as_slice()));
                assert_eq!(
                    upload(&client, chunks).unwrap(),
                    arrived(8),
                    "{refusal:?} {when_asked:?}"
                );
            }
        }
    });
}

#[test]
fn rule_24_sent_one_shot_gets_its_401() {
    bounded(|| {
        for refusal in [Refusal::Close, Refusal::ReadPart, Refusal::Hold] {
            let site = Site::start(refusal, Asked::ContinuesAndLooks);
            let (client, document) = (site.client(), document(8));
            site.forget_token();
            let once = || OneShot::new(document.as_slice());
            assert_eq!(upload(&client, once()).unwrap(), (401, "no".to_owned()), "{refusal:?}");
            assert_eq!(upload(&client, once()).unwrap(), arrived(8), "{refusal:?}");
            assert_eq!(site.server.logins(), 2, "{refusal:?}");
        }
    });
}

#[test]
fn rule_24_unread_upload_is_resent_before_stalling() {
    bounded(|| {
        for when_asked in [Asked::Looks, Asked::ContinuesAndLooks] {
            let site = Site::start(Refusal::Hold, when_asked);
            let client = site.client();
            site.forget_token();
            let began = Instant::now();
            assert_eq!(upload(&client, document(8)).unwrap(), arrived(8));
            assert!(began.elapsed() < TIMEOUT / 3, "{:?}", began.elapsed());
        }
    });
}

#[test]
fn rule_24_unanswered_upload_is_resent() {
    bounded(|| {
        for refusal in [Refusal::Cut, Refusal::ReadAndCut] {
            let site = Site::start(refusal, Asked::Looks);
            let client = site.client();
            site.forget_token();
            assert_eq!(upload(&client, document(8)).unwrap(), arrived(8), "{refusal:?}");
            assert_eq!(site.asked(), [false, true, false], "{refusal:?}");
        }
    });
}

#[test]
fn rule_24_closed_expect_request_reports_break_off() {
    bounded(|| {
        let server = Scripted::start(|exchange| match exchange.line.as_str() {
            "POST /authenticate" => exchange.grant(&jwt(1)),
            _ => exchange.close(),
        });
        let client = client(server.origin());
        for _ in 0..2 {
            let error = client.post("/up").send(document(8)).unwrap_err();
            assert!(matches!(error, Error::BrokeOff(_)), "{error:?}");
        }
    });
}

#[test]
fn an_early_answer_is_delivered() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            let (framing, body) = match exchange.line.as_str() {
                "POST /chunks" => {
                    ("Transfer-Encoding: chunked\r\n", "3\r\ntoo\r\n6\r\n large\r\n0\r\n\r\n")
                }
                "POST /to-the-end" => ("", "too large"),
                _ => ("Content-Length: 9\r\n", "too large"),
            };
            let head = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 413 No\r\nConnection: close\r\nx-why: size\r\n";
            exchange.write(format!("{head}{framing}\r\n{body}").as_bytes());
            exchange.close();
        });
        let client = client(server.origin());
        for path in ["/length", "/chunks"] {
            let mut response = client.post(path).send(document(8)).unwrap();
            assert_eq!(response.status(), 413);
            assert_eq!(response.headers()["x-why"], "size");
            assert_eq!(response.body_mut().read_to_string().unwrap(), "too large");
        }
        // After a reset, nobody knows whether more would have come.
        let mut response = client.post("/to-the-end").send(document(8)).unwrap();
        assert_eq!(response.status(), 413);
        let body = response.body_mut().read_to_string();
        assert!(matches!(body, Err(ureq::Error::Io(_))), "{body:?}");
        assert_eq!(server.logins(), 1);
    });
}

/// A success may begin before the body is read, and an interim response may come at any time.
#[test]
fn a_slow_reader_gets_the_whole_upload() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            let is_interim = exchange.line == "POST /interim";
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";
            exchange.write(
                if is_interim { "HTTP/1.1 102 Processing\r\n\r\n" } else { head }.as_bytes(),
            );
            // The client fills all buffers, and looks for an answer a few times.
            thread::sleep(Duration::from_millis(500));
            let length = exchange.read_body().len().to_string();
            if is_interim {
                exchange.write(head.as_bytes());
            }
            exchange.write(length.as_bytes());
        });
        let client = client(server.origin());
        for path in ["/interim", "/success"] {
            let mut response = client.post(path).send(document(32)).unwrap();
            assert_eq!(response.body_mut().read_to_string().unwrap(), "32000000", "{path}");
        }
    });
}

#[test]
fn rule_24_refused_chunked_upload_is_resent() {
    bounded(|| {
        let site = Site::start(Refusal::Close, Asked::Looks);
        let (client, document) = (site.client(), document(8));
        for _ in 0..3 {
            site.forget_token();
            let factory = Factory::new(|| Ok(document.as_slice()));
            assert_eq!(upload(&client, factory).unwrap(), arrived(8));
        }
    });
}

#[test]
fn rule_24_unread_upload_with_write_timeout_is_resent() {
    bounded(|| {
        let site = Site::start(Refusal::Hold, Asked::Looks);
        let limited = || settings().timeout_per_write(Some(Duration::from_millis(500)));
        for client in
            [site.client_with(limited()), site.client_with(limited().timeout_global(None))]
        {
            site.forget_token();
            assert_eq!(upload(&client, document(8)).unwrap(), arrived(8));
        }
        // A deadline alone leaves time to ask.
        let client = site.client_with(settings().timeout_global(None));
        site.forget_token();
        let within = client.post("/up").timeout(Duration::from_secs(8)).send(document(8));
        assert_eq!(within.unwrap().status(), 200);
    });
}

/// With a given agent, the client sees the answer to `Expect` only when the connection ends. So it
/// asks the server to close.
#[test]
fn rule_24_upload_over_given_agent_is_resent() {
    bounded(|| {
        let (granted, held) = (AtomicU32::new(0), Mutex::new(Vec::new()));
        let server = Scripted::start(move |exchange| {
            if exchange.is_login() {
                return exchange.grant(&jwt(granted.fetch_add(1, Ordering::SeqCst) + 1));
            }
            if exchange.line == "GET /first" || exchange.bears(&jwt(granted.load(Ordering::SeqCst)))
            {
                let length = exchange.read_body().len();
                // This token is refused next.
                granted.fetch_add(1, Ordering::SeqCst);
                return exchange.answer(200, "", &length.to_string());
            }
            let closes = exchange.header("connection") == Some("close");
            exchange.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
            if closes {
                return exchange.close();
            }
            held.lock().unwrap().push(exchange.hold());
        });
        let settings = || settings().timeout_per_write(Some(Duration::from_millis(500))).build();
        let client = Client::builder(credentials())
            .origin(server.origin())
            .agent(Agent::new_with_config(settings()))
            .build()
            .unwrap();
        assert_eq!(client.get("/first").call().unwrap().status(), 200);
        let document = document(8);
        assert_eq!(upload(&client, &document).unwrap(), arrived(8));
        assert_eq!(upload(&client, OneShot::new(document.as_slice())).unwrap(), arrived(8));
    });
}

/// The server says 100 by itself, and reads on after its 401 unless it is asked to close.
#[test]
fn rule_24_upload_over_given_agent_recovers_at_third_call() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            if exchange.header("expect").is_some() {
                exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n");
                exchange.headers.retain(|(name, _)| name != "expect");
            }
            // The first token is refused everywhere but here.
            let is_known = exchange.line == "GET /first" || !exchange.bears(&jwt(1));
            if !is_known && exchange.header("connection") == Some("close") {
                exchange.answer(401, "Connection: close\r\n", "no");
                return exchange.close();
            }
            let length = exchange.read_body().len();
            exchange.answer(if is_known { 200 } else { 401 }, "", &length.to_string());
        });
        let client = Client::builder(credentials())
            .origin(server.origin())
            .agent(Agent::new_with_config(settings().build()))
            .build()
            .unwrap();
        assert_eq!(client.get("/first").call().unwrap().status(), 200);
        let document = document(8);
        let once = || upload(&client, OneShot::new(document.as_slice()));
        assert!(matches!(once(), Err(Error::BrokeOff(_))));
        assert_eq!(once().unwrap(), (401, "8000000".to_owned()));
        assert_eq!(once().unwrap(), arrived(8));
    });
}

#[test]
fn rule_24_upload_read_after_refusal_is_resent() {
    bounded(|| {
        for refusal in [Refusal::Drain, Refusal::ReadFirst] {
            let site = Site::start(refusal, Asked::Continues);
            let client = site.client();
            site.forget_token();
            assert_eq!(upload(&client, document(8)).unwrap(), arrived(8));
            assert_eq!(site.asked(), [false, false], "{refusal:?}");
        }
    });
}

#[test]
fn rule_24_one_shot_gets_401_of_head_only_attempt() {
    bounded(|| {
        let site = Site::start(Refusal::Cut, Asked::Looks);
        let (client, document) = (site.client(), document(8));
        site.forget_token();
        let once = || OneShot::new(document.as_slice()).without_expect();
        assert_eq!(upload(&client, once()).unwrap(), (401, "no".to_owned()));
        assert_eq!(site.asked(), [false, true]);
        assert_eq!(upload(&client, once()).unwrap(), arrived(8));
        assert_eq!(site.server.logins(), 2);
    });
}

#[test]
fn rule_24_refused_one_shot_with_expect_is_resent() {
    bounded(|| {
        let site = Site::start(Refusal::Close, Asked::Looks);
        let (client, document) = (site.client(), document(8));
        site.forget_token();
        assert_eq!(upload(&client, OneShot::new(document.as_slice())).unwrap(), arrived(8));
        assert_eq!(site.asked(), [true, true]);
    });
}

#[test]
fn rule_24_uploads_at_once_share_one_login() {
    bounded(|| {
        let site = Site::start(Refusal::Close, Asked::Looks);
        let (client, document, listener) = (site.client(), document(8), Listener::new());
        site.forget_token();
        let answers = on_threads(4, &listener, |_| upload(&client, &document).unwrap(), || ());
        assert_eq!(answers, vec![arrived(8); 4]);
        assert_eq!(site.server.logins(), 2);
    });
}

#[test]
fn rule_24_a_lost_refusal_is_reported() {
    bounded(|| {
        for when_asked in [Asked::Fails, Asked::Ignores, Asked::Continues] {
            let site = Site::start(Refusal::Cut, when_asked);
            let client = site.client();
            site.forget_token();
            let error = upload(&client, document(8)).unwrap_err();
            assert!(matches!(error, Error::BrokeOff(_)), "{when_asked:?}: {error:?}");
            assert!(error.to_string().contains("the token may have been refused"), "{error}");
            let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
            assert_ne!(source.kind(), io::ErrorKind::Other, "{source:?}");
            assert_eq!(site.uploads(), 2, "{when_asked:?}");
            assert!(client.explain().to_string().contains("broke off"), "{}", client.explain());
            // The next upload asks first. Then the server reads the body, and its 401 arrives.
            let next = upload(&client, document(8));
            match when_asked {
                Asked::Continues => assert_eq!(next.unwrap(), arrived(8)),
                Asked::Fails | Asked::Ignores | Asked::Looks | Asked::ContinuesAndLooks => {
                    assert!(matches!(next, Err(Error::BrokeOff(_))), "{next:?}");
                }
            }
            client.invalidate(client.generation());
            assert_eq!(upload(&client, document(8)).unwrap(), arrived(8));
        }
    });
}

/// A refusal would say that nothing was sent, but the server may have acted on the upload.
#[test]
fn rule_24_rejected_login_keeps_broken_uploads_error() {
    bounded(|| {
        let shared = Arc::new(OnceLock::<Client>::new());
        let (client, logins) = (Arc::clone(&shared), AtomicU32::new(0));
        let server = Scripted::start(move |exchange| match exchange.line.as_str() {
            "POST /authenticate" if logins.fetch_add(1, Ordering::SeqCst) == 0 => {
                exchange.grant(&jwt(1));
            }
            "POST /authenticate" => exchange.answer(401, "", r#"{"code":"INVALID_API_KEY"}"#),
            "POST /up" => {
                let error = client.get().unwrap().get("/refused").call().unwrap_err();
                assert!(matches!(error, Error::Refused(_)), "{error:?}");
                exchange.close();
            }
            "GET /refused" => exchange.answer(401, "", ""),
            _ => exchange.answer(200, "", ""),
        });
        let client = shared.get_or_init(|| crate::site::client(server.origin()));
        assert_eq!(client.get("/").call().unwrap().status(), 200);
        let error = client.post("/up").send(document(8)).unwrap_err();
        assert!(matches!(error, Error::BrokeOff(_)), "{error:?}");
        assert_eq!(server.logins(), 2);
    });
}

/// Another call has replaced the token, so the upload is sent again. The server may still have acted
/// on the first upload.
#[test]
fn rule_24_failed_resend_keeps_broken_uploads_error() {
    bounded(|| {
        let other = Arc::new(OnceLock::<Client>::new());
        let calls = Arc::clone(&other);
        let logins = AtomicU32::new(0);
        let server = Scripted::start(move |exchange| match exchange.line.as_str() {
            "POST /authenticate" => exchange.grant(&jwt(logins.fetch_add(1, Ordering::SeqCst) + 1)),
            "POST /up" if exchange.bears(&jwt(1)) => {
                assert_eq!(calls.get().unwrap().get("/other").call().unwrap().status(), 200);
                exchange.close();
            }
            "POST /up" => {
                exchange.read_body();
                exchange.write(b"SSH-2.0-x\r\n\r\n");
                exchange.close();
            }
            "GET /other" if exchange.bears(&jwt(1)) => exchange.answer(401, "", ""),
            _ => exchange.answer(200, "", ""),
        });
        let client = client(server.origin());
        assert_eq!(client.get("/first").call().unwrap().status(), 200);
        other.set(client.clone()).unwrap();
        let error = client.post("/up").send(document(8)).unwrap_err();
        assert_eq!(server.seen().iter().filter(|line| *line == "POST /up").count(), 2);
        assert!(matches!(error, Error::BrokeOff(_)) && !error.never_sent(), "{error}");
    });
}

#[test]
fn rule_24_a_crash_during_an_upload_costs_no_login() {
    bounded(|| {
        let server = Scripted::start(|exchange| match exchange.line.as_str() {
            "POST /authenticate" => exchange.grant(&jwt(1)),
            "POST /up" if exchange.header("expect").is_some() => {
                exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n");
                exchange.wait_until_gone();
            }
            "POST /up" => exchange.close(),
            _ => exchange.answer(200, "", ""),
        });
        let client = client(server.origin());
        let error = client.post("/up").send(document(8)).unwrap_err();
        assert!(matches!(error, Error::BrokeOff(_)), "{error:?}");
        assert_eq!(client.get("/").call().unwrap().status(), 200);
        assert_eq!(server.seen(), ["POST /authenticate", "POST /up", "POST /up", "GET /"]);
    });
}

#[test]
fn rule_24_other_head_only_response_is_delivered() {
    bounded(|| {
        let site = Scripted::granting(|exchange| {
            if exchange.header("expect").is_some() {
                exchange.answer(413, "Connection: close\r\n", "too large");
            }
            exchange.close();
        });
        let client = client(site.origin());
        assert_eq!(upload(&client, document(8)).unwrap(), (413, "too large".to_owned()));
        assert_eq!(site.logins(), 1);
    });
}

#[test]
fn rule_24_upload_after_timed_out_upload_uses_expect() {
    bounded(|| {
        let site = Site::start(Refusal::Silence, Asked::Looks);
        let hasty = settings().timeout_send_body(Some(Duration::from_millis(300)));
        let client = site.client_with(hasty);
        site.forget_token();
        let error = upload(&client, document(8)).unwrap_err();
        assert!(
            matches!(error, Error::Ureq(ureq::Error::Timeout(ureq::Timeout::SendBody))),
            "{error:?}"
        );
        assert_eq!(upload(&client, document(8)).unwrap(), arrived(8));
        assert_eq!(site.asked(), [false, true, false]);
    });
}

#[test]
fn rule_24_short_body_never_uses_expect() {
    bounded(|| {
        let site = Site::start(Refusal::Cut, Asked::Fails);
        let client = site.client();
        for length in [1, 64 * 1024] {
            site.forget_token();
            // The token is in doubt, and a short body needs no question all the same.
            assert!(matches!(upload(&client, document(8)), Err(Error::BrokeOff(_))));
            assert_eq!(site.asked(), [false, true]);
            assert_eq!(upload(&client, vec![7; length]).unwrap(), (200, length.to_string()));
            assert_eq!(site.asked(), [false, false]);
        }
    });
}

#[test]
fn server_ignoring_expect_gets_it_once() {
    bounded(|| {
        let site = Site::start(Refusal::Cut, Asked::Ignores);
        let (client, document) = (site.client(), document(1));
        let once = || OneShot::new(document.as_slice());
        for _ in 0..4 {
            assert_eq!(upload(&client, once()).unwrap(), arrived(1));
        }
        assert_eq!(site.asked(), [true, false, false, false]);
        // Clones share what is known, and a break-off is a reason to ask again.
        assert_eq!(upload(&client.clone(), once()).unwrap(), arrived(1));
        site.forget_token();
        let began = Instant::now();
        assert!(matches!(upload(&client, once()), Err(Error::BrokeOff(_))));
        assert_eq!(site.asked(), [false, false, true]);
        assert!(began.elapsed() < TIMEOUT / 2);
        client.invalidate(client.generation());
        assert_eq!(upload(&client, once()).unwrap(), arrived(1));
        assert_eq!(site.asked(), [true]);
    });
}

#[test]
fn response_417_resends_without_expect() {
    bounded(|| {
        let site = Site::start(Refusal::ReadFirst, Asked::Fails);
        let (client, document) = (site.client(), document(1));
        for _ in 0..2 {
            assert_eq!(upload(&client, OneShot::new(document.as_slice())).unwrap(), arrived(1));
        }
        assert_eq!(site.asked(), [true, false, false]);
        // A question of the user's own is answered to the user.
        let own = client.post("/up").header("expect", "100-continue").send(&document);
        assert_eq!(own.unwrap().status(), 417);
    });
}

#[test]
fn server_answering_expect_gets_it_each_time() {
    bounded(|| {
        let site = Site::start(Refusal::Close, Asked::Looks);
        let (client, document) = (site.client(), document(1));
        for _ in 0..3 {
            assert_eq!(upload(&client, OneShot::new(document.as_slice())).unwrap(), arrived(1));
        }
        assert_eq!(site.asked(), [true; 3]);
    });
}

#[test]
fn body_connection_error_is_a_body_error() {
    struct Reset;

    impl Read for Reset {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    bounded(|| {
        let site = Site::start(Refusal::Close, Asked::Looks);
        let client = site.client();
        let error = client.post("/up").send(Factory::new(|| Ok(Reset))).unwrap_err();
        assert!(matches!(error, Error::Body(_)), "{error:?}");
        assert!(!client.explain().to_string().contains("broke off"));
    });
}

#[test]
fn an_upload_waits_no_longer_than_its_client() {
    bounded(|| {
        let site = Site::start(Refusal::Silence, Asked::Ignores);
        let client = builder(site.server.origin()).build().unwrap();
        drop(client.token().unwrap());
        site.forget_token();
        let began = Instant::now();
        let error =
            client.post("/up").timeout(Duration::from_secs(2)).send(document(8)).unwrap_err();
        assert!(began.elapsed() < TIMEOUT / 2, "{:?}", began.elapsed());
        assert!(
            matches!(error, Error::BrokeOff(_) | Error::Ureq(ureq::Error::Timeout(_))),
            "{error:?}"
        );
    });
}

/// A server that refuses the first token on the head of an upload, without reading the body. It
/// accepts the second token.
fn refusing_uploads() -> Scripted {
    let logins = AtomicU32::new(0);
    Scripted::start(move |exchange| {
        if exchange.is_login() {
            return exchange.grant(&jwt(logins.fetch_add(1, Ordering::SeqCst)));
        }
        if exchange.line == "POST /up" && exchange.bears(&jwt(0)) {
            exchange.answer(401, "Connection: close\r\n", "no");
            return exchange.close();
        }
        let body = exchange.read_body();
        exchange.answer(200, "", &body.len().to_string());
    })
}

/// A race decides whether the client reads the response. The scenarios let the call fail in this
/// case, but this adapter sends the upload again.
///
/// Seen in urllib3/urllib3#241. Seen in seanmonstar/reqwest#1975. Seen in golang/go#51109.
#[test]
fn rule_24_refused_upload_of_any_length_is_resent() {
    bounded(|| {
        for length in [60_000, 70_000, 200_000, 1_000_000, 3_000_000, 8_000_000] {
            let document = vec![7; length];
            let server = refusing_uploads();
            let client = client(server.origin());
            assert_eq!(status(&client), 200);
            let mut response = client.post("/up").send(document).unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.body_mut().read_to_string().unwrap(), length.to_string());
            assert_eq!(server.logins(), 2);
        }
    });
}
