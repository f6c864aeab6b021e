//! Errors say what to do, and keep their source; what cannot be sent is an error before anything
//! is.

use std::error::Error as _;
use std::time::Duration;

use waldo_emulator::model::{Answer, Fault, Server};
use waldo_reqwest::reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use waldo_reqwest::reqwest::{self, Method, Request};
use waldo_reqwest::{ConfigBuilder, Error, Generation, Reason, Refusal, Refused};

use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{bounded, builder, call, client, emulator, reason, status};

#[test]
fn a_server_that_is_not_there_is_an_unavailable_login_with_its_source() {
    bounded(async {
        let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let client = builder(format!("http://{nobody}"))
            .limits(|limits| limits.failures_per_call(1))
            .build()
            .unwrap();
        let error = call(&client).await.unwrap_err();
        assert_eq!(reason(&error), Reason::ConnectionRefused);
        let expected = format!(
            "http://{nobody}: login unavailable: the server refused the connection; check the port"
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
        let source = error.source().unwrap().downcast_ref::<reqwest::Error>().unwrap();
        assert!(source.is_connect(), "{source:?}");
    });
}

#[test]
fn another_origin_and_what_is_no_url_are_errors_before_anything_is_sent() {
    bounded(async {
        let server = Scripted::start(|_| answer(500, "", ""));
        let client = client(server.origin());
        for foreign in [
            format!("http://127.0.0.1:{}/customer", server.port() ^ 1),
            format!("http://localhost.:{}/customer", server.port()),
            format!("https://127.0.0.1:{}/customer", server.port()),
            "http://me@evil.example/customer".to_owned(),
        ] {
            let error = client.get(&foreign).send().await.unwrap_err();
            assert!(matches!(error, Error::ForeignOrigin(_)), "{foreign}: {error:?}");
            assert!(error.to_string().contains(&server.origin()), "{error}");
        }
        // What looks like another host behind the origin is a path there.
        for path in
            ["//evil.example/x", "/\\evil.example/x", "/@evil.example/x", "/..//evil.example"]
        {
            let request = client.get(path).build().unwrap();
            assert_eq!(request.url().host_str(), Some("127.0.0.1"), "{path}");
            assert_eq!(request.url().port(), Some(server.port()), "{path}");
        }
        for target in ["", "customer", "?a=b", "https://", "data:text/plain,x"] {
            let error = client.get(target).send().await.unwrap_err();
            assert!(
                matches!(&error, Error::Reqwest(error) if error.is_builder()),
                "{target}: {error:?}"
            );
            assert!(error.to_string().contains("a path like /customer or a URL"), "{error}");
        }
        let error = client.get("customer").send().await.unwrap_err().to_string();
        let expected =
            "the request could not be built (relative URL without a base), and nothing was sent;";
        assert!(error.starts_with(expected), "{error}");
        for (name, value) in [("a b", "c"), ("a", "b\n")] {
            let error = client.get("/x").header(name, value).send().await.unwrap_err();
            assert!(matches!(&error, Error::Reqwest(error) if error.is_builder()), "{error:?}");
        }
        let long = format!("{}/{}", server.origin(), "x".repeat(70_000));
        let error =
            client.execute(Request::new(Method::GET, long.parse().unwrap())).await.unwrap_err();
        assert!(matches!(error, Error::Url(_)), "{error:?}");
        assert_eq!(error.to_string(), "no request can be sent to this URL: uri too long");
        assert!(server.seen().is_empty());
    });
}

#[test]
fn a_call_that_breaks_is_not_sent_again() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client).await, 200);
        emulator.reset_stats();
        for fault in [Answer::Cut, Answer::status(503)] {
            emulator.push_fault(Fault::call(fault));
        }
        let error = client.post("/onboard").body("{}").send().await.unwrap_err();
        assert!(matches!(&error, Error::Reqwest(error) if error.is_request()), "{error:?}");
        assert!(error.source().is_some(), "{error} has lost its cause");
        assert_eq!(client.post("/onboard").body("{}").send().await.unwrap().status(), 503);
        assert_eq!(emulator.stats().server.total(), 2);
    });
}

