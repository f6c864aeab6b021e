//! What has gone wrong in the field, where the fault lay between a client and its HTTP stack: each
//! public thread is a test, named after its repository and number. Those of the session's are in
//! `waldo-test-driver`'s `tests/regressions/`; `docs/dev/regressions.md` lists all.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

#[cfg(test)]
#[path = "client/listener.rs"]
#[expect(dead_code, reason = "the client's own tests need more of it")]
mod listener;
#[cfg(test)]
#[path = "client/scripted.rs"]
#[expect(dead_code, reason = "the client's own tests need more of it")]
mod scripted;
#[cfg(test)]
#[path = "client/site.rs"]
#[expect(dead_code, reason = "the client's own tests need more of it")]
mod site;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use waldo_emulator::model::{Answer, Fault, Server, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_ureq::http::Request;
use waldo_ureq::ureq::SendBody;
use waldo_ureq::ureq::config::RedirectAuthHeaders;
use waldo_ureq::ureq::middleware::MiddlewareNext;
use waldo_ureq::{Client, Factory, OneShot, Payload};

use crate::listener::Listener;
use crate::scripted::{Scripted, jwt};
use crate::site::{
    PATIENCE, bounded, builder_over, client, emulator, on_threads, settings, status,
    with_one_login_for_all,
};

const THREADS: usize = 16;

/// What the server has seen since it was watched, without the instants.
fn seen(emulator: &Emulator) -> Vec<String> {
    let told = emulator.sightings().iter().map(ToString::to_string).collect::<Vec<_>>();
    told.iter().map(|line| line.split(", at ").next().unwrap_or_default().to_owned()).collect()
}

/// `anthropics/anthropic-sdk-python#1841`: a token that was given up while a renewal was under way
/// came back with that renewal's answer. A response to a request that was sent before belongs to
/// the token that was given up: the next call logs in.
#[test]
fn anthropic_sdk_python_1841_invalidation_during_renewal_is_kept() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.watch();
        let call = |path| client.get(path).call().unwrap().status().as_u16();
        assert_eq!(call("/a"), 200);
        emulator.hold(Hold::calls().after_handling());
        thread::scope(|scope| {
            let call = scope.spawn(|| call("/b"));
            assert!(emulator.wait_until_held(1, PATIENCE));
            assert!(client.invalidate(client.generation()));
            emulator.release(Target::Calls);
            assert_eq!(call.join().unwrap(), 200);
        });
        assert_eq!(call("/c"), 200);
        let login = "a login as the first pair, given 200";
        let (a, b) = ("/a with login 1, given 200", "/b with renewal 1, given 200");
        assert_eq!(seen(&emulator), [login, a, b, login, "/c with login 2, given 200"]);
    });
}

/// Sends a document with a token that the server has just forgotten.
#[track_caller]
fn arrives_whole_after_a_401(document: impl Payload) {
    let emulator = emulator();
    let client = client(emulator.origin());
    assert_eq!(status(&client), 200);
    emulator.expire_all();
    let mut response = client.post("/document").send(document).unwrap();
    assert_eq!(response.status(), 200);
    // The server says how much it has got.
    let body = response.body_mut().read_to_string().unwrap();
    assert!(body.contains("300000"), "{body}");
    assert_eq!(emulator.stats().server.calls_unauthorized, 1);
}

/// `n8n-io/n8n#37000`: a replay sent a body that had been drained. Bytes are sent from their
/// beginning, each time.
#[test]
fn n8n_37000_bytes_are_sent_from_their_beginning() {
    bounded(|| arrives_whole_after_a_401(vec![7; 300_000]));
}

/// `a2aproject/a2a-js#735`: the same. A factory makes another stream for each sending.
#[test]
fn a2a_js_735_factory_creates_stream_for_each_attempt() {
    bounded(|| arrives_whole_after_a_401(Factory::new(|| Ok(Cursor::new(vec![7; 300_000])))));
}

/// `thomaslazar/abs-cli#89`: after a good retry the caller was handed the first response, the 401,
/// and the retry went without its body. The response that is delivered is the second one, with its
/// own body.
#[test]
fn abs_cli_89_response_of_successful_retry_is_delivered() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            if exchange.is_login() {
                return exchange.grant(&jwt(2));
            }
            let body = String::from_utf8(exchange.read_body()).unwrap();
            match (exchange.line.as_str(), exchange.bears(&jwt(2))) {
                ("GET /first", _) => {
                    exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(1)), "");
                }
                (_, true) => exchange.answer(200, "X-Which: second\r\n", &body),
                (_, false) => exchange.answer(401, "X-Which: first\r\n", "refused"),
            }
        });
        let client = client(server.origin());
        assert_eq!(client.get("/first").call().unwrap().status(), 200);
        let mut response = client.patch("/item").send("what is to be written").unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-which"]),
            (200, &"second".parse().unwrap())
        );
        assert_eq!(response.body_mut().read_to_string().unwrap(), "what is to be written");
    });
}

