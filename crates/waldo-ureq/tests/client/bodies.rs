//! Bodies that can be sent again, and bodies that cannot.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use waldo_adapter_tests::{Scripted, jwt};
use waldo_emulator::Emulator;
use waldo_ureq::http::{Request, Response};
use waldo_ureq::ureq::Body;
use waldo_ureq::{Client, Error, Factory, OneShot, Payload};

use crate::site::{bounded, builder_over, client, emulator, settings, status};

/// More than one buffer of ureq's.
fn document() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(300_000).collect()
}

/// Sends a document with a token that the server has just forgotten; says what came of it.
fn after_expiry(emulator: &Emulator, client: &Client, document: impl Payload) -> (u16, String) {
    assert_eq!(status(client), 200);
    emulator.expire_all();
    emulator.reset_stats();
    let mut response = client.post("/document").send(document).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[test]
fn rule_17_bytes_are_sent_again_in_full() {
    bounded(|| {
        let (emulator, document) = (emulator(), document());
        let client = client(emulator.origin());
        let check = |(status, body): (u16, String)| {
            assert_eq!(status, 200);
            assert!(body.contains("300000"), "{body}");
            assert_eq!(emulator.stats().server.calls_unauthorized, 1);
        };
        check(after_expiry(&emulator, &client, document.as_slice()));
        check(after_expiry(&emulator, &client, &document));
        check(after_expiry(&emulator, &client, document));
        check(after_expiry(&emulator, &client, "x".repeat(300_000)));
    });
}

#[test]
fn rule_17_factory_is_called_for_each_attempt() {
    bounded(|| {
        for length in [None, Some(300_000)] {
            let (emulator, document, made) = (emulator(), document(), Cell::new(0));
            let client = client(emulator.origin());
            let mut factory = Factory::new(|| {
                made.set(made.get() + 1);
                Ok(Cursor::new(&document))
            });
            if let Some(length) = length {
                factory = factory.with_length(length);
            }
            let (status, body) = after_expiry(&emulator, &client, factory);
            assert_eq!((status, made.get()), (200, 2));
            assert!(body.contains("300000"), "{body}");
        }
    });
}

#[test]
fn rule_17_one_shot_401_is_delivered_and_token_dropped() {
    bounded(|| {
        // The emulator reads the whole request before it looks at the token.
        let (emulator, document) = (emulator(), document());
        let client = client(emulator.origin());
        let (refused, body) = after_expiry(&emulator, &client, OneShot::new(document.as_slice()));
        assert_eq!(refused, 401);
        assert!(body.contains("INVALID_TOKEN"), "{body}");
        assert_eq!(emulator.stats().server.logins(), 0);
        let response = client.post("/document").send(OneShot::new(document.as_slice())).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn rule_17_untouched_one_shot_body_is_resent() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            if exchange.is_login() {
                exchange.grant(&jwt(2));
            } else if exchange.line == "GET /first" {
                exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(1)), "");
            } else if exchange.bears(&jwt(2)) {
                let body = exchange.read_body();
                exchange.answer(200, "", &body.len().to_string());
            } else {
                // The head is refused; the body is neither asked for nor read.
                assert_eq!(exchange.header("expect"), Some("100-continue"));
                exchange.answer(401, "", r#"{"code":"INVALID_TOKEN"}"#);
                exchange.close();
            }
        });
        for length in [None, Some(300_000)] {
            let (client, document) = (client(server.origin()), document());
            assert_eq!(client.get("/first").call().unwrap().status(), 200);
            let before = server.logins();
            let mut upload = OneShot::new(document.as_slice());
            if let Some(length) = length {
                upload = upload.with_length(length);
            }
            let mut response = client.post("/document").send(upload).unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.body_mut().read_to_string().unwrap(), "300000");
            assert_eq!(server.logins(), before + 1);
        }
    });
}

