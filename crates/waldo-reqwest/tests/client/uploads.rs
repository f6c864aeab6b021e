//! Uploads whose token is refused on their head alone.

use std::error::Error as _;
use std::future::ready;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Extensions;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;
use waldo_reqwest::reqwest::dns::{Name, Resolve, Resolving};
use waldo_reqwest::reqwest::{self, Body, Request, Response};
use waldo_reqwest::reqwest_middleware::{self, ClientWithMiddleware, Middleware, Next};
use waldo_reqwest::{Client, Error};

use crate::chunks::Chunks;
use crate::refuser::{Manner, Refuser};
use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{bounded, builder};

const MB: usize = 1_000_000;

/// A client without a limit on dropped tokens, because these tests are not about that limit.
fn client(server: &Refuser) -> Client {
    builder(server.origin())
        .limits(|limits| limits.invalidation_budget(1000, Duration::from_millis(1)))
        .build()
        .unwrap()
}

async fn whole(response: Response) -> u16 {
    let status = response.status().as_u16();
    response.bytes().await.unwrap();
    status
}

async fn send(client: &Client, body: impl Into<Body>) -> Result<u16, Error> {
    Ok(whole(client.post("/up").body(body).send().await?).await)
}

async fn upload(client: &Client, length: usize) -> Result<u16, Error> {
    send(client, vec![7; length]).await
}

// urllib3/urllib3#241, seanmonstar/reqwest#1975, golang/go#51109
#[test]
fn rule_24_upload_with_refused_token_is_resent() {
    bounded(async {
        for manner in [Manner::Closes, Manner::Rests, Manner::KeepsAlive] {
            let server = Refuser::start(manner);
            let client = client(&server);
            for length in [100, 65_536, 65_537, MB, 4 * MB, 8 * MB] {
                for _ in 0..5 {
                    assert_eq!(upload(&client, 1).await.unwrap(), 200);
                    let logins = server.logins();
                    server.kill_tokens();
                    server.take_stored();
                    assert_eq!(upload(&client, length).await.unwrap(), 200, "{manner:?}");
                    assert_eq!((server.take_stored(), server.logins()), (vec![length], logins + 1));
                }
            }
        }
    });
}

/// Lengths that the buffers of a connection take in, and one that they do not.
const LENGTHS: [usize; 4] = [65_537, 300_000, MB, 5 * MB];

/// A call may take so long: only one that hangs takes longer.
const PROMPT: Duration = Duration::from_secs(10);

#[test]
fn rule_24_refused_uploads_block_no_later_call() {
    bounded(async {
        for length in LENGTHS {
            let server = Refuser::start(Manner::Stalls);
            let client = client(&server);
            let stack: ClientWithMiddleware = client.middleware_stack([]).build();
            let url = format!("{}/up", server.origin());
            let frame = Bytes::from(vec![7; length]);
            let calls = async {
                assert_eq!(upload(&client, 1).await.unwrap(), 200);
                for round in 0..3 {
                    for _ in 0..2 {
                        server.kill_tokens();
                        assert_eq!(send(&client, frame.clone()).await.unwrap(), 200);
                    }
                    server.kill_tokens();
                    let healed = stack.post(&url).body(frame.clone()).send().await.unwrap();
                    assert_eq!(whole(healed).await, 200);
                    server.kill_tokens();
                    assert_eq!(send(&client, Chunks::of(&frame, length)).await.unwrap(), 401);
                    assert_eq!(upload(&client, 1).await.unwrap(), 200);
                    // Another login on the connections that are left.
                    client.invalidate(client.generation());
                    assert_eq!(upload(&client, 1).await.unwrap(), 200);
                    assert_eq!(server.logins(), 1 + 5 * (round + 1));
                }
            };
            timeout(PROMPT, calls)
                .await
                .unwrap_or_else(|_| panic!("a call hangs behind {length} bytes"));
        }
    });
}

#[test]
fn rule_24_a_stream_of_a_factory_heals() {
    bounded(async {
        for manner in [Manner::Closes, Manner::Rests, Manner::KeepsAlive] {
            let server = Refuser::start(manner);
            let client = client(&server);
            assert_eq!(upload(&client, 1).await.unwrap(), 200);
            for _ in 0..5 {
                let logins = server.logins();
                server.kill_tokens();
                server.take_stored();
                let made = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&made);
                let request = client.post("/up").body_factory(move || {
                    counted.fetch_add(1, SeqCst);
                    ready(Ok(stream()))
                });
                assert_eq!(whole(request.send().await.unwrap()).await, 200, "{manner:?}");
                assert_eq!((server.take_stored(), server.logins()), (vec![8 * MB], logins + 1));
                assert_eq!(made.load(SeqCst), 2, "a head-only attempt needs no body");
            }
        }
    });
}