/// `TrueLayer/reqwest-middleware#44`: a stream that could not be sent twice failed before it was
/// sent once. It is sent, on a client without a token too, as its login comes first.
#[test]
fn reqwest_middleware_44_one_shot_stream_is_sent_once() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        for _ in 0..2 {
            let upload = OneShot::new(Cursor::new(vec![7; 300_000]));
            let mut response = client.post("/document").send(upload).unwrap();
            assert_eq!(response.status(), 200);
            assert!(response.body_mut().read_to_string().unwrap().contains("300000"));
        }
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

/// `golang/oauth2#500`: the bearer was put on again at each hop of a redirect, to whatever host.
/// Here no hop is made, not even by an agent that is told to follow ten of them with its headers,
/// so another port of this machine does not even see a connection.
#[test]
fn oauth2_500_no_hop_is_made_with_the_token() {
    bounded(|| {
        let elsewhere = Scripted::start(|exchange| exchange.answer(200, "", "caught"));
        let location = format!("Location: {}/caught\r\n", elsewhere.origin());
        let server = Scripted::start(move |exchange| match exchange.line.as_str() {
            "POST /authenticate" => exchange.grant(&jwt(1)),
            "GET /hop" => exchange.answer(302, "Location: /away\r\n", ""),
            _ => exchange.answer(302, &location, ""),
        });
        let follows =
            settings().max_redirects(10).redirect_auth_headers(RedirectAuthHeaders::SameHost);
        let client = builder_over(server.origin(), follows.build()).build().unwrap();
        for path in ["/hop", "/away"] {
            assert_eq!(client.get(path).call().unwrap().status(), 302);
        }
        assert_eq!(server.seen(), ["POST /authenticate", "GET /hop", "GET /away"]);
        assert_eq!(elsewhere.connections(), 0);
    });
}

/// `Azure/azure-sdk-for-rust#1707`: a trace showed the bearer. Neither an event nor a response, nor
/// anything else that can be printed, shows a token or the key pair; a token goes by its
/// generation.
#[test]
fn azure_sdk_for_rust_1707_output_contains_no_token() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        let mut told = listener.during(|| {
            let fresh = format!("{:?}", client.get("/a").call().unwrap());
            emulator.expire_all();
            let healed = format!("{:?}", client.get("/b").call().unwrap());
            emulator.revoke_key(Server::KEY_ID);
            client.invalidate(client.generation());
            let refused = client.get("/c").call().unwrap_err();
            format!("{fresh} {healed} {refused} {refused:?} {client:?} {}", client.explain())
        });
        let names = listener.names();
        for step in [
            "login_granted",
            "renewed",
            "challenged",
            "invalidated",
            "login_rejected",
            "circuit_opened",
        ] {
            assert!(names.iter().any(|name| name == step), "{step}: {names:?}");
        }
        told.extend(listener.heard().iter().map(|heard| format!(" {heard:?}")));
        for secret in ["eyJ", Server::KEY_ID, Server::KEY_SECRET] {
            assert!(!told.contains(secret), "{told}");
        }
        assert!(told.contains("generation 1") && told.contains("generation 4"), "{told}");
    });
}

/// `medplum/medplum#10559`: a 401 inside the refresh asked for the lock that the refresh held, and
/// nothing went on. A login goes around the session, so its 401 ends it, and the next login serves
/// all who wait.
#[test]
fn medplum_10559_401_to_login_blocks_no_call() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        // Without a code it is no verdict on the key pair.
        emulator.push_fault(Fault::login(Answer::status(401)));
        let statuses = with_one_login_for_all(THREADS, &emulator, &listener, || status(&client));
        assert_eq!(statuses, [200; THREADS]);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

