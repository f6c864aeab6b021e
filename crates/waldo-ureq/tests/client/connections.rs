//! What happens to a connection whose answer is not delivered.

use std::time::Instant;

use crate::scripted::{Exchange, Scripted, jwt};
use crate::site::{PATIENCE, bounded, client};

/// A server whose first token is refused by `refuse`, and whose second one is fine.
fn refusing(refuse: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |exchange| {
        if exchange.is_login() {
            exchange.grant(&jwt(2));
        } else if exchange.bears(&jwt(2)) {
            exchange.answer(200, "", "fine");
        } else if exchange.line == "GET /first" {
            exchange.answer(200, "", "");
        } else {
            refuse(exchange);
        }
    })
}

/// A call whose token is refused; says how many connections it took.
fn connections(server: &Scripted) -> usize {
    let client = client(server.origin());
    // The first token comes from a store, so that the refused call has not logged in itself.
    let snapshot = format!(
        r#"{{"version":1,"origin":"{}","key":"{:016x}","token":"{}","sent_ms":{},"life_ms":3600000}}"#,
        server.origin(),
        fingerprint(waldo_emulator::model::Server::KEY_ID),
        jwt(1),
        std::time::UNIX_EPOCH.elapsed().unwrap().as_millis(),
    );
    client.resume(&waldo_ureq::Snapshot::from_json(snapshot.as_bytes()).unwrap()).unwrap();
    let mut response = client.get("/").call().unwrap();
    assert_eq!(response.body_mut().read_to_string().unwrap(), "fine");
    assert_eq!(server.seen(), ["GET /", "POST /authenticate", "GET /"]);
    server.connections()
}

/// FNV-1a, as the core's snapshots name keys.
fn fingerprint(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn a_refusal_without_a_body_leaves_one_connection_for_all() {
    bounded(|| {
        let server = refusing(|exchange| exchange.answer(401, "", ""));
        assert_eq!(connections(&server), 1);
    });
}

#[test]
fn a_refusal_with_a_body_is_dropped_with_its_connection_and_the_logins_serves_the_call() {
    bounded(|| {
        for page in [r#"{"code":"INVALID_TOKEN"}"#.to_owned(), "x".repeat(1 << 20)] {
            let server = refusing(move |exchange| exchange.answer(401, "", &page));
            assert_eq!(connections(&server), 2);
        }
    });
}

#[test]
fn a_refusal_whose_body_never_comes_is_not_waited_for() {
    bounded(|| {
        for framing in ["Content-Length: 1000000", "Content-Length: 24", "Transfer-Encoding: chunked"] {
            let server = refusing(move |exchange| {
                exchange.write(format!("HTTP/1.1 401 No\r\n{framing}\r\n\r\n").as_bytes());
                // The rest never comes; the script ends when the client has hung up.
                exchange.wait_until_gone();
            });
            let began = Instant::now();
            assert_eq!(connections(&server), 2);
            // The agent of these tests would wait for twice as long.
            assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
        }
    });
}
