//! The user's own agent is respected, as far as it may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use waldo_adapter_tests::{Scripted, jwt};
use waldo_emulator::Hold;
use waldo_emulator::model::Server;
use waldo_ureq::http::{Request, Response, StatusCode};
use waldo_ureq::ureq::middleware::MiddlewareNext;
use waldo_ureq::ureq::{self, Body, SendBody};
use waldo_ureq::{Client, Error, Refusal, Refused};

use crate::site::{bounded, builder_over, client, credentials, emulator, settings, status};

#[test]
fn final_status_is_error_only_if_configured() {
    bounded(|| {
        for as_error in [true, false] {
            let emulator = emulator();
            let settings = settings().http_status_as_error(as_error).build();
            let client = builder_over(emulator.origin(), settings).build().unwrap();
            assert_eq!(status(&client), 200);
            // The 401 on the way to the answer is nobody's error.
            emulator.expire_all();
            assert_eq!(status(&client), 200);
            let missing = client.get("/history/kyc/unknown").call();
            if as_error {
                let error = missing.unwrap_err();
                assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
                assert_eq!(error.code(), Some("NOT_FOUND"));
                assert!(error.api().unwrap().message().is_some(), "{error}");
            } else {
                assert_eq!(missing.unwrap().status(), 404);
            }
            // One request may say otherwise.
            let other = client.get("/history/kyc/unknown").http_status_as_error(!as_error).call();
            assert_eq!(other.is_err(), !as_error);
        }
    });
}

#[test]
fn without_an_agent_a_timeout_holds() {
    bounded(|| {
        let emulator = emulator();
        let client = Client::builder(credentials()).origin(emulator.origin()).build().unwrap();
        assert_eq!(status(&client), 200);
        emulator.hold(Hold::calls());
        let error = client.get("/customer").timeout(Duration::from_millis(200)).call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(_))), "{error:?}");
        emulator.release_all();
    });
}

#[test]
fn without_an_agent_a_call_may_have_no_timeout() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            std::thread::sleep(Duration::from_millis(600));
            exchange.answer(200, "", "");
        });
        let limit = Duration::from_millis(200);
        let client = Client::builder(credentials()).origin(server.origin()).timeout(limit);
        let client = client.build().unwrap();
        let patient = client.get("/customer").timeout(None);
        assert_eq!(patient.call().unwrap().status(), 200);
        let error = client.get("/customer").call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(_))), "{error:?}");
    });
}

#[test]
fn default_agent_names_crate_and_waits_a_minute() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            let name = concat!("waldo-ureq/", env!("CARGO_PKG_VERSION"));
            assert_eq!(exchange.header("user-agent"), Some(name));
            exchange.answer(429, "Retry-After: 61\r\n", "");
        });
        let client = Client::builder(credentials()).origin(server.origin()).build().unwrap();
        let error = client.get("/customer").call().unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
            "{error:?}"
        );
        assert_eq!(server.seen(), ["POST /authenticate"]);
    });
}

#[test]
fn default_agent_returns_status_as_error() {
    bounded(|| {
        let emulator = emulator();
        let client = Client::builder(credentials()).origin(emulator.origin()).build().unwrap();
        let error = client.get("/history/kyc/unknown").call().unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));

        // Nor does it keep the login from reading why it was rejected.
        emulator.revoke_key(Server::KEY_ID);
        client.invalidate(client.generation());
        let error = client.get("/customer").call().unwrap_err();
        assert!(error.to_string().contains("API_KEY_REVOKED"), "{error}");
    });
}

#[test]
fn rule_03_http_origin_uses_no_proxy() {
    bounded(|| {
        let proxy = Scripted::start(|exchange| exchange.answer(200, "", ""));
        let address = ureq::Proxy::new(&proxy.origin()).unwrap();
        let emulator = emulator();
        let settings = settings().proxy(Some(address)).build();
        let client = builder_over(emulator.origin(), settings).build().unwrap();
        assert_eq!(status(&client), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
        assert_eq!(proxy.connections(), 0);
    });
}

#[test]
fn agent_settings_apply_to_calls_and_logins() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            assert_eq!(exchange.header("user-agent"), Some("probe/1"));
            assert_eq!(exchange.header("x-added"), Some("yes"));
            assert_eq!(exchange.header("authorization").is_some(), !exchange.is_login());
            if exchange.is_login() { exchange.grant(&jwt(1)) } else { exchange.answer(200, "", "") }
        });
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let middleware = move |mut request: Request<SendBody>, next: MiddlewareNext| {
            counted.fetch_add(1, Ordering::SeqCst);
            request.headers_mut().insert("x-added", "yes".parse().unwrap());
            next.handle(request)
        };
        let settings = settings().user_agent("probe/1").middleware(middleware).build();
        let client = builder_over(server.origin(), settings).build().unwrap();
        assert_eq!(status(&client), 200);
        assert_eq!(status(&client), 200);
        assert_eq!(count.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn call_recovers_from_401_turned_into_error() {
    bounded(|| {
        let emulator = emulator();
        let middleware = |request: Request<SendBody>,
                          next: MiddlewareNext|
         -> Result<Response<Body>, ureq::Error> {
            let response = next.handle(request)?;
            match response.status() {
                StatusCode::UNAUTHORIZED => Err(ureq::Error::StatusCode(401)),
                _ => Ok(response),
            }
        };
        let client = builder_over(emulator.origin(), settings().middleware(middleware).build())
            .build()
            .unwrap();
        assert_eq!(status(&client), 200);
        emulator.expire_all();
        assert_eq!(status(&client), 200);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

#[test]
fn the_login_carries_the_documented_request_and_no_token() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            if exchange.is_login() {
                assert_eq!(exchange.header("content-type"), Some("application/json"));
                assert_eq!(exchange.header("accept"), Some("application/json"));
                assert_eq!(exchange.header("authorization"), None);
                let body = exchange.read_body();
                let expected =
                    br#"{"apiKey":"wk.sandbox.example","clientSecret":"ws.sandbox.example"}"#;
                assert_eq!(body, expected);
                exchange.answer(200, "", &format!("{{\"token\":\"Bearer {}\"}}", jwt(7)));
            } else {
                assert!(exchange.bears(&jwt(7)));
                exchange.answer(200, "", "");
            }
        });
        assert_eq!(status(&client(server.origin())), 200);
        assert_eq!(server.seen(), ["POST /authenticate", "GET /customer?field=id"]);
    });
}

#[cfg(feature = "rustls")]
#[test]
fn default_https_speaks_tls_and_keeps_error_source() {
    use std::error::Error as _;
    use std::io::{Read, Write};

    bounded(|| {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0; 3];
            stream.read_exact(&mut first).unwrap();
            // As a server does that speaks no TLS.
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            drop(stream.read_to_end(&mut Vec::new()));
            first
        });
        let client = Client::builder(credentials())
            .origin(origin)
            .limits(|limits| limits.failures_per_call(1))
            .build()
            .unwrap();
        let error = client.get("/").call().unwrap_err();
        // The record type and the version of a TLS handshake.
        assert_eq!(server.join().unwrap(), [0x16, 3, 1]);
        let source = error.source().unwrap().to_string();
        assert!(source.contains("InvalidContentType"), "{source}");
    });
}
