//! Failures from public issues that lie between a client and its HTTP stack, and that no scenario
//! can show.

#[cfg(test)]
#[path = "client/listener.rs"]
#[expect(dead_code, reason = "the client's own tests need more of it")]
mod listener;
#[cfg(test)]
#[path = "client/scripted.rs"]
#[expect(dead_code, reason = "the client's own tests need more of it")]
mod scripted;
#[cfg(test)]
#[path = "client/site.rs"]
#[expect(dead_code, reason = "the client's own tests need more of it")]
mod site;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use waldo_ureq::{Client, Factory};

use crate::listener::Listener;
use crate::scripted::{Scripted, jwt};
use crate::site::{bounded, client, emulator, on_threads, status};

const THREADS: usize = 16;

/// A user's code that panics costs its own call only, wherever the client calls it.
///
/// Seen in kent8192/reinhardt-web#1662.
#[test]
fn rule_19_panicking_thread_affects_no_other_thread() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let lost = |run: &dyn Fn(&Client)| catch_unwind(AssertUnwindSafe(|| run(&client))).is_err();
        let panics = Listener::reacting(|_| panic!("a subscriber, on purpose"));
        assert!(lost(&|client| assert_eq!(panics.during(|| status(client)), 200)));
        assert!(lost(&|client| panics.during(|| assert!(client.invalidate(client.generation())))));
        assert!(lost(&|client| {
            let body = Factory::new(|| -> std::io::Result<Cursor<Vec<u8>>> {
                panic!("a body, on purpose")
            });
            drop(client.post("/document").send(body));
        }));
        let statuses = on_threads(THREADS, &Listener::new(), |_| status(&client), || ());
        assert_eq!(statuses, [200; THREADS]);
    });
}

/// A server that refuses the first token on the head of an upload, without reading the body. It
/// accepts the second token.
fn refusing_uploads() -> Scripted {
    let logins = AtomicU32::new(0);
    Scripted::start(move |exchange| {
        if exchange.is_login() {
            return exchange.grant(&jwt(logins.fetch_add(1, Ordering::SeqCst)));
        }
        if exchange.line == "POST /up" && exchange.bears(&jwt(0)) {
            exchange.answer(401, "Connection: close\r\n", "no");
            return exchange.close();
        }
        let body = exchange.read_body();
        exchange.answer(200, "", &body.len().to_string());
    })
}

/// A race decides whether the client reads the response. The scenarios let the call fail in this
/// case, but this adapter heals it.
///
/// Seen in urllib3/urllib3#241. Seen in seanmonstar/reqwest#1975. Seen in golang/go#51109.
#[test]
fn rule_24_refused_upload_of_any_length_is_resent() {
    bounded(|| {
        for length in [60_000, 70_000, 200_000, 1_000_000, 3_000_000, 8_000_000] {
            let document = vec![7; length];
            let server = refusing_uploads();
            let client = client(server.origin());
            assert_eq!(status(&client), 200);
            let mut response = client.post("/up").send(document).unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.body_mut().read_to_string().unwrap(), length.to_string());
            assert_eq!(server.logins(), 2);
        }
    });
}
