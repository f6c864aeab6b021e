//! Errors say what to do, keep their source, and hold no secret.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use waldo_adapter_tests::{Listener, Scripted, jwt};
use waldo_emulator::model::{Answer, Fault, Server};
use waldo_ureq::http::Request;
use waldo_ureq::ureq::SendBody;
use waldo_ureq::ureq::middleware::MiddlewareNext;
use waldo_ureq::{
    Client, Credentials, Error, Factory, ForeignOrigin, Generation, OneShot, Refusal, Refused, ureq,
};

use crate::site::{bounded, builder, builder_over, client, emulator, settings};

#[test]
fn each_error_has_advice_and_its_source() {
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "the pipe is broken");
    for (error, said) in [
        (Error::Body(broken()), "the request's body could not be produced: the pipe is broken"),
        (Error::Ureq(broken().into()), "the request failed: io: the pipe is broken"),
        (
            Error::BrokeOff(broken().into()),
            "io: the pipe is broken); the token may have been refused",
        ),
        (Error::Ureq(ureq::Error::Timeout(ureq::Timeout::Global)), "the call's timeout has passed"),
        (
            Error::Ureq(ureq::Error::Timeout(ureq::Timeout::Resolve)),
            "the request failed: timeout: resolve",
        ),
    ] {
        let text = error.to_string();
        assert!(text.contains(said), "{text}");
        // An error of the system is found by going along the sources.
        let kind = error.source().map(|source| source.downcast_ref::<io::Error>().unwrap().kind());
        let is_io = text.contains("the pipe is broken");
        assert_eq!(kind, is_io.then_some(io::ErrorKind::UnexpectedEof), "{text}");
    }
}

#[test]
fn an_error_prints_its_sentence_as_debug() {
    let error = Error::Body(io::Error::other("the pipe is broken"));
    assert_eq!(format!("{error:?} {error:#?}"), format!("{error} {error}"));
}

#[test]
fn a_name_tells_the_errors_of_clients_apart() {
    bounded(|| {
        let emulator = emulator();
        emulator.push_fault(Fault::login(Answer::status(503)));
        let client = builder(emulator.origin()).name("sandbox").max_wait(Duration::ZERO);
        let client = client.limits(|limits| limits.failures_per_call(1)).build().unwrap();
        let error = client.get("/customer").call().unwrap_err();
        let start = format!("sandbox at {}: ", emulator.origin());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(format!("{client:?}").contains("sandbox"), "{client:?}");
    });
}

/// Each kind of error: whether a time limit ended it, whether there was no connection, and whether
/// the server cannot have acted on the call.
#[test]
fn each_error_says_whether_it_was_sent() {
    let io = |kind| Error::Ureq(io::Error::from(kind).into());
    let timeout = |timeout| Error::Ureq(ureq::Error::Timeout(timeout));
    let target = || Error::Target { source: None };
    let origin = || "https://api.waldo.ai".parse().unwrap();
    for (error, expected) in [
        (ForeignOrigin { origin: origin() }.into(), (false, false, true)),
        (Error::TooManyHeaders, (false, false, true)),
        (target(), (false, false, true)),
        (Error::Header(Request::get("no path").body(()).unwrap_err()), (false, false, true)),
        (Error::Body(io::ErrorKind::TimedOut.into()), (false, false, false)),
        (Error::BrokeOff(io::Error::from(io::ErrorKind::BrokenPipe).into()), (false, false, false)),
        (Error::BrokeOff(ureq::Error::Timeout(ureq::Timeout::PerWrite)), (true, false, false)),
        (io(io::ErrorKind::ConnectionRefused), (false, true, true)),
        (io(io::ErrorKind::ConnectionReset), (false, false, false)),
        (io(io::ErrorKind::NetworkUnreachable), (false, false, false)),
        (io(io::ErrorKind::TimedOut), (true, false, false)),
        (timeout(ureq::Timeout::Resolve), (true, true, true)),
        (timeout(ureq::Timeout::Connect), (true, true, true)),
        (timeout(ureq::Timeout::Global), (true, false, false)),
        (timeout(ureq::Timeout::RecvResponse), (true, false, false)),
        (Error::Ureq(ureq::Error::HostNotFound), (false, true, true)),
        (Error::Ureq(ureq::Error::ConnectionFailed), (false, true, true)),
        (Error::Ureq(ureq::Error::ConnectProxyFailed("x".into())), (false, true, true)),
        (Error::Ureq(ureq::Error::InvalidProxyUrl), (false, true, true)),
        (Error::Ureq(ureq::Error::RequireHttpsOnly("x".into())), (false, false, true)),
        (Error::Ureq(ureq::Error::BadUri("x".into())), (false, false, true)),
        (Error::Ureq(ureq::Error::TlsRequired), (false, false, true)),
        (Error::Ureq(ureq::Error::StatusCode(503)), (false, false, false)),
        (Error::Ureq(ureq::Error::Tls("x")), (false, false, false)),
    ] {
        let said = (error.is_timeout(), error.is_connect(), error.never_sent());
        assert_eq!(said, expected, "{error}");
    }
}

