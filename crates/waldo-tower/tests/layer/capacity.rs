//! Limits below the layer: what waits for a login must not keep the login from happening.

use std::future::{pending, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use waldo_emulator::Hold;
use waldo_emulator::model::Target;
use waldo_tower::http::header::EXPECT;
use waldo_tower::http::{HeaderMap, Request, Response};
use waldo_tower::{Body, Error, Explanation, MaxWait, SharedSession, Timeout, WaldoLayer};

use crate::mock::{Inner, ORIGIN, mock, willing};
use crate::site::{
    TIMEOUT, emulator, get, hyper, layer, on_a_runtime, service, settings, status, until_held,
};

/// Calls that find their token dead need a login while all the capacity is with calls that wait for
/// it.
async fn recovers_within<S, R>(service: impl Fn(&str) -> S)
where
    S: Service<Request<Full<bytes::Bytes>>, Response = Response<R>, Error = Error>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    R: Send + 'static,
{
    let emulator = Arc::new(emulator());
    let service = service(&emulator.origin());
    for round in 1..=3 {
        let mut tasks = JoinSet::new();
        for _ in 0..32 {
            let mut request = get(&emulator, "/customer?field=id");
            // Longer than the test may take, so that no wait ends by itself.
            request.extensions_mut().insert(MaxWait(TIMEOUT * 2));
            tasks.spawn(status(service.clone(), request));
        }
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.unwrap().unwrap(), 200);
        }
        assert_eq!(emulator.stats().server.logins(), round);
        emulator.expire_all();
    }
}

#[test]
fn a_limit_of_one_below_starves_no_login() {
    on_a_runtime(recovers_within(|origin| {
        layer(settings(origin)).layer(ConcurrencyLimit::new(hyper(), 1))
    }));
}

#[test]
fn a_limit_of_two_below_starves_no_login() {
    on_a_runtime(recovers_within(|origin| {
        layer(settings(origin)).layer(ConcurrencyLimit::new(hyper(), 2))
    }));
}

#[test]
fn a_buffer_of_one_below_starves_no_login() {
    on_a_runtime(recovers_within(|origin| layer(settings(origin)).layer(Buffer::new(hyper(), 1))));
}

#[test]
fn limits_above_and_below_starve_no_login() {
    on_a_runtime(recovers_within(|origin| {
        ServiceBuilder::new()
            .concurrency_limit(4)
            .layer(layer(settings(origin)))
            .concurrency_limit(1)
            .service(hyper())
    }));
}

/// The idioms of tower find the request's type by themselves.
#[test]
fn the_idioms_of_tower_need_no_types_named() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let service = service(&emulator);
        let mut plain = service.clone();
        let response =
            plain.ready().await.unwrap().call(get(&emulator, "/customer?field=id")).await.unwrap();
        assert_eq!(response.status(), 200);
        let mapped = service
            .clone()
            .map_response(|response| response.status())
            .map_err(|error| error.to_string());
        assert_eq!(mapped.oneshot(get(&emulator, "/customer?field=id")).await.unwrap(), 200);
        let mut once = service.one_shot();
        let response =
            once.ready().await.unwrap().call(get(&emulator, "/customer?field=id")).await.unwrap();
        assert_eq!(response.status(), 200);
    });
}

/// A service in a buffer is called by tasks that are spawned.
#[test]
fn a_buffer_around_starves_no_login() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let service = ServiceBuilder::new()
            .buffer(4)
            .layer(layer(settings(&emulator.origin())))
            .service(hyper());
        let mut tasks = JoinSet::new();
        for _ in 0..32 {
            let (service, request) = (service.clone(), get(&emulator, "/customer?field=id"));
            tasks.spawn(
                async move { ServiceExt::oneshot(service, request).await.unwrap().status() },
            );
        }
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.unwrap(), 200);
        }
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

/// A follower has given its capacity back: a call of the service below comes through while both
/// wait.
#[test]
fn a_call_that_waits_holds_no_capacity() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let below = ConcurrencyLimit::new(hyper(), 2);
        let service = layer(settings(&emulator.origin())).layer(below.clone());
        emulator.hold(Hold::logins());
        let mut tasks = JoinSet::new();
        for _ in 0..2 {
            tasks.spawn(status(service.clone(), get(&emulator, "/customer?field=id")));
        }
        until_held(&emulator, 1).await;
        // Of the two, one is with the leader.
        let request = get(&emulator, "/customer?field=id");
        let response = ServiceExt::oneshot(below, request.map(Body::from)).await.unwrap();
        assert_eq!(response.status(), 403, "it carries no token");
        emulator.release(Target::Login);
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.unwrap().unwrap(), 200);
        }
    });
}

/// What the service below is given.
type Sent = Body<Full<bytes::Bytes>>;

