//! Bodies that can be sent again, and bodies that cannot.

use waldo_emulator::Emulator;
use waldo_reqwest::reqwest::Body;
use waldo_reqwest::{Client, RequestBuilder, Snapshot};

use crate::chunks::Chunks;
use crate::site::{bounded, client, emulator, status};

/// More than one buffer of reqwest's, and more than one chunk.
fn document() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(300_000).collect()
}

fn stream() -> Body {
    Chunks::of(&document(), 10_000).into()
}

/// Sends a document with a token that the server has just forgotten; says what came of it.
async fn after_expiry(
    emulator: &Emulator,
    client: &Client,
    with: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> (u16, String) {
    assert_eq!(status(client).await, 200);
    emulator.expire_all();
    emulator.reset_stats();
    let response = with(client.post("/document")).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[test]
fn rule_17_bytes_are_sent_again_in_full() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let bodies: [Body; 3] =
            [document().into(), "x".repeat(300_000).into(), b"x".repeat(300_000).into()];
        for body in bodies {
            let (status, told) =
                after_expiry(&emulator, &client, |request| request.body(body)).await;
            assert_eq!(status, 200);
            // The server says how much it has got.
            assert!(told.contains("300000"), "{told}");
            assert_eq!(emulator.stats().server.calls_unauthorized, 1);
        }
    });
}

#[cfg(feature = "json")]
#[test]
fn rule_17_json_is_sent_again() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client).await, 200);
        emulator.expire_all();
        let response = client.post("/flag").json(&["customerId"]).send().await.unwrap();
        assert_eq!(
            response.status(),
            400,
            "no object, but JSON: {}",
            response.text().await.unwrap()
        );
        let object = std::collections::BTreeMap::from([("customerId", "7")]);
        emulator.expire_all();
        assert_eq!(client.post("/flag").json(&object).send().await.unwrap().status(), 200);
        assert_eq!(emulator.stats().server.calls_unauthorized, 2);
    });
}

#[test]
fn rule_17_a_stream_is_sent_once_gets_its_401_and_the_next_call_heals() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let (refused, told) =
            after_expiry(&emulator, &client, |request| request.body(stream())).await;
        assert_eq!(refused, 401);
        assert!(told.contains("INVALID_TOKEN"), "{told}");
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.total()), (0, 1));
        let response = client.post("/document").body(stream()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let told = response.text().await.unwrap();
        assert!(told.contains("300000"), "{told}");
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.total()), (1, 3));
    });
}

#[test]
fn rule_17_a_stream_that_is_the_first_call_logs_in_before_it_is_touched() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(client.post("/document").body(stream()).send().await.unwrap().status(), 200);
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized, stats.total()), (1, 0, 2));
    });
}

/// What cannot be sent again is better sent with a token that lasts.
#[test]
fn rule_11_a_stream_is_not_sent_with_a_token_that_soon_ends() {
    bounded(async {
        let emulator = emulator();
        let first = client(emulator.origin());
        assert_eq!(status(&first).await, 200);
        let stored = first.snapshot().unwrap().to_json();
        // As it will be after 57 minutes of the hour.
        let (before, rest) = stored.split_once(r#""began_ms":"#).unwrap();
        let (began, after) = rest.split_once(',').unwrap();
        let began = began.parse::<u64>().unwrap() - 57 * 60 * 1000;
        let stored = format!(r#"{before}"began_ms":{began},{after}"#);
        for (body, logins) in [("document".into(), 1), (stream(), 2)] {
            let later = client(emulator.origin());
            later.resume(&Snapshot::from_json(stored.as_bytes()).unwrap()).unwrap();
            assert_eq!(later.post("/document").body(body).send().await.unwrap().status(), 200);
            assert_eq!(emulator.stats().server.logins(), logins);
        }
    });
}
