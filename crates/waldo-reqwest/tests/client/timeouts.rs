//! Nothing takes longer than it may. Where a test measures, it allows for a slow machine.

use std::time::{Duration, Instant};

use waldo_emulator::Hold;
use waldo_emulator::model::Target;
use waldo_reqwest::{Client, Error, Refusal, Refused};

use crate::scripted::{Scripted, grant, jwt};
use crate::site::{bounded, client, credentials, emulator};

/// Far above every limit that is tested here, and far below those that are not.
const SOON: Duration = Duration::from_secs(10);

fn is_deadline(error: &Error) -> bool {
    matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. }))
        && error.is_timeout()
        && error.never_sent()
}

#[test]
fn the_budget_covers_reading_the_answer() {
    bounded(async {
        let server = Scripted::start(|seen| {
            if seen.is_login() {
                return grant(&jwt(1));
            }
            // More is promised than comes.
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned()
        });
        let client = client(server.origin());
        let response =
            client.get("/half").timeout(Duration::from_millis(1500)).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    });
}

#[test]
fn client_max_wait_bounds_the_token_method() {
    bounded(async {
        let emulator = emulator();
        let client = Client::builder(credentials()).origin(emulator.origin());
        let client = client.max_wait(Duration::from_millis(200)).build().unwrap();
        emulator.hold(Hold::logins());
        let began = Instant::now();
        let error = client.token().await.unwrap_err();
        assert!(is_deadline(&error), "{error:?}");
        assert!(began.elapsed() < SOON);
        emulator.release(Target::Login);
    });
}