/// A service that is ready when it is told, or fails.
#[derive(Clone)]
struct Gate(Poll<Result<(), &'static str>>);

impl Service<Request<Sent>> for Gate {
    type Response = Response<Full<bytes::Bytes>>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0
    }

    fn call(&mut self, _: Request<Sent>) -> Self::Future {
        panic!("it was not ready")
    }
}

fn readiness<S>(mut service: S) -> Poll<Result<(), String>>
where
    S: Service<Request<Full<bytes::Bytes>>, Error = Error>,
{
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    ready.map_err(|error| error.to_string())
}

#[test]
fn readiness_is_that_of_the_service_below() {
    let failed = "the service below is not ready: no more connections".to_owned();
    for (below, above) in [
        (Poll::Pending, Poll::Pending),
        (Poll::Ready(Ok(())), Poll::Ready(Ok(()))),
        (Poll::Ready(Err("no more connections")), Poll::Ready(Err(failed))),
    ] {
        let service = layer(settings(ORIGIN)).layer(Gate(below));
        assert_eq!(readiness(service.clone()), above);
        assert_eq!(readiness(service.one_shot()), above);
    }
}

/// A call that is refused because it may not wait, while another one logs in.
async fn refused_while_another_logs_in(max_wait: Duration, own: Option<MaxWait>) {
    let emulator = Arc::new(emulator());
    let layer = layer(settings(&emulator.origin())).max_wait(max_wait);
    emulator.hold(Hold::logins());
    let patient = layer.clone().max_wait(None).layer(hyper());
    let leader = tokio::spawn(status(patient, get(&emulator, "/customer?field=id")));
    until_held(&emulator, 1).await;
    let mut hurried = get(&emulator, "/customer?field=id");
    own.map(|own| hurried.extensions_mut().insert(own));
    let error = status(layer.layer(hyper()), hurried).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    emulator.release(Target::Login);
    assert_eq!(leader.await.unwrap().unwrap(), 200);
}

#[test]
fn a_wait_is_bounded_by_what_the_layer_says() {
    on_a_runtime(refused_while_another_logs_in(Duration::from_millis(20), None));
}

#[test]
fn request_max_wait_overrides_layer_max_wait() {
    on_a_runtime(refused_while_another_logs_in(
        TIMEOUT * 2,
        Some(MaxWait(Duration::from_millis(20))),
    ));
}

#[test]
fn rule_14_a_wait_is_bounded_from_its_call_on() {
    type Change = fn(WaldoLayer) -> WaldoLayer;
    // Longer than any call here waits for it.
    const LEASE: Duration = Duration::from_secs(600);
    let own = MaxWait(Duration::from_secs(7));
    let of_layer: Change = |layer| layer.max_wait(Duration::from_secs(8));
    let timeout: Change = |layer| layer.max_wait(None).timeout(Duration::from_secs(9));
    let cases: [(Change, Option<MaxWait>, Option<Timeout>, u64); 9] = [
        (|layer| layer, None, None, 60),
        (of_layer, None, None, 8),
        (of_layer, Some(own), None, 7),
        (|layer| layer.max_wait(None), None, None, 60),
        (|layer| layer.timeout(None), None, None, 60),
        (timeout, None, None, 9),
        (timeout, None, Some(Timeout(Duration::from_secs(6))), 6),
        (timeout, None, Some(Timeout(Duration::MAX)), LEASE.as_secs()),
        (|layer| layer.max_wait(None).timeout(None), None, None, LEASE.as_secs()),
    ];
    for (change, own, whole, bound) in cases {
        let (spans, logins) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (set, started) = (Arc::clone(&spans), Arc::clone(&logins));
        let timer = move |span| {
            set.lock().unwrap().push(span);
            pending::<()>()
        };
        let session = SharedSession::new(settings(ORIGIN).lease(LEASE).build().unwrap());
        let layer = WaldoLayer::new(session.clone(), timer, move |login| {
            started.lock().unwrap().push(login);
        });
        let mut service = change(layer).layer(willing().0);
        let mut request = customer();
        own.map(|own| request.extensions_mut().insert(own));
        whole.map(|whole| request.extensions_mut().insert(whole));
        // The session is older than its first call.
        while session.now().since_start() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        let before = session.now();
        let mut call = service.call(request);
        assert!(Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let passed = session.now().saturating_duration_since(before);
        let (longest, spans) = (Duration::from_secs(bound), spans.lock().unwrap());
        let [span] = spans[..] else { panic!("one timer for one wait: {spans:?}") };
        assert!(
            (longest.saturating_sub(passed)..=longest).contains(&span),
            "{span:?} of {longest:?}"
        );
    }
}

#[test]
fn the_limits_of_a_call_are_not_handed_on() {
    let (inner, seen) = willing();
    let inner =
        BoxCloneSyncService::new(ServiceExt::map_request(inner, |request: Request<Sent>| {
            assert!(request.extensions().get::<MaxWait>().is_none());
            assert!(request.extensions().get::<Timeout>().is_none());
            request
        }));
    let service = layer(settings(ORIGIN)).layer(inner);
    let mut request = Request::get(ORIGIN).body(Full::default()).unwrap();
    request.extensions_mut().insert(MaxWait(TIMEOUT));
    request.extensions_mut().insert(Timeout(TIMEOUT));
    assert_eq!(on_a_runtime(status(service, request)).unwrap(), 200);
    assert_eq!(seen.calls().len(), 1);
}

/// A service that can be busy, and that knows how many clones of it there are.
#[derive(Clone)]
struct Counted {
    inner: Inner,
    is_busy: Arc<AtomicBool>,
    clones: Arc<()>,
    /// How many there were while each response was awaited.
    counts: Arc<Mutex<Vec<usize>>>,
}

impl Counted {
    fn over(inner: Inner, is_busy: &Arc<AtomicBool>) -> Self {
        Self { inner, is_busy: Arc::clone(is_busy), clones: Arc::default(), counts: Arc::default() }
    }
}

impl Service<Request<Sent>> for Counted {
    type Response = Response<Full<bytes::Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.is_busy.load(SeqCst) { Poll::Pending } else { self.inner.poll_ready(context) }
    }

    fn call(&mut self, request: Request<Sent>) -> Self::Future {
        let (sent, clones) = (self.inner.call(request), Arc::downgrade(&self.clones));
        let counts = Arc::clone(&self.counts);
        Box::pin(async move {
            counts.lock().unwrap().push(clones.strong_count());
            sent.await
        })
    }
}

