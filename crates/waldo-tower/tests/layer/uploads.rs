//! Uploads whose token is refused on their head alone.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::sync::Notify;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use waldo_tower::Error;
use waldo_tower::http::header::EXPECT;
use waldo_tower::http::{Request, Response};

use crate::mock::ORIGIN;
use crate::site::{layer, on_a_runtime, settings};

const MB: usize = 1_000_000;

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
fn rule_24_later_error_keeps_broken_uploads_error() {
    for is_rejected in [true, false] {
        let error = on_a_runtime(broke_off(is_rejected));
        assert!(matches!(error, Error::BrokeOff(_)) && !error.never_sent(), "{error:?}");
        let cause = io::Error::from(ErrorKind::ConnectionReset).to_string();
        assert!(error.to_string().contains(&cause), "{error}");
    }
}