#[test]
fn a_refused_call_was_never_sent() {
    bounded(|| {
        let emulator = emulator();
        emulator.push_fault(Fault::login(Answer::status(503)));
        let client = builder(emulator.origin()).limits(|limits| limits.failures_per_call(1));
        let client = client.build().unwrap();
        let error = client.get("/customer").call().unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert!(error.never_sent() && !error.is_timeout() && !error.is_connect());
        let hasty = builder(emulator.origin()).max_wait(Duration::ZERO).build().unwrap();
        let error = hasty.get("/customer").call().unwrap_err();
        assert!(error.never_sent() && error.is_timeout() && !error.is_connect(), "{error}");
    });
}

#[test]
fn a_status_was_sent() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let missing = client.get("/history/kyc/unknown").http_status_as_error(true);
        let error = missing.call().unwrap_err();
        assert!(!error.never_sent() && !error.is_timeout() && !error.is_connect(), "{error}");
    });
}

#[test]
fn a_server_that_has_gone_never_saw_the_call() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            exchange.answer(200, "Connection: close\r\n", &format!("{{\"token\":\"{}\"}}", jwt(1)));
            exchange.close();
        });
        let (ours, ureqs) = (builder(server.origin()), settings().build().new_agent());
        let clients = [ours, builder(server.origin()).agent(ureqs)].map(|builder| {
            let client = builder.build().unwrap();
            drop(client.token().unwrap());
            client
        });
        let port = server.port();
        drop(server);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {}
        for client in clients {
            let error = client.get("/customer").call().unwrap_err();
            assert!(error.is_connect() && error.never_sent() && !error.is_timeout(), "{error}");
        }
    });
}

#[cfg(feature = "rustls")]
#[test]
fn a_failed_handshake_is_no_connection() {
    use std::io::{Read, Write};

    bounded(|| {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // As a server does that speaks no TLS.
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            drop(stream.read_to_end(&mut Vec::new()));
        });
        let client = Client::builder(Credentials::new("k", "s").unwrap()).build().unwrap();
        let error = Error::from(client.agent().get(url).call().unwrap_err());
        server.join().unwrap();
        assert!(error.is_connect() && error.never_sent(), "{error}");
        let source = error.source().unwrap();
        assert_eq!(source.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::InvalidData);
    });
}

/// ureq does not return what is inside its errors as their source.
#[test]
fn each_error_of_ureq_keeps_its_cause() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            exchange.write(b"SSH-2.0-x\r\n\r\n");
            exchange.close();
        });
        let protocol = client(server.origin()).get("/").call().unwrap_err();
        assert!(matches!(protocol, Error::Ureq(ureq::Error::Protocol(_))), "{protocol:?}");
        let http = || Request::get("no path").body(()).unwrap_err();
        let other = || ureq::Error::Other(Box::new(io::Error::other("a connector's own")));
        for (error, cause) in [
            (protocol, "http parse fail"),
            (Error::Ureq(ureq::Error::Http(http())), "invalid uri character"),
            (Error::BrokeOff(ureq::Error::Http(http())), "invalid uri character"),
            (Error::Ureq(other()), "a connector's own"),
            (Error::BrokeOff(other()), "a connector's own"),
        ] {
            let source = error.source().unwrap_or_else(|| panic!("{error:?} has lost its cause"));
            assert!(source.to_string().starts_with(cause), "{source}");
        }
    });
}