/// `Flyrell/axios-auth-refresh#120`: the refresh request was held back with all the others that
/// waited for the refresh. With every call refused at once, the login goes out all the same, and
/// without a token.
#[test]
fn axios_auth_refresh_120_login_is_sent_while_all_calls_wait() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let bare_logins = |request: Request<SendBody>, next: MiddlewareNext| {
            let is_login = request.uri().path() == "/authenticate";
            assert_eq!(request.headers().contains_key("authorization"), !is_login);
            next.handle(request)
        };
        let agent = settings().middleware(bare_logins).build();
        let client = builder_over(emulator.origin(), agent).build().unwrap();
        assert_eq!(status(&client), 200);
        emulator.watch();
        emulator.hold(Hold::calls());
        let statuses = on_threads(
            THREADS,
            &listener,
            |_| status(&client),
            || {
                assert!(emulator.wait_until_held(THREADS, PATIENCE));
                emulator.expire_all();
                emulator.hold(Hold::logins());
                emulator.release(Target::Calls);
                listener.wait_for("coalesced", THREADS - 1);
                emulator.release(Target::Login);
            },
        );
        assert_eq!(statuses, [200; THREADS]);
        let logins: Vec<String> =
            seen(&emulator).into_iter().filter(|line| line.starts_with("a login")).collect();
        assert_eq!(logins, ["a login as the first pair, given 200"]);
    });
}

/// `kent8192/reinhardt-web#1662`: a thread that panicked poisoned the lock, and every other thread
/// panicked on it. A user's code that panics, wherever it is called, costs its own call; threads
/// that share the client go on.
#[test]
fn reinhardt_web_1662_panicking_thread_affects_no_other_thread() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let lost = |run: &dyn Fn(&Client)| catch_unwind(AssertUnwindSafe(|| run(&client))).is_err();
        let panics = Listener::reacting(|_| panic!("a subscriber, on purpose"));
        assert!(lost(&|client| assert_eq!(panics.during(|| status(client)), 200)));
        assert!(lost(&|client| panics.during(|| assert!(client.invalidate(client.generation())))));
        assert!(lost(&|client| {
            let body = Factory::new(|| -> std::io::Result<Cursor<Vec<u8>>> {
                panic!("a body, on purpose")
            });
            drop(client.post("/document").send(body));
        }));
        let statuses = on_threads(THREADS, &Listener::new(), |_| status(&client), || ());
        assert_eq!(statuses, [200; THREADS]);
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

#[track_caller]
fn arrives_after_a_refusal(server: &Scripted, document: impl Payload, length: usize) {
    let client = client(server.origin());
    assert_eq!(status(&client), 200);
    let mut response = client.post("/up").send(document).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.body_mut().read_to_string().unwrap(), length.to_string());
    assert_eq!(server.logins(), 2);
}

/// `urllib3/urllib3#241`: a 401 to a large upload comes before the whole body is sent, and the
/// client sees a broken pipe instead. The client sends a probe without the body, and gets the 401.
#[test]
fn urllib3_241_upload_with_broken_pipe_is_resent() {
    bounded(|| arrives_after_a_refusal(&refusing_uploads(), vec![7; 8_000_000], 8_000_000));
}

/// `seanmonstar/reqwest#1975`: a server refuses the `Authorization` of an upload and closes. The
/// client sees an aborted connection instead of the status. The body is sent in chunks.
#[test]
fn reqwest_1975_refused_chunked_upload_is_resent() {
    bounded(|| {
        let document = vec![7; 8_000_000];
        let factory = Factory::new(|| Ok(Cursor::new(&document)));
        arrives_after_a_refusal(&refusing_uploads(), factory, document.len());
    });
}

/// `golang/go#51109`: a server answers and closes before it has read the body. A race decides
/// whether the client gets the response. Here both outcomes heal, for any length of the body.
#[test]
fn go_51109_upload_refused_before_reading_is_resent() {
    bounded(|| {
        for length in [60_000, 70_000, 200_000, 1_000_000, 3_000_000] {
            arrives_after_a_refusal(&refusing_uploads(), vec![7; length], length);
        }
    });
}

/// `cloudfoundry/cf-java-client#562`: a 4xx to the request for a token makes the client wait until
/// its timeout. Some statuses say enough without a body. For the others, the client waits a short
/// time for the body.
#[test]
fn cf_java_client_562_endless_error_body_delays_no_call() {
    bounded(|| {
        let logins = AtomicU32::new(0);
        let server = Scripted::start(move |exchange| {
            if !exchange.is_login() {
                return exchange.answer(200, "", "");
            }
            let status = match logins.fetch_add(1, Ordering::SeqCst) {
                0 => 403,
                1 => 404,
                _ => return exchange.grant(&jwt(1)),
            };
            exchange.read_body();
            let head =
                format!("HTTP/1.1 {status} No\r\nContent-Length: 1000000\r\n\r\nan error page");
            exchange.write(head.as_bytes());
            exchange.wait_until_gone();
        });
        let began = Instant::now();
        assert_eq!(status(&client(server.origin())), 200);
        assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    });
}
