//! A login's answer is read as far as it is needed, and no further.

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{BoxError, Layer, Service, service_fn};
use waldo_tower::http::{HeaderMap, Request, Response};
use waldo_tower::{
    Error, Explanation, LoginFuture, Reason, Refusal, Refused, SharedSession, Unavailable,
    WaldoLayer,
};

use crate::mock::ORIGIN;
use crate::site::{on_a_runtime, settings, status};

/// The behaviour of an endless body each time it is polled.
#[derive(Clone, Copy)]
enum Endless {
    Bytes(usize),
    Trailers,
    /// It wakes its task, and has no frame.
    WakeUps,
    /// The test fails if the body is polled.
    Unread,
    Nothing,
    /// The whole answer of a login comes, and the body does not end.
    Token,
}

/// A lease that no timer of these tests ends.
const LEASE: Duration = Duration::from_secs(30);

/// The answer of a login that is granted.
const TOKEN: &str = r#"{"token":"e30.e30.sig"}"#;

/// A body without end, which counts how often it is polled.
struct Counted(Endless, Arc<AtomicUsize>);

impl Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = self.1.fetch_add(1, SeqCst);
        match self.0 {
            Endless::Bytes(length) => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; length])))))
            }
            Endless::Trailers => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Endless::WakeUps => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Endless::Unread => panic!("nobody needs this body"),
            Endless::Token if polled == 0 => Poll::Ready(Some(Ok(Frame::data(Bytes::from(TOKEN))))),
            Endless::Nothing | Endless::Token => Poll::Pending,
        }
    }
}

/// Why a login with this answer brought no token, how often its body was polled, and the timers of
/// at most two seconds that were set for it. These timers end at once, and others never.
fn login(code: u16, body: Endless, lease: Duration) -> (Unavailable, usize, Vec<Duration>) {
    let (polled, spans) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let count = Arc::clone(&polled);
    let inner = service_fn(move |_: Request<waldo_tower::Body<Full<Bytes>>>| {
        let body = Counted(body, Arc::clone(&count));
        async move { Ok::<_, BoxError>(Response::builder().status(code).body(body).unwrap()) }
    });
    let set = Arc::clone(&spans);
    let timer = move |span: Duration| {
        let is_short = span <= Duration::from_secs(2);
        if is_short {
            set.lock().unwrap().push(span);
        }
        async move {
            if !is_short {
                std::future::pending::<()>().await;
            }
        }
    };
    let session =
        SharedSession::new(settings(ORIGIN).lease(lease).failures_per_call(1).build().unwrap());
    let service = WaldoLayer::new(session, timer, |login| drop(tokio::spawn(login))).layer(inner);
    let request = Request::get(ORIGIN).body(Full::default()).unwrap();
    let error = on_a_runtime(status(service, request)).unwrap_err();
    let Error::Refused(Refused { refusal: Refusal::Unavailable { failure, .. }, .. }) = error
    else {
        panic!("{error:?}")
    };
    (failure, polled.load(SeqCst), spans.lock().unwrap().clone())
}

// A 503 whose body never ended: cloudfoundry/cf-java-client#562.
#[test]
fn rule_02_the_body_of_an_unavailable_login_is_not_read() {
    for code in [100, 302, 404, 429, 500, 503] {
        let (failure, polled, spans) = login(code, Endless::Unread, LEASE);
        assert_eq!((failure.reason(), polled), (Reason::Status(code.try_into().unwrap()), 0));
        assert!(spans.is_empty(), "only its head is waited for");
    }
}

#[test]
fn rule_02_the_body_of_a_rejection_may_take_two_seconds() {
    for code in [400, 401, 403] {
        let (failure, _, spans) = login(code, Endless::Nothing, LEASE);
        assert_eq!(failure.reason(), Reason::Status(code.try_into().unwrap()));
        assert_eq!(spans, [Duration::from_secs(2)]);
    }
}

#[test]
fn rule_02_a_success_that_does_not_end_is_a_timeout() {
    // The login timeout is a tenth of the lease shorter, so its timer ends.
    let (failure, _, spans) = login(200, Endless::Token, Duration::from_millis(2200));
    assert_eq!(failure.reason(), Reason::Timeout);
    let text = failure.source().unwrap().to_string();
    assert!(text.starts_with("no answer within 1.9"), "{text}");
    assert!(!spans.is_empty());
}

#[test]
fn rule_02_an_endless_answer_is_read_up_to_its_bound() {
    for code in [200, 401] {
        for (body, most) in [
            (Endless::Bytes(1), 100_000),
            (Endless::Bytes(1 << 20), 1),
            (Endless::Bytes(0), 1000),
            (Endless::Trailers, 1000),
            (Endless::WakeUps, 1000),
        ] {
            let (_, polled, _) = login(code, body, LEASE);
            assert!((1..=most).contains(&polled), "{polled} polls");
        }
    }
}

/// The place where the code around a login panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Panics {
    Spawn,
    Service,
    Response,
    Body,
}

/// A body that panics if it is polled.
fn panicking() -> Counted {
    Counted(Endless::Unread, Arc::default())
}

#[test]
fn rule_13_a_login_that_panics_has_failed_for_all() {
    for place in [Panics::Spawn, Panics::Service, Panics::Response, Panics::Body] {
        let inner = service_fn(move |_: Request<waldo_tower::Body<Full<Bytes>>>| {
            assert_ne!(place, Panics::Service, "on purpose");
            async move {
                assert_ne!(place, Panics::Response, "on purpose");
                Ok::<_, BoxError>(Response::new(panicking()))
            }
        });
        let session = SharedSession::new(settings(ORIGIN).build().unwrap());
        let logins = Arc::new(Mutex::new(Vec::new()));
        let started = Arc::clone(&logins);
        let spawn = move |login: LoginFuture| {
            assert_ne!(place, Panics::Spawn, "on purpose");
            started.lock().unwrap().push(login);
        };
        let mut service =
            WaldoLayer::new(session, |_| std::future::pending::<()>(), spawn).layer(inner);
        let mut call = service.call(Request::get(ORIGIN).body(Full::default()).unwrap());
        let mut context = Context::from_waker(Waker::noop());
        let called =
            catch_unwind(AssertUnwindSafe(|| Pin::new(&mut call).poll(&mut context).is_pending()));
        assert_eq!(called.ok(), (place != Panics::Spawn).then_some(true), "{place:?}");
        if let Some(mut login) = logins.lock().unwrap().pop() {
            let panicked =
                catch_unwind(AssertUnwindSafe(|| Pin::new(&mut login).poll(&mut context)));
            assert!(panicked.is_err(), "{place:?}");
        }
        let explanation = service.layer().session().explain();
        assert!(matches!(explanation, Explanation::BackOff { .. }), "{place:?}: {explanation}");
    }
}