#[test]
fn rule_24_uploads_at_once_share_one_login() {
    bounded(async {
        let server = Refuser::start(Manner::Closes);
        let client = client(&server);
        assert_eq!(upload(&client, 1).await.unwrap(), 200);
        server.kill_tokens();
        let mut uploads = JoinSet::new();
        for _ in 0..4 {
            let client = client.clone();
            uploads.spawn(async move { upload(&client, 8 * MB).await.unwrap() });
        }
        assert_eq!(uploads.join_all().await, [200; 4]);
        assert_eq!(server.logins(), 2);
    });
}

/// Whether the 401 to an upload was lost. Then the error must say so.
fn is_lost(result: &Result<u16, Error>) -> bool {
    match result {
        Ok(200) => false,
        Err(error @ Error::BrokeOff(_)) => {
            assert!(error.to_string().contains("token may have been refused"), "{error}");
            assert!(!error.never_sent() && !error.is_connect());
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let cut = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).count();
            assert_eq!(cut, 1, "{error:?}");
            true
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_24_upload_after_lost_401_uses_expect() {
    bounded(async {
        for manner in [Manner::Ignores, Manner::Continues, Manner::Cuts] {
            let server = Refuser::start(manner);
            let client = client(&server);
            assert_eq!(upload(&client, 1).await.unwrap(), 200);
            server.kill_tokens();
            server.take_heads();
            let is_lost = is_lost(&upload(&client, 8 * MB).await);
            assert!(is_lost || manner != Manner::Cuts, "there was nothing to be read");
            if is_lost {
                let [sent, probed] = server.take_heads().try_into().unwrap();
                assert!(
                    !sent.contains("expect:") && probed.contains("\r\nexpect: 100-continue\r\n")
                );
                assert!(probed.contains("\r\ncontent-length: 8000000\r\n"), "{probed}");
            }
            server.take_stored();
            assert_eq!(upload(&client, 8 * MB).await.unwrap(), 200, "{manner:?}");
            assert_eq!(server.take_stored(), [8 * MB]);
            // The doubt has ended.
            server.take_heads();
            assert_eq!(upload(&client, 8 * MB).await.unwrap(), 200);
            assert!(server.take_heads().iter().all(|head| !head.contains("expect:")));
        }
    });
}

#[test]
fn rule_24_server_answering_417_gets_the_body() {
    bounded(async {
        for is_stream in [false, true] {
            let body = || if is_stream { stream() } else { vec![7; 8 * MB].into() };
            let server = Refuser::start(Manner::Cuts);
            let client = client(&server);
            assert_eq!(upload(&client, 1).await.unwrap(), 200);
            server.kill_tokens();
            assert!(is_lost(&send(&client, body()).await));
            server.revive_tokens();
            server.set(Manner::Refuses);
            server.take_heads();
            server.take_stored();
            assert_eq!(send(&client, body()).await.unwrap(), 200);
            let [asked, sent] = server.take_heads().try_into().unwrap();
            assert!(asked.contains("expect:") && !sent.contains("expect:"));
            assert_eq!(server.take_stored(), [8 * MB]);
        }
    });
}

fn stream() -> Body {
    Chunks::of(&vec![7; 8 * MB], 10_000).into()
}

#[test]
fn rule_24_broken_stream_gets_401_of_head_only_attempt() {
    bounded(async {
        let server = Refuser::start(Manner::Closes);
        let client = client(&server);
        for round in 1..=10 {
            assert_eq!(send(&client, stream()).await.unwrap(), 200);
            server.kill_tokens();
            assert_eq!(send(&client, stream()).await.unwrap(), 401);
            assert_eq!(server.logins(), round);
        }
        assert_eq!(server.take_stored(), [8 * MB; 10]);
    });
}

#[test]
fn rule_17_stream_with_expect_is_resent_after_401() {
    bounded(async {
        for manner in [Manner::Closes, Manner::KeepsAlive, Manner::Rests] {
            let server = Refuser::start(Manner::Cuts);
            let client = client(&server);
            assert_eq!(send(&client, stream()).await.unwrap(), 200);
            server.kill_tokens();
            assert!(is_lost(&send(&client, stream()).await));
            server.set(manner);
            server.take_stored();
            assert_eq!(send(&client, stream()).await.unwrap(), 200);
            assert_eq!((server.take_stored(), server.logins()), (vec![8 * MB], 2));
        }
    });
}

#[test]
fn rule_24_refused_upload_is_resent_through_middleware_stack() {
    bounded(async {
        let server = Refuser::start(Manner::Closes);
        let client = client(&server);
        let stack: ClientWithMiddleware = client.middleware_stack([]).build();
        let url = format!("{}/up", server.origin());
        for _ in 0..10 {
            assert_eq!(upload(&client, 1).await.unwrap(), 200);
            server.kill_tokens();
            let response = stack.post(&url).body(vec![7; 8 * MB]).send().await.unwrap();
            assert_eq!(whole(response).await, 200);
        }
        server.set(Manner::Cuts);
        server.kill_tokens();
        let error = stack.post(&url).body(vec![7; 8 * MB]).send().await.unwrap_err();
        let reqwest_middleware::Error::Middleware(error) = error else { panic!("{error:?}") };
        assert!(matches!(error.downcast_ref(), Some(Error::BrokeOff(_))), "{error:?}");
    });
}

/// A connection cannot be used again if its body was never sent.
#[test]
fn rule_24_connection_with_unsent_body_is_closed() {
    bounded(async {
        let server = Refuser::start(Manner::Cuts);
        let client = builder(server.origin())
            .limits(|limits| limits.invalidation_budget(1, Duration::from_secs(3600)))
            .build()
            .unwrap();
        assert_eq!(send(&client, stream()).await.unwrap(), 200);
        // It is asked first, refused, and sent again. Later its 401 is delivered, because the
        // budget is used up.
        for expected in [200, 401, 401] {
            server.kill_tokens();
            server.set(Manner::Cuts);
            // This one breaks off, or asks already.
            drop(send(&client, stream()).await);
            server.set(Manner::KeepsAlive);
            assert_eq!(send(&client, stream()).await.unwrap(), expected);
        }
        // The test's own future may block.
        server.wait_until_open(1);
    });
}

/// Sends to a host whose name cannot be looked up, and counts that.
#[derive(Default)]
struct Unreachable(AtomicUsize);

#[async_trait]
impl Middleware for Unreachable {
    async fn handle(
        &self,
        _: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.0.fetch_add(1, SeqCst);
        let http = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(Lost)).build()?;
        Ok(http.get("http://host.invalid/").send().await?)
    }
}

/// A resolver that loses the connection to its own server.
struct Lost;

impl Resolve for Lost {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err(io::Error::from(ErrorKind::ConnectionReset).into()) })
    }
}

