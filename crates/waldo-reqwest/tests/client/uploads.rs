//! Uploads whose token is refused on their head alone.

use std::future::ready;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use tokio::runtime::Builder;
use tokio::time::timeout;
use waldo_adapter_tests::{Manner, Refuser};
use waldo_reqwest::reqwest::dns::{Name, Resolve, Resolving};
use waldo_reqwest::reqwest::{self, Body, Request, Response};
use waldo_reqwest::reqwest_middleware::{self, ClientWithMiddleware, Middleware, Next};
use waldo_reqwest::{Client, Error};

use crate::chunks::Chunks;
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

/// A call may take so long: only one that hangs takes longer.
const PROMPT: Duration = Duration::from_secs(10);

#[test]
fn rule_24_stream_of_a_factory_is_resent() {
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

fn stream() -> Body {
    Chunks::of(&vec![7; 8 * MB], 10_000).into()
}

#[test]
fn rule_24_refused_upload_is_resent_through_middleware_stack() {
    bounded(async {
        let server = Refuser::start(Manner::Closes);
        let client = client(&server);
        let stack: ClientWithMiddleware = client.middleware_stack([]).build();
        let url = format!("{}/up", server.origin());
        for manner in [Manner::Closes, Manner::Stalls] {
            server.set(manner);
            for length in [65_537, 300_000, MB, 5 * MB, 8 * MB].repeat(2) {
                assert_eq!(upload(&client, 1).await.unwrap(), 200);
                server.kill_tokens();
                let call = stack.post(&url).body(vec![7; length]).send();
                let response = timeout(PROMPT, call).await.expect("no call hangs").unwrap();
                assert_eq!(whole(response).await, 200);
            }
        }
        server.set(Manner::Cuts);
        server.kill_tokens();
        let error = stack.post(&url).body(vec![7; 8 * MB]).send().await.unwrap_err();
        let reqwest_middleware::Error::Middleware(error) = error else { panic!("{error:?}") };
        assert!(matches!(error.downcast_ref(), Some(Error::BrokeOff(_))), "{error:?}");
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
fn rule_24_late_resend_keeps_broken_uploads_error() {
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
