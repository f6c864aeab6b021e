//! What happens to a connection whose answer is not delivered.

use std::time::{Duration, Instant};

use crate::scripted::{Exchange, Scripted, jwt};
use crate::site::{bounded, client};

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
fn a_short_refusal_is_drained_so_that_one_connection_serves_all() {
    bounded(|| {
        let server = refusing(|exchange| exchange.answer(401, "", r#"{"code":"INVALID_TOKEN"}"#));
        assert_eq!(connections(&server), 1);
        let chunked = "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n";
        let server = refusing(move |exchange| exchange.write(chunked.as_bytes()));
        assert_eq!(connections(&server), 1);
    });
}

#[test]
fn a_long_refusal_is_dropped_with_its_connection() {
    bounded(|| {
        let page = "x".repeat(1 << 20);
        let server = refusing(move |exchange| exchange.answer(401, "", &page));
        assert_eq!(connections(&server), 2);
    });
}

#[test]
fn a_long_refusal_that_hides_its_length_is_dropped_all_the_same() {
    bounded(|| {
        let server = refusing(|exchange| {
            exchange.write(b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n");
            (0..40).for_each(|_| exchange.write(format!("400\r\n{}\r\n", "x".repeat(0x400)).as_bytes()));
            exchange.write(b"0\r\n\r\n");
        });
        assert_eq!(connections(&server), 2);
    });
}

#[test]
fn a_long_refusal_is_not_even_waited_for() {
    bounded(|| {
        let server = refusing(|exchange| {
            exchange.write(b"HTTP/1.1 401 No\r\nContent-Length: 1000000\r\n\r\n");
            // The rest never comes.
            exchange.wait_until_gone();
        });
        assert_eq!(connections(&server), 2);
    });
}

#[test]
fn a_refusal_that_drips_is_dropped_after_a_moment() {
    bounded(|| {
        let server = refusing(|exchange| {
            exchange.write(b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n");
            let began = Instant::now();
            while !exchange.is_gone() && began.elapsed() < Duration::from_secs(15) {
                exchange.write(b"1\r\nx\r\n");
                std::thread::sleep(Duration::from_millis(10));
            }
            exchange.close();
        });
        let began = Instant::now();
        assert_eq!(connections(&server), 2);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    });
}