#[test]
fn a_key_that_is_revoked_while_its_token_is_held_shows_at_the_login_after_invalidate() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client).await, 200);
        emulator.revoke_key(Server::KEY_ID);
        let response = call(&client).await.unwrap();
        assert_eq!(response.status(), 403);
        let generation = Generation::of(response.extensions());
        assert!(response.text().await.unwrap().contains("API_KEY_REVOKED"));
        assert!(generation.is_some() && generation == client.generation());
        assert!(client.invalidate(generation));
        let error = call(&client).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. })),
            "{error:?}"
        );
        assert!(error.to_string().starts_with(&emulator.origin()), "{error}");
    });
}

/// Why a login fails that is answered with these bytes, behind which nothing comes: the connection
/// stays open, or is cut.
async fn reason_of(login: String, cut: bool) -> Reason {
    let server = Scripted::start(move |_| login.clone());
    server.cut_each(cut);
    let limits = |limits: ConfigBuilder| limits.failures_per_call(1).lease(Duration::from_secs(2));
    let client = builder(server.origin()).limits(limits).build().unwrap();
    reason(&call(&client).await.unwrap_err())
}

#[test]
fn rule_02_of_a_logins_answer_no_more_is_read_than_is_needed() {
    bounded(async {
        let head =
            |status| format!("HTTP/1.1 {status} Scripted\r\nContent-Length: 100000000\r\n\r\n");
        let started = |status, length| head(status) + &"x".repeat(length);
        // What is too large is not waited for, and a status that is no success says enough without
        // the rest of its body.
        assert_eq!(reason_of(started(200, 100_000), false).await, Reason::BodyTooLarge);
        assert_eq!(
            reason_of(started(503, 100_000), false).await,
            Reason::Status(503.try_into().unwrap())
        );
        assert_eq!(
            reason_of(started(503, 10), true).await,
            Reason::Status(503.try_into().unwrap())
        );
        assert_eq!(
            reason_of(started(503, 10), false).await,
            Reason::Status(503.try_into().unwrap())
        );
        assert_eq!(
            reason_of(started(401, 10), true).await,
            Reason::Status(401.try_into().unwrap())
        );
        // Of a success, all of it is.
        assert_eq!(reason_of(started(200, 10), true).await, Reason::Transport);
        assert_eq!(reason_of(started(200, 10), false).await, Reason::Timeout);
    });
}

#[test]
fn a_token_is_had_for_others_as_a_call_has_it() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let token = client.token().await.unwrap();
        assert!(token.is_sensitive() && token.to_str().unwrap().starts_with("Bearer eyJ"));
        let send = async |token| {
            let plain = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = plain.get(format!("{}/customer?field=id", emulator.origin()));
            request.header("authorization", token).send().await.unwrap().status()
        };
        assert_eq!(send(token).await, 200);
        assert_eq!(send(client.token().await.unwrap()).await, 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

/// reqwest and hyper add headers of their own, and panic where there is no room for them.
#[test]
fn a_header_map_without_room_is_an_error() {
    bounded(async {
        let server =
            Scripted::start(
                |seen| if seen.is_login() { grant(&jwt(1)) } else { answer(200, "", "") },
            );
        let client = client(server.origin());
        let mut headers = HeaderMap::new();
        while let Ok(name) = format!("x-{}", headers.len()).parse::<HeaderName>() {
            if headers.try_insert(name, HeaderValue::from_static("")).is_err() {
                break;
            }
        }
        let full = headers.len();
        for removed in [0, 1, 2, 3, 4, 8, 100] {
            let mut headers = headers.clone();
            for number in full - removed..full {
                headers.remove(format!("x-{number}"));
            }
            // Not by the builder, which adds headers of its own.
            let mut request =
                Request::new(Method::GET, format!("{}/x", server.origin()).parse().unwrap());
            *request.headers_mut() = headers;
            let error = client.execute(request).await.unwrap_err();
            assert!(matches!(error, Error::TooManyHeaders), "{removed}: {error:?}");
        }
        assert!(server.seen_as("GET /x").is_empty());
    });
}
