//! What happens to a connection whose answer is not delivered.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use waldo_adapter_tests::{Exchange, Scripted, jwt};

use crate::site::{TIMEOUT, bounded, client};

/// A server that accepts its first token once and then refuses it by `refuse`, and whose second
/// token is fine.
fn refusing(refuse: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Scripted {
    let (granted, accepted) = (AtomicU32::new(0), AtomicBool::new(false));
    Scripted::start(move |exchange| {
        if exchange.is_login() {
            exchange.grant(&jwt(granted.fetch_add(1, Ordering::SeqCst)));
        } else if exchange.bears(&jwt(0)) && accepted.swap(true, Ordering::SeqCst) {
            refuse(exchange);
        } else {
            exchange.answer(200, "", "fine");
        }
    })
}

/// A call whose token is refused; says how many connections it took.
fn connections(server: &Scripted) -> usize {
    let client = client(server.origin());
    for _ in 0..2 {
        let mut response = client.get("/").call().unwrap();
        assert_eq!(response.body_mut().read_to_string().unwrap(), "fine");
    }
    assert_eq!(
        server.seen(),
        ["POST /authenticate", "GET /", "GET /", "POST /authenticate", "GET /"]
    );
    server.connections()
}

#[test]
fn empty_401_response_keeps_the_connection() {
    bounded(|| {
        let server = refusing(|exchange| exchange.answer(401, "", ""));
        assert_eq!(connections(&server), 1);
    });
}

#[test]
fn unread_401_body_costs_one_connection() {
    bounded(|| {
        for page in [r#"{"code":"INVALID_TOKEN"}"#.to_owned(), "x".repeat(1 << 20)] {
            let server = refusing(move |exchange| exchange.answer(401, "", &page));
            assert_eq!(connections(&server), 2);
        }
    });
}

#[test]
fn stalled_401_body_is_not_awaited() {
    bounded(|| {
        for framing in
            ["Content-Length: 1000000", "Content-Length: 24", "Transfer-Encoding: chunked"]
        {
            let server = refusing(move |exchange| {
                exchange.write(format!("HTTP/1.1 401 No\r\n{framing}\r\n\r\n").as_bytes());
                // The rest never comes; the script ends when the client has hung up.
                exchange.wait_until_gone();
            });
            let began = Instant::now();
            assert_eq!(connections(&server), 2);
            // The agent of these tests would wait for twice as long.
            assert!(began.elapsed() < TIMEOUT / 2, "{:?}", began.elapsed());
        }
    });
}