fn customer() -> Request<Full<bytes::Bytes>> {
    Request::get(ORIGIN).body(Full::default()).unwrap()
}

#[test]
fn a_call_is_admitted_when_the_service_is_ready() {
    let is_busy = Arc::new(AtomicBool::new(false));
    let refused = Arc::clone(&is_busy);
    let (inner, _) = mock(
        |_| ready(()),
        move |number| {
            refused.store(number == 2, SeqCst);
            (if number == 2 { 401 } else { 200 }, HeaderMap::new())
        },
    );
    let mut service = layer(settings(ORIGIN)).layer(Counted::over(inner, &is_busy));
    assert_eq!(on_a_runtime(service.call(customer())).unwrap().status(), 200);
    let mut call = service.call(customer());
    let polled =
        on_a_runtime(async { Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())) });
    assert!(polled.is_pending());
    // A call that had been admitted already would keep everybody from logging in.
    let explanation = service.layer().session().explain();
    assert!(matches!(explanation, Explanation::Authenticate { .. }), "{explanation}");
    is_busy.store(false, SeqCst);
    assert_eq!(on_a_runtime(call).unwrap().status(), 200);
}

#[test]
fn call_is_sent_by_the_ready_service() {
    let is_busy = Arc::new(AtomicBool::new(false));
    let mut service = layer(settings(ORIGIN)).layer(Counted::over(willing().0, &is_busy));
    assert_eq!(on_a_runtime(service.call(customer())).unwrap().status(), 200);
    let mut once = service.clone().one_shot();
    // Each service was ready before, so its call needs no other one.
    is_busy.store(true, SeqCst);
    let stream = Request::post(ORIGIN).body(Full::from("streamed")).unwrap();
    for mut call in [service.call(customer()), once.call(stream)] {
        let polled = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(_))), "{polled:?}");
    }
}

#[test]
fn no_capacity_is_kept_while_an_answer_is_awaited() {
    let uploads = Arc::new(AtomicUsize::new(0));
    let inner = service_fn(move |request: Request<Sent>| {
        let is_upload = request.uri().path() == "/document";
        let number = if is_upload { uploads.fetch_add(1, SeqCst) + 1 } else { 0 };
        async move {
            // The first upload breaks off. Its probe is answered with 404, so the next upload asks.
            assert_eq!(request.headers().contains_key(EXPECT), number == 2 || number == 3);
            let status = match number {
                1 => {
                    drop(request.into_body().frame().await);
                    return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
                }
                2 => 404,
                3 => 417,
                _ => 200,
            };
            let token = Full::<bytes::Bytes>::from(r#"{"token":"e30.e30.sig"}"#);
            Ok::<_, BoxError>(Response::builder().status(status).body(token).unwrap())
        }
    });
    let inner = BoxCloneSyncService::new(inner);
    let mut service = layer(settings(ORIGIN)).layer(Counted::over(inner, &Arc::default()));
    let document =
        || Request::post(format!("{ORIGIN}/document")).body(Full::from(vec![7; 100_000])).unwrap();
    for (request, status) in [(customer(), 200), (document(), 404), (document(), 200)] {
        assert_eq!(on_a_runtime(service.call(request)).unwrap().status(), status);
    }
    // The login, the first call, the upload and its probe, the question and the upload after it.
    // Two clones are left: the caller's own, and one for a resend. The clone that has sent is
    // dropped.
    assert_eq!(*service.get_ref().counts.lock().unwrap(), [2; 6]);
}
