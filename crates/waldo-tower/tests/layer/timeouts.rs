//! The limit of a whole call.

use std::future::{pending, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, service_fn};
use waldo_tower::Error;
use waldo_tower::http::{HeaderMap, Request, Response};

use crate::mock::{Inner, ORIGIN, mock, willing};
use crate::site::{layer, on_a_runtime, settings, status};

const SHORT: Duration = Duration::from_millis(200);

/// What the service below is given.
type Sent = waldo_tower::Body<Full<Bytes>>;

fn customer() -> Request<Full<Bytes>> {
    Request::get(ORIGIN).body(Full::default()).unwrap()
}

/// A service that is busy after its n-th request.
#[derive(Clone)]
struct BusyAfter(usize, Arc<AtomicUsize>, Inner);

impl Service<Request<Sent>> for BusyAfter {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = <Inner as Service<Request<Sent>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.1.load(SeqCst) < self.0 { self.2.poll_ready(context) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request<Sent>) -> Self::Future {
        self.1.fetch_add(1, SeqCst);
        self.2.call(request)
    }
}

#[test]
fn a_call_that_waits_for_capacity_was_never_sent() {
    on_a_runtime(async {
        // The login takes the only place.
        let inner = BusyAfter(1, Arc::default(), willing().0);
        let error = status(layer(settings(ORIGIN)).timeout(SHORT).layer(inner), customer());
        let error = error.await.unwrap_err();
        assert!(matches!(error, Error::Timeout { sent: false, .. }), "{error}");
        assert!(error.is_timeout() && error.never_sent());
        assert!(error.to_string().contains("the server has not acted"), "{error}");
    });
}

fn document() -> Request<Full<Bytes>> {
    Request::post(format!("{ORIGIN}/document")).body(Full::from(vec![7; 100_000])).unwrap()
}

/// A service whose first upload breaks off. It answers the probe with 404, and the next upload
/// never.
fn breaks_off() -> Inner {
    let uploads = Arc::new(AtomicUsize::new(0));
    BoxCloneSyncService::new(service_fn(move |request: Request<Sent>| {
        let is_login = request.uri().path() == "/authenticate";
        let number = if is_login { 0 } else { uploads.fetch_add(1, SeqCst) + 1 };
        async move {
            match number {
                1 => {
                    drop(request.into_body().frame().await);
                    return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
                }
                3 => pending().await,
                _ => {}
            }
            let status = if is_login { 200 } else { 404 };
            let token = Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#);
            Ok::<_, BoxError>(Response::builder().status(status).body(token).unwrap())
        }
    }))
}

#[test]
fn rule_24_the_timeout_covers_an_upload_that_asks() {
    on_a_runtime(async {
        let service = layer(settings(ORIGIN)).timeout(SHORT).layer(breaks_off());
        assert_eq!(status(service.clone(), document()).await.unwrap(), 404);
        let error = status(service, document()).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { sent: true, .. }), "{error}");
        let expected = "the call's timeout has passed before a response came";
        assert_eq!((error.to_string(), format!("{error:?}")), (expected.into(), expected.into()));
    });
}

#[test]
fn rule_24_timeout_keeps_broken_uploads_error() {
    on_a_runtime(async {
        // The login and the upload take the only places.
        let inner = BusyAfter(2, Arc::default(), breaks_off());
        let service = layer(settings(ORIGIN)).timeout(SHORT).layer(inner);
        let error = status(service, document()).await.unwrap_err();
        assert!(matches!(error, Error::BrokeOff(_)) && !error.never_sent(), "{error}");
    });
}

/// A timer would cost an allocation for each call.
#[test]
fn an_answer_that_comes_at_once_needs_no_timer() {
    let is_set = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&is_set);
    let timer = move |_| {
        set.store(true, SeqCst);
        pending::<()>()
    };
    let session = waldo_tower::SharedSession::new(settings(ORIGIN).build().unwrap());
    let spawn = |login| drop(tokio::spawn(login));
    let layer = waldo_tower::WaldoLayer::new(session, timer, spawn);
    let (inner, _) = mock(|_| ready(()), |_| (200, HeaderMap::new()));
    let mut service = layer.layer(inner);
    assert_eq!(on_a_runtime(service.call(customer())).unwrap().status(), 200);
    is_set.store(false, SeqCst);
    let mut call = service.call(customer());
    let polled = Pin::new(&mut call).poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(_))), "{polled:?}");
    assert!(!is_set.load(SeqCst));
}