#[test]
fn rule_24_a_failed_connect_is_no_break_off() {
    bounded(async {
        let server = Refuser::start(Manner::Closes);
        let below = Arc::new(Unreachable::default());
        let stack = client(&server).middleware_stack([]).with_arc(Arc::clone(&below) as _).build();
        let url = format!("{}/up", server.origin());
        let error = stack.post(&url).body(vec![7; MB]).send().await.unwrap_err();
        let reqwest_middleware::Error::Reqwest(error) = error else { panic!("{error:?}") };
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(below.0.load(SeqCst), 1, "it was probed");
    });
}

#[test]
fn rule_24_rejected_login_keeps_broken_uploads_error() {
    bounded(async {
        let shared = Arc::new(OnceLock::<Client>::new());
        let (client, logins) = (Arc::clone(&shared), AtomicUsize::new(0));
        let server = Scripted::start(move |seen| match seen.line.as_str() {
            "POST /authenticate" if logins.fetch_add(1, SeqCst) == 0 => grant(&jwt(1)),
            "POST /authenticate" => answer(401, "", r#"{"code":"INVALID_API_KEY"}"#),
            "POST /up" => {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                let call = client.get().unwrap().get("/refused").send();
                let error = runtime.block_on(call).unwrap_err();
                assert!(matches!(error, Error::Refused(_)), "{error:?}");
                String::new()
            }
            "GET /refused" => answer(401, "", ""),
            _ => answer(200, "", ""),
        });
        let client = shared.get_or_init(|| crate::site::client(server.origin()));
        assert_eq!(whole(client.get("/").send().await.unwrap()).await, 200);
        let upload = client.post("/up").header("x-unread", "").body(vec![7; 8 * MB]);
        let error = upload.send().await.unwrap_err();
        assert!(matches!(error, Error::BrokeOff(_)), "{error:?}");
        assert_eq!(server.logins(), 2);
    });
}

#[test]
fn rule_24_a_late_resend_does_not_hide_that_an_upload_broke_off() {
    bounded(async {
        let shared = Arc::new(OnceLock::<Client>::new());
        let (client, logins) = (Arc::clone(&shared), AtomicU32::new(0));
        let uploads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&uploads);
        let server = Scripted::start(move |seen| match seen.line.as_str() {
            "POST /authenticate" => grant(&jwt(logins.fetch_add(1, SeqCst) + 1)),
            "POST /up" if counted.fetch_add(1, SeqCst) == 0 => {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                let call = client.get().unwrap().get("/refused").send();
                assert_eq!(runtime.block_on(call).unwrap().status(), 200);
                String::new()
            }
            "POST /up" => {
                std::thread::sleep(Duration::from_secs(3));
                String::new()
            }
            "GET /refused" if seen.bears(&jwt(1)) => answer(401, "", ""),
            _ => answer(200, "", ""),
        });
        let client = shared.get_or_init(|| crate::site::client(server.origin()));
        assert_eq!(whole(client.get("/").send().await.unwrap()).await, 200);
        let upload = client.post("/up").header("x-unread", "").body(vec![7; 8 * MB]);
        let error = upload.timeout(Duration::from_secs(2)).send().await.unwrap_err();
        assert!(matches!(error, Error::BrokeOff(_)) && !error.never_sent(), "{error:?}");
        assert_eq!(uploads.load(SeqCst), 2);
    });
}
