//! A login's answer is read as far as it is needed, and no further.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{BoxError, Layer, service_fn};
use waldo_tower::http::{HeaderMap, Request, Response};
use waldo_tower::{Error, Reason, Refusal, Refused, SharedSession, WaldoLayer};

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
}

/// A body without end, which counts how often it is polled.
struct Counted(Endless, Arc<AtomicUsize>);

impl Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.1.fetch_add(1, SeqCst);
        match self.0 {
            Endless::Bytes(length) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; length]))))),
            Endless::Trailers => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Endless::WakeUps => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Endless::Unread => panic!("nobody needs this body"),
            Endless::Nothing => Poll::Pending,
        }
    }
}

/// The reason why a login with this answer brought no token, how often its body was polled, and the
/// timers of at most two seconds that were set for it. These timers end at once, and others never.
fn login(code: u16, body: Endless) -> (Reason, usize, Vec<Duration>) {
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
    let session = SharedSession::new(settings(ORIGIN).failures_per_call(1).build().unwrap());
    let service = WaldoLayer::new(session, timer, |login| drop(tokio::spawn(login))).layer(inner);
    let request = Request::get(ORIGIN).body(Full::default()).unwrap();
    let error = on_a_runtime(status(service, request)).unwrap_err();
    let Error::Refused(Refused { refusal: Refusal::Unavailable { failure, .. }, .. }) = error else {
        panic!("{error:?}")
    };
    (failure.reason(), polled.load(SeqCst), spans.lock().unwrap().clone())
}

// A 503 whose body never ended: cloudfoundry/cf-java-client#562.
#[test]
fn rule_02_the_body_of_an_unavailable_login_is_not_read() {
    for code in [100, 302, 404, 429, 500, 503] {
        let (reason, polled, spans) = login(code, Endless::Unread);
        assert_eq!((reason, polled), (Reason::Status(code.try_into().unwrap()), 0));
        assert!(spans.is_empty(), "only its head is waited for");
    }
}

#[test]
fn rule_02_the_body_of_a_rejection_may_take_two_seconds() {
    for code in [400, 401, 403] {
        let (reason, _, spans) = login(code, Endless::Nothing);
        assert_eq!(reason, Reason::Status(code.try_into().unwrap()));
        assert_eq!(spans, [Duration::from_secs(2)]);
    }
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
            let (_, polled, _) = login(code, body);
            assert!((1..=most).contains(&polled), "{polled} polls");
        }
    }
}
