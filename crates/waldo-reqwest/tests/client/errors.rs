//! Errors say what to do, and keep their source; what cannot be sent is an error before anything
//! is.

use std::error::Error as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use waldo_emulator::model::{Answer, Fault, Server};
use waldo_reqwest::reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use waldo_reqwest::reqwest::{self, Method, Request};
use waldo_reqwest::{ConfigBuilder, Error, Reason};

use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{bounded, builder, call, client, emulator, reason, status};

#[test]
fn foreign_origin_or_invalid_url_sends_nothing() {
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
        assert!(matches!(error, Error::Url(_)) && error.never_sent(), "{error:?}");
        assert_eq!(error.to_string(), "no request can be sent to this URL: uri too long");
        assert!(server.seen().is_empty());
    });
}

#[test]
fn a_call_without_a_connection_was_never_sent() {
    bounded(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = client(format!("http://{}", listener.local_addr().unwrap()));
        // The listener is gone as soon as it has granted a login.
        let granting = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                let mut bytes = [0; 1024];
                let count = stream.read(&mut bytes).unwrap();
                seen.extend_from_slice(&bytes[..count]);
            }
            // Otherwise the client may reuse the connection before it learns that it is closed.
            let body = format!(r#"{{"token":"{}"}}"#, jwt(1));
            stream.write_all(answer(200, "Connection: close\r\n", &body).as_bytes()).unwrap();
        });
        drop(client.token().await.unwrap());
        granting.join().unwrap();
        let error = call(&client).await.unwrap_err();
        assert!(error.is_connect() && error.never_sent() && !error.is_timeout(), "{error:?}");
        let shown = error.to_string().to_lowercase();
        assert!(shown.starts_with("the request failed: ") && shown.contains("refused"), "{shown}");
    });
}

/// A body that fails with the error of another request.
struct PassedOn(Option<reqwest::Error>);

impl Body for PassedOn {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

#[test]
fn connect_error_of_body_is_not_the_calls() {
    bounded(async {
        let server = Scripted::start(|_| grant(&jwt(1)));
        let client = client(server.origin());
        let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let elsewhere = reqwest::Client::builder().no_proxy().build().unwrap();
        let elsewhere = elsewhere.get(format!("http://{nobody}/")).send().await.unwrap_err();
        assert!(elsewhere.is_connect());
        let body = reqwest::Body::wrap(PassedOn(Some(elsewhere)));
        let error = client.post("/document").body(body).send().await.unwrap_err();
        assert!(matches!(&error, Error::Reqwest(error) if error.is_connect()), "{error:?}");
        assert!(!error.is_connect() && !error.never_sent(), "{error:?}");
    });
}

#[test]
fn error_reports_sending_and_hides_url() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client).await, 200);
        let target = "/customer?field=id&value=jane";
        for fault in [Answer::Cut, Answer::Hang] {
            emulator.push_fault(Fault::call(fault));
            let request = client.get(target).timeout(Duration::from_millis(300));
            let error = request.send().await.unwrap_err();
            assert!(!error.never_sent() && !error.is_connect(), "{error:?}");
            if error.is_timeout() {
                assert_eq!(error.to_string(), "the request failed: operation timed out");
            } else {
                assert!(error.to_string().starts_with("the request failed: connection"), "{error}");
            }
            assert_eq!(format!("{error:?}"), error.to_string());
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let shown: Vec<_> = causes.map(|cause| format!("{cause} {cause:?}")).collect();
            assert!(!format!("{error} {shown:?}").contains("jane"), "{shown:?}");
            let Error::Reqwest(error) = error else { panic!("{error:?}") };
            assert!(error.url().is_none());
        }
        let error = client.get("jane").send().await.unwrap_err();
        assert!(error.never_sent() && !error.to_string().contains("jane"), "{error}");
        let error = client.get("http://jane.example/").send().await.unwrap_err();
        assert!(error.never_sent(), "{error}");
        emulator.revoke_key(Server::KEY_ID);
        client.invalidate(client.generation());
        let error = call(&client).await.unwrap_err();
        assert!(error.never_sent() && !error.is_timeout() && !error.is_connect(), "{error}");
    });
}

/// The error of reading this answer as a number.
#[cfg(feature = "json")]
async fn undecoded(answered: String, cut: bool) -> Error {
    let server = Scripted::start(move |seen| {
        if seen.is_login() {
            // The call gets a connection of its own, so that only its answer is cut.
            return answer(200, "Connection: close\r\n", &format!(r#"{{"token":"{}"}}"#, jwt(1)));
        }
        answered.clone()
    });
    server.cut_each(cut);
    let client = client(server.origin());
    let call = client.get("/jane").timeout(Duration::from_millis(1500)).send();
    Error::from(call.await.unwrap().json::<u32>().await.unwrap_err())
}

#[cfg(feature = "json")]
#[test]
fn an_answer_that_cannot_be_decoded_shows_no_data() {
    bounded(async {
        let error = undecoded(answer(200, "", r#""jane""#), false).await;
        assert_eq!(error.to_string(), "error decoding response body");
        assert!(error.source().is_some_and(|cause| cause.to_string().contains("jane")));
        assert!(!error.never_sent() && !error.is_connect() && !error.is_timeout());
        let started = || "HTTP/1.1 200 Scripted\r\nContent-Length: 1000\r\n\r\n7".to_owned();
        let error = undecoded(started(), false).await;
        assert_eq!(error.to_string(), "error decoding response body: operation timed out");
        assert!(error.is_timeout() && !error.never_sent());
        let error = undecoded(started(), true).await;
        assert!(error.to_string().starts_with("error decoding response body: "), "{error}");
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
fn rule_02_login_answer_is_read_only_as_needed() {
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
fn token_method_returns_usable_sensitive_header() {
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
            assert!(error.never_sent());
        }
        assert!(server.seen_as("GET /x").is_empty());
    });
}
