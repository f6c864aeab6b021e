//! Uploads whose token is refused on their head alone.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use waldo_tower::http::header::EXPECT;
use waldo_tower::http::{Request, Response};
use waldo_tower::{Error, Waldo};

use crate::mock::ORIGIN;
use crate::refuser::{Manner, Refuser};
use crate::site::{Hyper, hyper, layer, on_a_runtime, settings};

const MB: usize = 1_000_000;

fn service(server: &Refuser) -> Waldo<Hyper> {
    // No limit on dropped tokens, because these tests are not about that limit.
    let settings = settings(&server.origin()).invalidation_budget(1000, Duration::from_millis(1));
    layer(settings).layer(hyper())
}

fn request<B>(server: &Refuser, body: B) -> Request<B> {
    Request::post(format!("{}/up", server.origin())).body(body).unwrap()
}

async fn upload(service: &Waldo<Hyper>, server: &Refuser, length: usize) -> Result<u16, Error> {
    let body = Full::from(vec![7; length]);
    let response = service.clone().oneshot(request(server, body)).await?;
    let status = response.status().as_u16();
    response.into_body().collect().await.map(|_| status).map_err(|error| Error::Inner(error.into()))
}

/// A body that can be sent once, whose length is known or not.
struct Stream {
    left: usize,
    is_known: bool,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let length = self.left.min(10_000);
        self.left -= length;
        Poll::Ready((length > 0).then(|| Ok(Frame::data(Bytes::from(vec![7; length])))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_known { SizeHint::with_exact(self.left as u64) } else { SizeHint::new() }
    }
}

// urllib3/urllib3#241, seanmonstar/reqwest#1975, golang/go#51109
#[test]
fn rule_24_upload_with_refused_token_is_resent() {
    on_a_runtime(async {
        for manner in [Manner::Closes, Manner::Rests, Manner::KeepsAlive] {
            let server = Refuser::start(manner);
            let service = service(&server);
            for length in [100, 65_536, 65_537, MB, 4 * MB, 8 * MB] {
                for _ in 0..5 {
                    assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
                    let logins = server.logins();
                    server.kill_tokens();
                    server.take_stored();
                    assert_eq!(upload(&service, &server, length).await.unwrap(), 200, "{manner:?}");
                    assert_eq!((server.take_stored(), server.logins()), (vec![length], logins + 1));
                }
            }
        }
    });
}

/// Lengths that the buffers of a connection take in, and one that they do not.
const LENGTHS: [usize; 4] = [65_537, 300_000, MB, 5 * MB];

#[test]
fn rule_24_refused_uploads_block_no_later_call() {
    for length in LENGTHS {
        on_a_runtime(async {
            let server = Refuser::start(Manner::Stalls);
            let service = service(&server);
            let frame = Full::from(Bytes::from(vec![7; length]));
            assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
            for round in 0..3 {
                for _ in 0..2 {
                    server.kill_tokens();
                    let healed =
                        service.clone().oneshot(request(&server, frame.clone())).await.unwrap();
                    assert_eq!(healed.status(), 200);
                }
                server.kill_tokens();
                let once = service.clone().one_shot().oneshot(request(&server, frame.clone()));
                assert_eq!(once.await.unwrap().status(), 401);
                assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
                // Another login on the connections that are left.
                let session = service.layer().session();
                session.invalidate(session.generation());
                assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
                assert_eq!(server.logins(), 1 + 4 * (round + 1));
            }
        });
    }
}

#[test]
fn rule_24_uploads_at_once_share_one_login() {
    on_a_runtime(async {
        let server = Arc::new(Refuser::start(Manner::Closes));
        let service = service(&server);
        assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
        server.kill_tokens();
        let mut uploads = JoinSet::new();
        for _ in 0..4 {
            let (service, server) = (service.clone(), Arc::clone(&server));
            uploads.spawn(async move { upload(&service, &server, 8 * MB).await.unwrap() });
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
    on_a_runtime(async {
        for manner in [Manner::Ignores, Manner::Continues, Manner::Cuts] {
            let server = Refuser::start(manner);
            let service = service(&server);
            assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
            server.kill_tokens();
            server.take_heads();
            let is_lost = is_lost(&upload(&service, &server, 8 * MB).await);
            assert!(is_lost || manner != Manner::Cuts, "there was nothing to be read");
            if is_lost {
                let [sent, probed] = server.take_heads().try_into().unwrap();
                assert!(
                    !sent.contains("expect:") && probed.contains("\r\nexpect: 100-continue\r\n")
                );
                assert!(probed.contains("\r\ncontent-length: 8000000\r\n"), "{probed}");
            }
            server.take_stored();
            assert_eq!(upload(&service, &server, 8 * MB).await.unwrap(), 200, "{manner:?}");
            assert_eq!(server.take_stored(), [8 * MB]);
            // The doubt has ended.
            server.take_heads();
            assert_eq!(upload(&service, &server, 8 * MB).await.unwrap(), 200);
            assert!(server.take_heads().iter().all(|head| !head.contains("expect:")));
        }
    });
}

#[test]
fn rule_24_server_answering_417_gets_the_body() {
    on_a_runtime(async {
        let server = Refuser::start(Manner::Cuts);
        let service = service(&server);
        assert_eq!(upload(&service, &server, 1).await.unwrap(), 200);
        server.kill_tokens();
        assert!(is_lost(&upload(&service, &server, MB).await));
        server.revive_tokens();
        server.set(Manner::Refuses);
        server.take_heads();
        assert_eq!(upload(&service, &server, MB).await.unwrap(), 200);
        let [asked, sent] = server.take_heads().try_into().unwrap();
        assert!(asked.contains("expect:") && !sent.contains("expect:"));
        server.kill_tokens();
        // A probe that is refused is no answer.
        let outcome = upload(&service, &server, 8 * MB).await;
        is_lost(&outcome);
    });
}

async fn stream(
    service: &Waldo<Client<HttpConnector, waldo_tower::Body<Stream>>>,
    server: &Refuser,
    is_known: bool,
) -> Result<u16, Error> {
    let body = Stream { left: 8 * MB, is_known };
    let response = service.clone().one_shot().oneshot(request(server, body)).await?;
    Ok(response.status().as_u16())
}

#[test]
fn rule_24_broken_stream_gets_401_of_head_only_attempt() {
    on_a_runtime(async {
        for is_known in [true, false] {
            let server = Refuser::start(Manner::Closes);
            let settings =
                settings(&server.origin()).invalidation_budget(1000, Duration::from_millis(1));
            let service = layer(settings).layer(Client::builder(TokioExecutor::new()).build_http());
            for round in 1..=10 {
                assert_eq!(stream(&service, &server, is_known).await.unwrap(), 200);
                server.kill_tokens();
                assert_eq!(stream(&service, &server, is_known).await.unwrap(), 401);
                assert_eq!(server.logins(), round);
            }
            assert_eq!(server.take_stored(), [8 * MB; 10]);
        }
    });
}

#[test]
fn rule_17_stream_with_expect_is_resent_after_401() {
    on_a_runtime(async {
        for is_known in [true, false] {
            for manner in [Manner::Closes, Manner::KeepsAlive, Manner::Rests] {
                let server = Refuser::start(Manner::Cuts);
                let service = layer(settings(&server.origin()))
                    .layer(Client::builder(TokioExecutor::new()).build_http());
                assert_eq!(stream(&service, &server, is_known).await.unwrap(), 200);
                server.kill_tokens();
                let lost = stream(&service, &server, is_known).await;
                assert!(matches!(lost, Err(Error::BrokeOff(_))), "{lost:?}");
                server.set(manner);
                server.take_stored();
                assert_eq!(stream(&service, &server, is_known).await.unwrap(), 200);
                assert_eq!((server.take_stored(), server.logins()), (vec![8 * MB], 2));
            }
        }
    });
}

/// Makes a call that fails with this error, after its body was polled or not. Returns how often the
/// call was sent, and its result.
fn broken(length: usize, polls: bool, kind: ErrorKind) -> (usize, Error) {
    let sent = Arc::new(Mutex::new(0));
    let count = Arc::clone(&sent);
    let inner = service_fn(move |request: Request<waldo_tower::Body<Full<Bytes>>>| {
        let is_login = request.uri().path() == "/authenticate";
        *count.lock().unwrap() += usize::from(!is_login);
        async move {
            if is_login {
                return Ok(Response::new(Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#)));
            }
            if polls {
                let frame = request.into_body().frame().await;
                drop(frame);
            }
            Err::<_, BoxError>(io::Error::from(kind).into())
        }
    });
    let service = layer(settings(ORIGIN)).layer(inner);
    let request = Request::post(ORIGIN).body(Full::from(vec![7; length])).unwrap();
    let error = on_a_runtime(service.oneshot(request)).unwrap_err();
    let sent = *sent.lock().unwrap();
    (sent, error)
}

#[test]
fn rule_24_other_failures_cause_no_head_only_attempt() {
    for (length, polls, kind) in [
        (65_536, true, ErrorKind::ConnectionReset),
        (MB, false, ErrorKind::ConnectionReset),
        (MB, true, ErrorKind::ConnectionRefused),
        (MB, true, ErrorKind::TimedOut),
    ] {
        let (sent, error) = broken(length, polls, kind);
        assert_eq!(sent, 1);
        assert!(matches!(error, Error::Inner(_)), "{error:?}");
    }
}

#[test]
fn rule_24_unanswered_head_only_attempt_ends_in_break_off() {
    for (answer, delivered) in [(None, None), (Some(417), None), (Some(404), Some(404))] {
        let inner =
            service_fn(move |request: Request<waldo_tower::Body<Full<Bytes>>>| async move {
                let status = if request.uri().path() == "/authenticate" {
                    200
                } else if request.headers().contains_key(EXPECT) {
                    answer.ok_or("no answer")?
                } else {
                    drop(request.into_body().frame().await);
                    return Err(io::Error::from(ErrorKind::ConnectionReset).into());
                };
                let token = Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#);
                Ok::<_, BoxError>(Response::builder().status(status).body(token).unwrap())
            });
        let request = Request::post(ORIGIN).body(Full::from(vec![7; MB])).unwrap();
        match on_a_runtime(layer(settings(ORIGIN)).layer(inner).oneshot(request)) {
            Ok(response) => assert_eq!(Some(response.status().as_u16()), delivered),
            Err(Error::BrokeOff(_)) => assert_eq!(delivered, None, "{answer:?}"),
            Err(error) => panic!("{answer:?}: {error:?}"),
        }
    }
}

/// The error of an upload that breaks off, while the server refuses its token in another call. Then
/// a login is rejected, or the second sending of the upload finds no connection.
async fn broke_off(is_rejected: bool) -> Error {
    let (is_sent, is_refused) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (sends, waits) = (Arc::clone(&is_sent), Arc::clone(&is_refused));
    let (logins, uploads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&uploads);
    let inner = service_fn(move |request: Request<waldo_tower::Body<Full<Bytes>>>| {
        let (sends, waits) = (Arc::clone(&sends), Arc::clone(&waits));
        let (logins, uploads) = (Arc::clone(&logins), Arc::clone(&counted));
        async move {
            let is_first = || request.headers()["authorization"] == "Bearer e30.e30.0001";
            let (status, body) = match request.uri().path() {
                "/authenticate" => match logins.fetch_add(1, SeqCst) {
                    number if number == 0 || !is_rejected => {
                        (200, format!(r#"{{"token":"e30.e30.{:04}"}}"#, number + 1))
                    }
                    _ => (401, r#"{"code":"INVALID_API_KEY"}"#.to_owned()),
                },
                "/refused" if is_first() => (401, String::new()),
                "/up" if uploads.fetch_add(1, SeqCst) == 0 => {
                    drop(request.into_body().frame().await);
                    sends.notify_one();
                    waits.notified().await;
                    return Err(io::Error::from(ErrorKind::ConnectionReset).into());
                }
                "/up" => return Err(io::Error::from(ErrorKind::ConnectionRefused).into()),
                _ => (200, String::new()),
            };
            let body = Full::<Bytes>::from(body);
            Ok::<_, BoxError>(Response::builder().status(status).body(body).unwrap())
        }
    });
    let service = layer(settings(ORIGIN)).layer(inner);
    let call = |path: &str, length: usize| {
        let request = Request::post(format!("{ORIGIN}{path}")).body(Full::from(vec![7; length]));
        service.clone().oneshot(request.unwrap())
    };
    assert_eq!(call("/accepted", 1).await.unwrap().status(), 200);
    let upload = tokio::spawn(call("/up", MB));
    is_sent.notified().await;
    let refused = call("/refused", 1).await;
    assert_eq!(matches!(refused, Err(Error::Refused(_))), is_rejected, "{refused:?}");
    is_refused.notify_one();
    let error = upload.await.unwrap().unwrap_err();
    assert_eq!(uploads.load(SeqCst), if is_rejected { 1 } else { 2 });
    error
}

/// A later error would say that nothing was sent.
#[test]
fn rule_24_a_later_error_does_not_hide_that_an_upload_broke_off() {
    for is_rejected in [true, false] {
        let error = on_a_runtime(broke_off(is_rejected));
        assert!(matches!(error, Error::BrokeOff(_)) && !error.never_sent(), "{error:?}");
        let cause = io::Error::from(ErrorKind::ConnectionReset).to_string();
        assert!(error.to_string().contains(&cause), "{error}");
    }
}

/// A connection cannot be used again if its body was never sent.
#[test]
fn rule_24_connection_with_unsent_body_is_closed() {
    on_a_runtime(async {
        let server = Arc::new(Refuser::start(Manner::Cuts));
        let settings = settings(&server.origin()).invalidation_budget(1, Duration::from_secs(3600));
        let service = layer(settings).layer(Client::builder(TokioExecutor::new()).build_http());
        assert_eq!(stream(&service, &server, true).await.unwrap(), 200);
        // It is asked first, refused, and sent again. Later its 401 is delivered, because the
        // budget is used up.
        for expected in [200, 401, 401] {
            server.kill_tokens();
            server.set(Manner::Cuts);
            // This one breaks off, or asks already.
            drop(stream(&service, &server, true).await);
            server.set(Manner::KeepsAlive);
            assert_eq!(stream(&service, &server, true).await.unwrap(), expected);
        }
        let waiting = Arc::clone(&server);
        tokio::task::spawn_blocking(move || waiting.wait_until_open(1)).await.unwrap();
    });
}
