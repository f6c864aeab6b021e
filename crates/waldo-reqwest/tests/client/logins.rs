//! A login's answer is read as far as it is needed, and no further.

use std::time::Duration;

use waldo_reqwest::Reason;

use crate::scripted::{Scripted, jwt};
use crate::site::{bounded, builder, call, reason};

/// Why a login with this answer brought no token. The connection stays open behind the answer.
async fn failed(answer: &'static str) -> Reason {
    let server = Scripted::start(|_| answer.to_owned());
    let client =
        builder(server.origin()).limits(|limits| limits.failures_per_call(1)).build().unwrap();
    // A login alone may take 29 seconds.
    let error = tokio::time::timeout(Duration::from_secs(10), call(&client)).await;
    reason(&error.expect("the body is not waited for").unwrap_err())
}

// A 503 whose body never ended: cloudfoundry/cf-java-client#562.
#[test]
fn rule_02_the_body_of_an_unavailable_login_is_not_read() {
    bounded(async {
        for (code, answer) in [
            (503, "HTTP/1.1 503 Scripted\r\nContent-Length: 100\r\n\r\n"),
            (404, "HTTP/1.1 404 Scripted\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
            (302, "HTTP/1.1 302 Scripted\r\nConnection: close\r\nLocation: /\r\n\r\nx"),
        ] {
            assert_eq!(failed(answer).await, Reason::Status(code.try_into().unwrap()));
        }
    });
}

#[test]
fn rule_02_the_body_of_a_rejection_may_take_two_seconds() {
    bounded(async {
        let answer = "HTTP/1.1 401 Scripted\r\nContent-Length: 100\r\n\r\n{";
        assert_eq!(failed(answer).await, Reason::Status(401.try_into().unwrap()));
    });
}

#[test]
fn rule_02_a_token_before_an_endless_answer_is_too_much() {
    bounded(async {
        let server = Scripted::start(|seen| {
            if !seen.is_login() {
                return "HTTP/1.1 200 Scripted\r\nContent-Length: 0\r\n\r\n".to_owned();
            }
            let token = format!("{{\"token\":\"{}\"}}", jwt(1));
            let spaces = " ".repeat(100_000);
            format!("HTTP/1.1 200 Scripted\r\nContent-Length: 1000000000\r\n\r\n{token}{spaces}")
        });
        let client =
            builder(server.origin()).limits(|limits| limits.failures_per_call(1)).build().unwrap();
        let error = tokio::time::timeout(Duration::from_secs(10), call(&client)).await.unwrap();
        assert_eq!(reason(&error.unwrap_err()), Reason::BodyTooLarge);
    });
}