#[cfg(feature = "rustls-no-provider")]
#[test]
fn an_error_of_rustls_is_a_cause() {
    use waldo_ureq::BuildError;
    use waldo_ureq::ureq::tls::{Certificate, ClientCert, PrivateKey, TlsConfig};

    let key =
        PrivateKey::from_pem(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
            .unwrap();
    let identity = ClientCert::new_with_certs(&[Certificate::from_der(b"none").to_owned()], key);
    let tls = TlsConfig::builder().client_cert(Some(identity)).build();
    let agent = settings().tls_config(tls).build();
    let error = builder_over("https://127.0.0.1:1", agent).build().unwrap_err();
    assert!(matches!(error, BuildError::Agent { setting: "tls_config", .. }), "{error}");
    assert!(error.source().is_some(), "{error} has lost its cause");
}

#[test]
fn status_error_has_advice_and_token_generation() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            let status: u16 = exchange.line.rsplit('/').next().unwrap().parse().unwrap();
            exchange.answer(status, "", "");
        });
        // The agent makes an error of the status, or a middleware does.
        let middleware =
            |request: Request<SendBody>, next: MiddlewareNext| match next.handle(request)? {
                response if response.status().is_success() => Ok(response),
                response => Err(ureq::Error::StatusCode(response.status().as_u16())),
            };
        for agent in [settings().http_status_as_error(true), settings().middleware(middleware)] {
            let client = builder_over(server.origin(), agent.build()).build().unwrap();
            for (status, said) in [
                (401, "make the call again"),
                (403, "the server answered 403"),
                (503, "the server answered 503"),
            ] {
                let error = client.get(format!("/{status}")).call().unwrap_err();
                assert_eq!(error.status().unwrap(), status);
                assert!(error.to_string().contains(said) && error.source().is_none(), "{error}");
                let generation = error.generation();
                assert!(generation.is_some() && generation == client.generation(), "{error:?}");
            }
            let error = client.get("/403").call().unwrap_err();
            assert!(
                client.invalidate(error.generation()) && !client.invalidate(error.generation())
            );
        }
    });
}

