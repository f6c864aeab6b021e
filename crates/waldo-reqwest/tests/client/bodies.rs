//! Bodies that can be sent again, and bodies that cannot.

use std::future::{pending, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use waldo_emulator::Emulator;
use waldo_reqwest::reqwest::Body;
use waldo_reqwest::{Client, Error, RequestBuilder, Snapshot};

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
fn rule_17_stream_gets_401_and_next_call_logs_in() {
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
fn rule_17_login_precedes_stream_of_first_call() {
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
fn rule_11_stream_is_not_sent_with_expiring_token() {
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

/// More than the buffers of a connection take in.
const LARGE: usize = 9_000_000;

#[test]
fn rule_17_a_body_factory_is_asked_for_each_sending() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let with = move |request: RequestBuilder| {
            request.body("replaced").body_factory(move || {
                counted.fetch_add(1, SeqCst);
                ready(Ok(Chunks::of(&vec![7; LARGE], 10_000)))
            })
        };
        let (resent, told) = after_expiry(&emulator, &client, with).await;
        assert_eq!(resent, 200, "{told}");
        assert!(told.contains("9000000"), "{told}");
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized, stats.total()), (1, 1, 3));
        assert_eq!(made.load(SeqCst), 2);
    });
}

#[test]
fn rule_17_a_file_is_opened_for_each_sending() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let path = std::env::temp_dir().join(format!("waldo-reqwest-{}", std::process::id()));
        std::fs::write(&path, document()).unwrap();
        let file = path.clone();
        let with = move |request: RequestBuilder| {
            request
                .header("content-length", "300000")
                .body_factory(move || tokio::fs::File::open(file.clone()))
        };
        let (resent, told) = after_expiry(&emulator, &client, with).await;
        std::fs::remove_file(path).unwrap();
        assert_eq!(resent, 200);
        assert!(told.contains("300000"), "{told}");
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn failing_factory_ends_call_before_sending() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let lost = || ready(Err::<Body, _>(io::Error::from(io::ErrorKind::NotFound)));
        let error = client.post("/document").body_factory(lost).send().await.unwrap_err();
        assert!(matches!(&error, Error::Body(error) if error.kind() == io::ErrorKind::NotFound));
        assert!(error.to_string().starts_with("the request's body could not be produced: "));
        assert!(error.never_sent() && !error.is_timeout());
        let stalled = client.post("/document").body_factory(pending::<io::Result<Body>>);
        let error = stalled.timeout(Duration::from_millis(50)).send().await.unwrap_err();
        assert!(matches!(error, Error::Body(_)) && error.is_timeout(), "{error:?}");
        let built = client.post("/document").body_factory(lost).build();
        assert!(matches!(built, Err(Error::Body(_))), "{built:?}");
        assert_eq!(emulator.stats().server.total(), 0);
    });
}

#[test]
fn rule_17_a_factory_may_fail_after_a_401() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client).await, 200);
        emulator.expire_all();
        let mut bodies = vec![Ok("once")].into_iter();
        let gone = move || {
            let body = bodies.next();
            ready(body.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::NotFound))))
        };
        let error = client.post("/document").body_factory(gone).send().await;
        assert!(error.as_ref().is_ok_and(|response| response.status() == 200), "bytes are kept");
        emulator.expire_all();
        let mut bodies = vec![Ok(stream())].into_iter();
        let gone = move || {
            let body = bodies.next();
            ready(body.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::NotFound))))
        };
        let error = client.post("/document").body_factory(gone).send().await.unwrap_err();
        assert!(matches!(error, Error::Body(_)), "{error:?}");
    });
}

#[cfg(test)]
mod multipart {
    use std::sync::atomic::{AtomicBool, AtomicU32};

    use waldo_reqwest::reqwest::multipart::{Form, Part};

    use super::*;
    use crate::scripted::{Scripted, Seen, answer, grant, jwt};

    fn form() -> Form {
        let document = Part::stream_with_length(stream(), 300_000);
        Form::new().text("type", "passport").part("document", document)
    }

    /// Asserts that the form is whole, and within the boundary that its head names.
    #[cfg(test)]
    fn assert_is_whole(seen: &Seen) {
        let (_, boundary) = seen
            .header("content-type")
            .unwrap()
            .split_once("multipart/form-data; boundary=")
            .unwrap();
        let types = seen.headers.iter().filter(|(name, _)| name == "content-type").count();
        assert_eq!(types, 1);
        assert_eq!(seen.header("content-length"), Some(&*seen.body.len().to_string()));
        let begins = format!("--{boundary}\r\n");
        let ends = format!("\r\n--{boundary}--\r\n");
        let fields = seen.body.strip_suffix(ends.as_bytes()).unwrap();
        assert!(fields.starts_with(begins.as_bytes()) && fields.ends_with(&document()));
    }

    #[test]
    fn rule_17_factory_form_is_resent_with_new_boundary() {
        bounded(async {
            let is_dead = Arc::new(AtomicBool::new(false));
            let (dead, tokens) = (Arc::clone(&is_dead), AtomicU32::new(1));
            let server = Scripted::start(move |seen| match seen.line.as_str() {
                "POST /authenticate" => grant(&jwt(tokens.fetch_add(1, SeqCst))),
                _ if dead.swap(false, SeqCst) => answer(401, "", ""),
                _ => answer(200, "", ""),
            });
            let client = client(server.origin());
            assert_eq!(status(&client).await, 200);
            is_dead.store(true, SeqCst);
            let request = client.post("/document").header("content-type", "text/plain");
            let request = request.multipart_factory(|| ready(Ok(form())));
            assert_eq!(request.send().await.unwrap().status(), 200);
            let [refused, stored] = server.seen_as("POST /document").try_into().unwrap();
            assert_is_whole(&refused);
            assert_is_whole(&stored);
            assert_ne!(refused.header("content-type"), stored.header("content-type"));
            assert_eq!(server.logins(), 2);
            let lengthless = || Form::new().part("document", Part::stream(stream()));
            let mut forms = vec![form(), lengthless()].into_iter();
            is_dead.store(true, SeqCst);
            let request = client
                .post("/document")
                .multipart_factory(move || ready(Ok(forms.next().unwrap())));
            assert_eq!(request.send().await.unwrap().status(), 200);
            let stored = server.seen_as("POST /document").pop().unwrap();
            assert_eq!(stored.header("content-length"), None);
            assert_eq!(stored.header("transfer-encoding"), Some("chunked"));
        });
    }

    #[test]
    fn rule_17_a_form_is_sent_once() {
        bounded(async {
            let emulator = emulator();
            let client = client(emulator.origin());
            let with = |request: RequestBuilder| request.multipart(form());
            assert_eq!(after_expiry(&emulator, &client, with).await.0, 401);
            let with = |request: RequestBuilder| request.multipart_factory(|| ready(Ok(form())));
            assert_eq!(after_expiry(&emulator, &client, with).await.0, 200);
        });
    }
}
