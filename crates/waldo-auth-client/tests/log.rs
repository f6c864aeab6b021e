//! The journal in a program that has a logger and no subscriber of `tracing`.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Mutex;

use http::Request;
use log::{Level, LevelFilter, Log, Metadata, Record};
use waldo_auth_client::{Admission, SharedSession, config};
use waldo_auth_client::{Call, Credentials};

static HEARD: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() == "waldo_auth" {
            HEARD.lock().unwrap().push((record.level(), record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn rule_22_a_logger_hears_the_journal() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let session = SharedSession::new(config(Credentials::new("k", "s").unwrap()).build().unwrap());
    let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
    let admission = session.admit(Call::replayable(), &mut request).unwrap();
    let Admission::Authenticate(lead, _) = admission else {
        panic!("expected a login: {admission:?}")
    };
    lead.fail("no route to host");
    let heard = HEARD.lock().unwrap();
    let levels: Vec<_> = heard.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::Debug, Level::Warn], "{heard:?}");
    assert!(
        heard[1].1.contains("login 1 failed") && heard[1].1.contains("login_unavailable"),
        "{heard:?}"
    );
}