#[test]
fn many_late_403s_to_one_token_cost_one_login() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(crate::site::status(&client), 200);
        emulator.revoke_key(Server::KEY_ID);
        let refused: Vec<_> = (0..500)
            .map(|_| client.get("/customer").query("field", "id").call().unwrap())
            .map(|response| (response.status().as_u16(), Generation::of(response.extensions())))
            .collect();
        emulator.restore_key(Server::KEY_ID);
        assert!(refused.iter().all(|(status, generation)| *status == 403 && generation.is_some()));
        emulator.reset_stats();
        let client = &client;
        std::thread::scope(|scope| {
            for part in refused.chunks(63) {
                scope.spawn(move || {
                    for (_, generation) in part {
                        client.invalidate(*generation);
                        assert_eq!(crate::site::status(client), 200);
                    }
                });
            }
        });
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn foreign_origin_or_invalid_request_sends_nothing() {
    bounded(|| {
        let server = Scripted::start(|exchange| exchange.answer(500, "", ""));
        let client = client(server.origin());
        let foreign = format!("http://127.0.0.1:{}/customer", server.port() ^ 1);
        let error = client.get(&foreign).call().unwrap_err();
        assert!(matches!(error, Error::ForeignOrigin(_)), "{error:?}");
        assert!(error.to_string().contains(&server.origin()), "{error}");
        let other_address = format!("http://[::1]:{}/customer", server.port());
        assert!(matches!(client.get(other_address).call(), Err(Error::ForeignOrigin(_))));
        assert!(matches!(client.get("customer").call(), Err(Error::Target { .. })));
        assert!(client.get("/a b").call().unwrap_err().to_string().contains("percent-encode"));
        assert!(matches!(client.get("/x").header("a b", "c").call(), Err(Error::Header(_))));
        assert!(matches!(client.get("/x").header("a", "b\n").call(), Err(Error::Header(_))));
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn rule_20_output_contains_no_key_secret_or_token() {
    bounded(|| {
        let listener = Listener::new();
        let token = format!("{}canary00", jwt(1));
        let renewed = format!("{}canary11", jwt(2));
        let (granted, sent) = (token.clone(), renewed.clone());
        let server = Scripted::start(move |exchange| {
            let rejected = exchange.read_body().windows(6).any(|part| part == b"reject");
            match exchange.line.as_str() {
                "POST /authenticate" if rejected => {
                    let body = r#"{"code":"INVALID ws.reject-canary","message":"wk.canary"}"#;
                    exchange.answer(401, "", body);
                }
                "POST /authenticate" => {
                    exchange.answer(200, "", &format!("{{\"token\":\"{granted}\"}}"));
                }
                "GET /cut?own=canary" => exchange.close(),
                "GET /401?own=canary" => exchange.answer(401, "", ""),
                _ => exchange.answer(200, &format!("Authorization: Bearer {sent}\r\n"), ""),
            }
        });
        let mut output = Vec::new();
        let pair = || Credentials::new("wk.canary", "ws.canary").unwrap();
        let builder = Client::builder(pair()).origin(server.origin()).agent(settings().build());
        output.push(format!("{builder:?}"));
        let client = builder.build().unwrap();
        listener.during(|| {
            for target in ["/renewal", "/401", "/401", "/cut", "/renewal"] {
                let request = client.get(target).header("x-own", "canary").query("own", "canary");
                output.push(format!("{request:?}"));
                match request.call() {
                    Ok(response) => drop(response),
                    Err(error) => output.push(format!("{error} {error:?}")),
                }
                output.push(format!("{client:?} {:?} {}", client.explain(), client.explain()));
            }
            output.push(format!("{:?} {:?}", client.token(), client.snapshot()));
            output.push(format!("{:?}", OneShot::new(&b"canary"[..])));
            output.push(format!("{:?}", Factory::new(|| Ok(&b"canary"[..]))));
            client.reset(Credentials::new("wk.canary", "ws.reject-canary").unwrap());
            let error = client.get("/").call().unwrap_err();
            output.push(format!("{error} {error:?} {:?}", client.explain()));
            assert!(
                matches!(error, Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. })),
                "{error:?}"
            );
        });
        for name in
            ["login_granted", "renewed", "challenged", "reset", "login_rejected", "circuit_opened"]
        {
            assert!(listener.count(name) > 0, "{name} was not heard: {:?}", listener.names());
        }
        output.extend(listener.heard().iter().map(|heard| format!("{heard:?}")));
        for line in &output {
            assert!(!line.contains("canary"), "{line}");
            assert!(!line.contains("eyJ"), "{line}");
        }
    });
}

#[test]
fn a_refusal_says_when_to_try_again() {
    bounded(|| {
        let emulator = emulator();
        let client = builder(emulator.origin()).max_wait(Duration::from_secs(1)).build().unwrap();
        emulator.push_fault(Fault::login(Answer::too_many_requests(
            waldo_emulator::model::RetryAfter::Seconds(15),
        )));
        let error = client.get("/customer").call().unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
            "{error:?}"
        );
        let retry_in = error.retry_in().unwrap();
        assert!((10..=15).contains(&retry_in.as_secs()), "{retry_in:?}");
        // Who asks for the token waits no longer.
        assert!(matches!(client.token(), Err(Error::Refused(_))));
        assert!(!error.to_string().contains("try again"), "{error}");
    });
}