#[test]
fn rule_17_body_sent_at_second_attempt_is_not_resent() {
    bounded(|| {
        let other: Arc<OnceLock<Client>> = Arc::default();
        let meanwhile = Arc::clone(&other);
        let server = Scripted::start(move |exchange| match exchange.line.as_str() {
            "POST /authenticate" => exchange.grant(&jwt(1)),
            "GET /renewal" => {
                exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(2)), "");
            }
            // The head is refused untouched, but not before another call has brought a newer token.
            _ if exchange.bears(&jwt(1)) => {
                assert_eq!(meanwhile.get().unwrap().get("/renewal").call().unwrap().status(), 200);
                exchange.answer(401, "", "first");
                exchange.close();
            }
            _ => {
                let body = exchange.read_body();
                exchange.answer(401, "", &format!("second {}", body.len()));
            }
        });
        let client = client(server.origin());
        other.set(client.clone()).unwrap();
        drop(client.token().unwrap());
        let mut response = client.post("/document").send(OneShot::new(&b"once"[..])).unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.body_mut().read_to_string().unwrap(), "second 4");
        let uploads = server.seen().iter().filter(|line| *line == "POST /document").count();
        assert_eq!((uploads, server.logins()), (2, 1));
    });
}

#[test]
fn server_ignoring_expect_gets_body_after_delay() {
    fn body(client: &Client, upload: impl Payload) -> String {
        client.post("/document").send(upload).unwrap().body_mut().read_to_string().unwrap()
    }
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            // Taken away, so that the script does not answer it.
            let expected = exchange.headers.iter().position(|(name, _)| name == "expect");
            let asked = expected.map(|index| exchange.headers.remove(index)).is_some();
            let body = exchange.read_body();
            exchange.answer(200, "", &format!("{asked} {}", String::from_utf8(body).unwrap()));
        });
        // Also with an agent that would wait for ever, and with one whose reads are shorter than
        // the wait.
        let short = Some(Duration::from_millis(500));
        for settings in [
            settings().timeout_await_100(short).build(),
            settings().timeout_await_100(None).build(),
            settings().timeout_per_read(short).build(),
        ] {
            let client = builder_over(server.origin(), settings).build().unwrap();
            assert_eq!(body(&client, OneShot::new(&b"text"[..])), "true text");
            assert_eq!(body(&client, OneShot::new(&b"text"[..]).without_expect()), "false text");
            // What can be sent again need not be held back.
            assert_eq!(body(&client, "text"), "false text");
            assert_eq!(body(&client, Factory::new(|| Ok(&b"text"[..]))), "false text");
        }
    });
}

#[test]
fn empty_body_has_no_or_zero_length() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            let length = exchange.header("content-length").unwrap_or("none").to_owned();
            assert_eq!(exchange.header("transfer-encoding"), None);
            exchange.answer(200, &format!("X-Length: {length}\r\n"), "");
        });
        let client = client(server.origin());
        let length =
            |request: Request<()>| client.run(request).unwrap().headers()["x-length"].clone();
        for (method, expected) in [
            ("GET", "none"),
            ("DELETE", "none"),
            ("HEAD", "none"),
            ("POST", "0"),
            ("PUT", "0"),
            ("PATCH", "0"),
        ] {
            let request = Request::builder().method(method).uri("/x").body(()).unwrap();
            assert_eq!(length(request), expected, "{method}");
        }
    });
}

#[test]
fn reader_is_chunked_unless_length_is_known() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            let said = ["content-length", "transfer-encoding"]
                .map(|name| exchange.header(name).unwrap_or("-").to_owned())
                .join(" ");
            let body = String::from_utf8(exchange.read_body()).unwrap();
            exchange.answer(200, "", &format!("{said} {body}"));
        });
        let client = client(server.origin());
        let once = || OneShot::new(&b"text"[..]);
        let again = || Factory::new(|| Ok(&b"text"[..]));
        for (response, expected) in [
            (client.post("/").send(once()), "- chunked text"),
            (client.post("/").send(again()), "- chunked text"),
            (client.post("/").send(once().with_length(4)), "4 - text"),
            (client.post("/").send(again().with_length(4)), "4 - text"),
            (client.post("/").send("text"), "4 - text"),
            (client.delete("/").send("text"), "4 - text"),
            // What the user says of the length counts.
            (
                client.post("/").header("transfer-encoding", "chunked").send("text"),
                "- chunked text",
            ),
            (client.post("/").header("transfer-encoding", "chunked").call(), "- chunked "),
            (client.delete("/").header("transfer-encoding", "chunked").call(), "- chunked "),
            (
                client.post("/").header("transfer-encoding", "chunked").send(once().with_length(4)),
                "- chunked text",
            ),
            (
                client.post("/").header("content-length", "4").send(once().with_length(9)),
                "4 - text",
            ),
        ] {
            assert_eq!(response.unwrap().body_mut().read_to_string().unwrap(), expected);
        }
    });
}

