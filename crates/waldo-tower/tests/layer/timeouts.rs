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
use waldo_emulator::Hold;
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_tower::http::{HeaderMap, Request, Response};
use waldo_tower::{Error, Explanation, Refusal, Refused, Timeout};

use crate::mock::{Inner, ORIGIN, mock, willing};
use crate::site::{emulator, get, hyper, layer, on_a_runtime, settings, status, until_held};

const SHORT: Duration = Duration::from_millis(200);

/// What the service below is given.
type Sent = waldo_tower::Body<Full<Bytes>>;

fn customer() -> Request<Full<Bytes>> {
    Request::get(ORIGIN).body(Full::default()).unwrap()
}

#[test]
fn a_call_that_hangs_ends_with_its_timeout() {
    on_a_runtime(async {
        let emulator = emulator();
        let layer = layer(settings(&emulator.origin()));
        let request = || get(&emulator, "/customer?field=id");
        assert_eq!(status(layer.layer(hyper()), request()).await.unwrap(), 200);
        emulator.push_fault(Fault::call(Answer::Hang).forever());
        let of_layer = status(layer.clone().timeout(SHORT).layer(hyper()), request()).await;
        let mut hurried = request();
        hurried.extensions_mut().insert(Timeout(SHORT));
        let own = status(layer.timeout(None).layer(hyper()), hurried).await;
        for error in [of_layer.unwrap_err(), own.unwrap_err()] {
            assert!(matches!(error, Error::Timeout { sent: true, .. }), "{error}");
            assert!(error.is_timeout() && !error.never_sent() && error.retry_in().is_none());
            let expected = "the call's timeout has passed before a response came";
            assert_eq!(
                (error.to_string(), format!("{error:?}")),
                (expected.into(), expected.into())
            );
        }
    });
}

#[test]
fn the_timeout_is_the_whole_calls_and_not_each_sendings() {
    let (pause, timeout) = (Duration::from_millis(1200), Duration::from_secs(2));
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let inner = service_fn(move |request: Request<Sent>| {
        let is_login = request.uri().path() == "/authenticate";
        let number = if is_login { 0 } else { count.fetch_add(1, SeqCst) + 1 };
        async move {
            if number > 1 {
                tokio::time::sleep(pause).await;
            }
            let status = if number == 2 { 401 } else { 200 };
            let token = Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#);
            Ok::<_, BoxError>(Response::builder().status(status).body(token).unwrap())
        }
    });
    let service = layer(settings(ORIGIN)).timeout(timeout).layer(inner);
    on_a_runtime(async {
        assert_eq!(status(service.clone(), customer()).await.unwrap(), 200);
        // Each of the two sendings is within the timeout, and together they are not.
        let error = status(service, customer()).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { sent: true, .. }), "{error}");
    });
    assert_eq!(sent.load(SeqCst), 3);
}

#[test]
fn rule_13_a_login_outlives_the_timeout_of_its_call() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let layer = layer(settings(&emulator.origin()));
        emulator.hold(Hold::logins());
        let hurried = layer.clone().timeout(SHORT).layer(hyper());
        let call = status(hurried, get(&emulator, "/customer?field=id"));
        let (error, ()) = tokio::join!(call, until_held(&emulator, 1));
        let error = error.unwrap_err();
        let Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. }) = error else {
            panic!("{error}")
        };
        assert!(error.is_timeout() && error.never_sent());
        let explanation = layer.session().explain();
        assert!(matches!(explanation, Explanation::WaitForLogin { .. }), "{explanation}");
        emulator.release(Target::Login);
        let next = status(layer.layer(hyper()), get(&emulator, "/customer?field=id")).await;
        assert_eq!((next.unwrap(), emulator.stats().server.logins()), (200, 1));
    });
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
    });
}

#[test]
fn rule_24_a_timeout_does_not_hide_that_an_upload_broke_off() {
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
