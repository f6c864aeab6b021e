//! A delivered 4xx or 5xx is an error with the code and the message of its body, which is read
//! within limits of size and time.

use std::time::{Duration, Instant};

use waldo_adapter_tests::{Exchange, Scripted, jwt};
use waldo_ureq::http::StatusCode;
use waldo_ureq::{ApiError, Client, Error, Generation};

use crate::site::{bounded, builder_over, settings};

/// Far above every limit that is tested here, and far below those that are not.
const SOON: Duration = Duration::from_secs(20);

const BODY: &str = r#"{"code":"INVALID_DATA","message":"customerId is missing"}"#;

/// A server that grants a token, and answers each call by the script.
fn server(script: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Scripted {
    Scripted::start(
        move |exchange| {
            if exchange.is_login() { exchange.grant(&jwt(1)) } else { script(exchange) }
        },
    )
}

/// A client for which a 4xx and a 5xx are errors, and whose calls have no limit of time.
fn client(server: &Scripted) -> Client {
    let settings = settings().http_status_as_error(true).timeout_global(None);
    builder_over(server.origin(), settings.build()).timeout(None).build().unwrap()
}

fn api_error(client: &Client) -> ApiError {
    match client.get("/customer").call() {
        Err(Error::Status(error)) => error,
        other => panic!("expected a status: {other:?}"),
    }
}

#[test]
fn status_error_has_the_apis_code_and_message() {
    bounded(|| {
        let server = server(|exchange| {
            exchange.answer(400, "Connection: close\r\nRetry-After: 7\r\n", BODY);
        });
        let client = client(&server);
        let error = client.post("/onboard").send("{}").unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
        assert_eq!(error.code(), Some("INVALID_DATA"));
        assert_eq!(error.retry_in(), Some(Duration::from_secs(7)));
        assert_eq!(error.generation(), client.generation());
        assert_eq!(error.to_string(), "the server answered 400 INVALID_DATA");
        let api = error.api().unwrap();
        assert_eq!(api.message(), Some("customerId is missing"));
        assert_eq!(api.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!((api.status(), api.generation()), (StatusCode::BAD_REQUEST, error.generation()));
    });
}

#[test]
fn status_is_a_response_without_the_setting() {
    bounded(|| {
        let server = server(|exchange| exchange.answer(400, "", BODY));
        let client = client(&server);
        let mut response = client.get("/").http_status_as_error(false).call().unwrap();
        assert_eq!(response.status(), 400);
        assert_eq!(Generation::of(response.extensions()), client.generation());
        assert_eq!(response.body_mut().read_to_string().unwrap(), BODY);
    });
}

#[test]
fn the_connection_of_an_error_is_used_again() {
    bounded(|| {
        let server = server(|exchange| exchange.answer(404, "", r#"{"code":"NOT_FOUND"}"#));
        let client = client(&server);
        for _ in 0..5 {
            assert_eq!(api_error(&client).code(), Some("NOT_FOUND"));
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn an_endless_body_is_read_up_to_its_limit() {
    bounded(|| {
        let server = server(|exchange| {
            let beginning = &BODY[..BODY.len() - 1];
            let head = "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n";
            exchange.write(format!("{head}{beginning},\"more\":\"").as_bytes());
            while exchange.write_or_leave(&[b'x'; 4096]) {}
        });
        let error = api_error(&client(&server));
        assert_eq!(error.code(), Some("INVALID_DATA"));
        assert_eq!(error.message(), Some("customerId is missing"));
    });
}

#[test]
fn stalled_body_keeps_received_fields() {
    bounded(|| {
        let server = server(|exchange| {
            let head = "HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n";
            exchange.write(format!("{head}{}", &BODY[..BODY.len() - 5]).as_bytes());
            exchange.wait_until_gone();
        });
        let began = Instant::now();
        let error = api_error(&client(&server));
        assert!(began.elapsed() >= ApiError::BODY_TIMEOUT && began.elapsed() < SOON);
        assert_eq!((error.code(), error.message()), (Some("INVALID_DATA"), None));
    });
}

#[test]
fn a_body_takes_no_longer_than_its_call() {
    bounded(|| {
        let server = server(|exchange| {
            exchange.write(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n{");
            exchange.wait_until_gone();
        });
        let client = client(&server);
        drop(client.token().unwrap());
        let (limit, began) = (Duration::from_secs(2), Instant::now());
        let error = client.get("/customer").timeout(limit).call().unwrap_err();
        assert!(began.elapsed() >= limit / 2 && began.elapsed() < ApiError::BODY_TIMEOUT);
        assert_eq!((error.status(), error.code()), (Some(StatusCode::INTERNAL_SERVER_ERROR), None));
    });
}

#[test]
fn a_head_request_has_no_code() {
    bounded(|| {
        let server = server(|exchange| exchange.answer(404, "", BODY));
        let error = client(&server).head("/customer").call().unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(StatusCode::NOT_FOUND), None));
    });
}