#[test]
fn unreadable_body_is_a_body_error() {
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the pipe is broken"))
        }
    }

    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let no_file = Factory::new(|| Err::<Broken, _>(io::ErrorKind::NotFound.into()));
        let results = [
            client.post("/document").send(OneShot::new(Broken)),
            client.post("/document").send(Factory::new(|| Ok(Broken))),
            client.post("/document").send(no_file),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Body(_)), "{error:?}");
        }
        assert_eq!(status(&client), 200);
    });
}

/// Whatever happens to the body, the call ends, and the client is as good as before.
fn body_error(client: &Client, result: Result<Response<Body>, Error>) -> String {
    let Err(Error::Body(error)) = result else { panic!("{result:?}") };
    assert_eq!(status(client), 200);
    error.to_string()
}

#[test]
fn body_with_wrong_length_is_body_error() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let document = document();
        // The first is what ureq reads at once: behind it, ureq asks no more.
        for stated in [client.agent().config().output_buffer_size(), document.len() - 1] {
            let longer = "the body is longer than its stated length";
            let once = OneShot::new(document.as_slice()).with_length(stated as u64);
            assert_eq!(body_error(&client, client.post("/document").send(once)), longer);
            let factory = Factory::new(|| Ok(document.as_slice())).with_length(stated as u64);
            assert_eq!(body_error(&client, client.post("/document").send(factory)), longer);
        }
        for (text, ending) in [("a text", "the body ended 3 bytes"), ("", "the body ended 9 bytes")]
        {
            let expected = format!("{ending} before its stated length");
            let once = OneShot::new(text.as_bytes()).with_length(9);
            assert_eq!(body_error(&client, client.post("/document").send(once)), expected);
            let factory = Factory::new(|| Ok(text.as_bytes())).with_length(9);
            assert_eq!(body_error(&client, client.post("/document").send(factory)), expected);
            // A header says it as well as the method does.
            let by_hand = client.post("/document").header("content-length", "9");
            assert_eq!(body_error(&client, by_hand.send(OneShot::new(text.as_bytes()))), expected);
        }
        let exact = OneShot::new(document.as_slice()).with_length(300_000);
        assert_eq!(client.post("/document").send(exact).unwrap().status(), 200);
    });
}

#[test]
fn contradicting_content_length_is_body_error() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client), 200);
        emulator.reset_stats();
        for (stated, body, expected) in [
            ("5", "text", "the body ended 1 bytes before its stated length"),
            ("3", "text", "the body is longer than its stated length"),
            ("4", "", "the body ended 4 bytes before its stated length"),
        ] {
            let result = client.post("/document").header("content-length", stated).send(body);
            assert!(matches!(result, Err(Error::Body(error)) if error.to_string() == expected));
        }
        for method in ["GET", "DELETE", "HEAD", "POST", "PUT", "PATCH"] {
            let request = |length| {
                let request = Request::builder().method(method).uri("/customer?field=id");
                client.run(request.header("content-length", length).body(()).unwrap())
            };
            assert!(matches!(request(5), Err(Error::Body(_))), "{method}");
            assert_eq!(emulator.stats().server.total(), 0, "{method}");
            assert!(request(0).is_ok(), "{method}");
            emulator.reset_stats();
        }
        // Two of them, and one that is no number, are refused by ureq.
        let twice = client
            .post("/x")
            .header("content-length", "4")
            .header("content-length", "4")
            .send("text");
        assert!(matches!(twice, Err(Error::Ureq(_))), "{twice:?}");
        let word = client.post("/x").header("content-length", "four").send("text");
        assert!(matches!(word, Err(Error::Ureq(_))), "{word:?}");
        assert_eq!(
            client.post("/document").header("content-length", "4").send("text").unwrap().status(),
            200
        );
    });
}
