//! What ureq itself logs while it carries the key pair and the tokens. A test program of its own, as a process has one logger.

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_ureq::{Client, Credentials, ureq};

/// Remembers every line of every crate.
struct Logged(Mutex<Vec<String>>);

static LOGGED: Logged = Logged(Mutex::new(Vec::new()));

impl Log for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Ok(mut lines) = self.0.lock() {
            lines.push(format!("{} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// A cold start, a refused token and its successor; gives all lines that were logged meanwhile.
#[cfg(test)]
fn lines_at(level: LevelFilter) -> Vec<String> {
    log::set_max_level(level);
    let emulator = Emulator::start(Server::default()).unwrap();
    let settings = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build();
    let client = Client::builder(Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap())
        .origin(emulator.origin())
        .agent(settings)
        .build()
        .unwrap();
    for _ in 0..2 {
        assert_eq!(client.get("/customer?field=id").call().unwrap().status(), 200);
        emulator.expire_all();
    }
    std::mem::take(&mut *LOGGED.0.lock().unwrap())
}

#[test]
fn rule_20_ureq_logs_no_secret_but_for_its_dump_of_the_wire() {
    let tells = |line: &&String| {
        [Server::KEY_ID, Server::KEY_SECRET, "eyJ"].iter().any(|secret| line.contains(secret))
    };
    log::set_logger(&LOGGED).unwrap();

    let lines = lines_at(LevelFilter::Debug);
    assert!(lines.iter().any(|line| line.contains("/authenticate") || line.contains("POST")), "{lines:?}");
    assert_eq!(lines.iter().find(tells), None);

    // The README warns of the one target that tells all, and how to silence it; this says when the warning can go.
    let lines = lines_at(LevelFilter::Trace);
    assert!(lines.iter().any(|line| line.starts_with("ureq_proto::util ") && line.contains("eyJ")));
    let elsewhere = lines.iter().filter(|line| !line.starts_with("ureq_proto::")).find(tells);
    assert_eq!(elsewhere, None);
}
