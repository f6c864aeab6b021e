//! Logins that fail, in every way that a server has.

use tracing::Level;
use waldo_adapter_tests::{Listener, Scripted, jwt};
use waldo_emulator::model::{Answer, Fault};
use waldo_ureq::http::{Request, StatusCode};
use waldo_ureq::ureq::SendBody;
use waldo_ureq::ureq::middleware::MiddlewareNext;
use waldo_ureq::{Client, Error, Reason, Refusal, Refused, ureq};

use crate::site::{bounded, builder, builder_over, client, emulator, settings, status};

/// What a login that fails so is called.
pub(crate) fn reason(origin: String) -> Reason {
    reason_of(&builder(origin).limits(|limits| limits.failures_per_call(1)).build().unwrap())
}

pub(crate) fn reason_of(client: &Client) -> Reason {
    let error = client.get("/customer").call().unwrap_err();
    let Error::Refused(Refused { refusal: Refusal::Unavailable { failure, .. }, .. }) = error
    else {
        panic!("{error:?}");
    };
    failure.reason()
}

#[test]
fn rule_02_each_failure_has_its_reason() {
    bounded(|| {
        for (answer, expected) in [
            (Answer::status(503), Reason::Status(StatusCode::SERVICE_UNAVAILABLE)),
            (Answer::Firewall, Reason::Status(StatusCode::FORBIDDEN)),
            (Answer::SingleQuotes, Reason::Status(StatusCode::BAD_REQUEST)),
            (Answer::NoToken, Reason::NoToken),
            (Answer::NotJson, Reason::NoToken),
            (Answer::Oversize { bytes: 70_000 }, Reason::BodyTooLarge),
            (
                Answer::Redirect { status: 307, location: "/authenticate".to_owned() },
                Reason::Status(StatusCode::TEMPORARY_REDIRECT),
            ),
            (Answer::Cut, Reason::Transport),
            (Answer::CutShort, Reason::Transport),
        ] {
            let emulator = emulator();
            emulator.push_fault(Fault::login(answer.clone()).forever());
            assert_eq!(reason(emulator.origin()), expected, "{answer:?}");
            assert_eq!(emulator.stats().server.total(), 1, "{answer:?}");
        }
    });
}

#[test]
fn rule_02_login_status_counts_with_truncated_body() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            exchange.write(b"HTTP/1.1 503 No\r\nContent-Length: 99\r\n\r\nbroken of");
            exchange.close();
        });
        assert_eq!(reason(server.origin()), Reason::Status(StatusCode::SERVICE_UNAVAILABLE));
    });
}

#[test]
fn rule_14_call_retries_login_after_two_failures() {
    bounded(|| {
        let emulator = emulator();
        emulator.push_fault(Fault::login(Answer::status(500)).times(2));
        assert_eq!(status(&client(emulator.origin())), 200);
        assert_eq!(emulator.stats().server.logins(), 3);
    });
}

#[test]
fn rule_02_a_token_in_the_logins_header_will_do() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            if exchange.is_login() {
                exchange.read_body();
                exchange.answer(201, &format!("Authorization: Bearer {}\r\n", jwt(5)), "");
            } else {
                assert!(exchange.bears(&jwt(5)));
                exchange.answer(200, "", "");
            }
        });
        assert_eq!(status(&client(server.origin())), 200);
    });
}

#[test]
fn rule_22_a_failed_login_is_a_warning_among_quieter_events() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        emulator.push_fault(Fault::login(Answer::status(503)).times(1));
        listener.during(|| assert_eq!(status(&client(emulator.origin())), 200));
        let heard = listener.heard();
        let level = |event: &str| heard.iter().find(|heard| heard.event == event).unwrap().level;
        assert_eq!(level("login_started"), Some(Level::DEBUG));
        assert_eq!(level("login_unavailable"), Some(Level::WARN));
        assert_eq!(level("login_granted"), Some(Level::INFO));
        assert_eq!(level("renewed"), Some(Level::TRACE));
    });
}

#[test]
fn rule_02_middleware_error_keeps_the_login_status() {
    bounded(|| {
        let middleware =
            |_: Request<SendBody>, _: MiddlewareNext| Err(ureq::Error::StatusCode(503));
        let client =
            builder_over("http://127.0.0.1:8080", settings().middleware(middleware).build())
                .limits(|limits| limits.failures_per_call(1))
                .build()
                .unwrap();
        assert_eq!(reason_of(&client), Reason::Status(StatusCode::SERVICE_UNAVAILABLE));
    });
}
