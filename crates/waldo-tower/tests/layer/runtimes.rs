//! A runtime of the standard library alone: nothing of the layer asks for another.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bytes::Bytes;
use http_body_util::Full;
use tower::{BoxError, Layer, service_fn};
use waldo_tower::http::{Request, Response};
use waldo_tower::{Body, LoginFuture, SharedSession, WaldoLayer};

use crate::mock::{ORIGIN, willing};
use crate::site::{settings, status};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// A task that is a thread.
fn spawn(login: LoginFuture) {
    thread::spawn(|| block_on(login));
}

fn request() -> Request<Full<Bytes>> {
    Request::get(format!("{ORIGIN}/customer")).body(Full::default()).unwrap()
}

#[test]
fn calls_are_made_without_any_runtime() {
    let (inner, seen) = willing();
    let session = SharedSession::new(settings(ORIGIN).build().unwrap());
    // No wait ends by its time.
    let layer = WaldoLayer::new(session, |_| std::future::pending::<()>(), spawn);
    let service = layer.layer(inner);
    for _ in 0..2 {
        assert_eq!(block_on(status(service.clone(), request())).unwrap(), 200);
    }
    assert_eq!((seen.logins(), seen.calls().len()), (1, 2));
}

#[test]
fn rule_13_unanswered_login_ends_by_given_timer() {
    let inner = service_fn(|_: Request<Body<Full<Bytes>>>| {
        std::future::pending::<Result<Response<Full<Bytes>>, BoxError>>()
    });
    let settings = settings(ORIGIN).failures_per_call(1);
    // Each wait is over at once, so the login's time ends long before its lease.
    let layer =
        WaldoLayer::new(SharedSession::new(settings.build().unwrap()), |_| ready(()), spawn);
    let error = block_on(status(layer.layer(inner), request())).unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
    assert!(
        std::error::Error::source(&error).unwrap().to_string().starts_with("no answer within"),
        "{error:?}"
    );
}
