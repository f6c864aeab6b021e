//! What a caller is told when there is no response.

use std::error::Error as _;
use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use waldo_emulator::model::{Answer, Fault, Server};
use waldo_tower::http::{HeaderName, HeaderValue, Request, Response, Uri};
use waldo_tower::{Credentials, Error, Reason, Refusal, Refused, config, error_for_status};

use crate::mock::{ORIGIN, willing};
use crate::site::{emulator, get, hyper, layer, on_a_runtime, service, settings, status};

/// What the service below is given.
type Sent = waldo_tower::Body<Full<Bytes>>;

fn to(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

#[test]
fn only_a_refusal_says_when_to_try_again() {
    let service = layer(settings(ORIGIN)).layer(willing().0);
    let error = on_a_runtime(status(service, to("https://evil.example/"))).unwrap_err();
    assert_eq!(error.retry_in(), None);
    assert!(error.never_sent());
    let inner = service_fn(|_: Request<Sent>| async {
        Ok::<_, BoxError>(
            Response::builder()
                .status(401)
                .body(Full::<Bytes>::from(r#"{"code":"INVALID_API_KEY"}"#))
                .unwrap(),
        )
    });
    let error = on_a_runtime(status(layer(settings(ORIGIN)).layer(inner), to(ORIGIN))).unwrap_err();
    assert!(error.retry_in().is_some_and(|wait| wait > Duration::from_secs(50)), "{error}");
    assert!(error.never_sent() && !error.is_timeout());
}

#[test]
fn rule_03_request_to_foreign_origin_is_not_sent() {
    let (inner, seen) = willing();
    let service = layer(settings(ORIGIN)).layer(inner);
    for uri in
        ["https://evil.example/", "http://api.waldo.ai/", "https://api.waldo.ai:8443/", "/customer"]
    {
        let error = on_a_runtime(status(service.clone(), to(uri))).unwrap_err();
        assert!(matches!(error, Error::ForeignOrigin(_)), "{uri}: {error:?}");
        assert!(error.to_string().contains(ORIGIN), "{error}");
    }
    assert_eq!((seen.logins(), seen.calls().len()), (0, 0));
}

#[test]
fn rule_03_a_request_goes_to_exactly_the_origin() {
    let inner = service_fn(|request: Request<Sent>| async move {
        let uri = request.uri().to_string();
        assert!(uri == format!("{ORIGIN}/authenticate") || uri == format!("{ORIGIN}/x?y"), "{uri}");
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#)))
    });
    let service = layer(settings(ORIGIN)).layer(inner);
    for uri in [
        "https://api.waldo.ai/x?y",
        "HTTPS://api.waldo.ai/x?y",
        "hTTpS://API.Waldo.AI:443/x?y",
        "https://api.waldo.ai:0443/x?y",
        "https://api.waldo.ai:/x?y",
        "https://me@api.waldo.ai/x?y",
        "https://me:own@api.waldo.ai:443/x?y",
    ] {
        assert_eq!(on_a_runtime(status(service.clone(), to(uri))).unwrap(), 200, "{uri}");
    }
}

/// HTTP clients do not recognise a scheme that was built in capitals, and send the request in
/// clear.
#[test]
fn rule_03_request_with_capitalised_scheme_is_not_sent() {
    let (inner, seen) = willing();
    let service = layer(settings(ORIGIN)).layer(inner);
    for scheme in ["HTTPS", "Https", "hTTPS", "HTTP", "Http", "ws", "wss", "https+unix"] {
        let uri = Uri::builder()
            .scheme(scheme)
            .authority("api.waldo.ai")
            .path_and_query("/x")
            .build()
            .unwrap();
        let request = Request::get(uri).body(Full::default()).unwrap();
        match on_a_runtime(status(service.clone(), request)) {
            Err(Error::ForeignOrigin(_)) => {}
            other => panic!("{scheme}: {other:?}"),
        }
    }
    assert_eq!((seen.logins(), seen.calls().len()), (0, 0));
}

#[test]
fn a_header_map_without_room_is_an_error() {
    let (inner, seen) = willing();
    let service = layer(settings(ORIGIN)).layer(inner);
    let mut request = to(ORIGIN);
    while let Ok(name) = format!("x-{}", request.headers().len()).parse::<HeaderName>() {
        if request.headers_mut().try_insert(name, HeaderValue::from_static("")).is_err() {
            break;
        }
    }
    for _ in 0..3 {
        // The service below adds headers of its own.
        let number = request.headers().len() - 1;
        request.headers_mut().remove(format!("x-{number}"));
        let error = on_a_runtime(status(service.clone(), request.clone())).unwrap_err();
        assert!(matches!(error, Error::TooManyHeaders) && error.never_sent(), "{error:?}");
        assert!(error.to_string().contains("so many headers that none can be added"), "{error}");
    }
    assert_eq!(seen.calls().len(), 0);
}

#[test]
fn transport_failure_is_returned_without_retry() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&sent);
    let inner = service_fn(move |request: Request<Sent>| {
        let login = request.uri().path() == "/authenticate";
        if !login {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        async move {
            if login {
                Ok(Response::new(Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#)))
            } else {
                Err::<_, BoxError>("connection reset".into())
            }
        }
    });
    let error = on_a_runtime(status(layer(settings(ORIGIN)).layer(inner), to(ORIGIN))).unwrap_err();
    assert_eq!(error.to_string(), "the request failed: connection reset");
    assert_eq!(sent.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// The error of a call whose request fails with this error.
fn failed_with(error: impl Into<BoxError> + Clone + Send + Sync + 'static) -> Error {
    let inner = service_fn(move |request: Request<Sent>| {
        let is_login = request.uri().path() == "/authenticate";
        let error = error.clone();
        async move {
            if is_login {
                return Ok(Response::new(Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#)));
            }
            Err::<_, BoxError>(error.into())
        }
    });
    on_a_runtime(status(layer(settings(ORIGIN)).layer(inner), to(ORIGIN))).unwrap_err()
}

/// An [`io::Error`] of this kind, in an error of the kind that clients have.
#[derive(Clone, Debug)]
struct Caused(ErrorKind, bool);

impl From<Caused> for BoxError {
    fn from(Caused(kind, is_deep): Caused) -> Self {
        let error = io::Error::from(kind);
        if is_deep { Layered(io::Error::other(error).into()).into() } else { error.into() }
    }
}

#[test]
fn an_error_says_whether_its_call_was_sent() {
    for is_deep in [false, true] {
        let error = failed_with(Caused(ErrorKind::ConnectionRefused, is_deep));
        assert!(error.is_connect() && error.never_sent() && !error.is_timeout(), "{error}");
        let error = failed_with(Caused(ErrorKind::TimedOut, is_deep));
        assert!(!error.is_connect() && !error.never_sent() && error.is_timeout(), "{error}");
        let error = failed_with(Caused(ErrorKind::ConnectionReset, is_deep));
        assert!(!error.is_connect() && !error.never_sent() && !error.is_timeout(), "{error}");
    }
    let broke_off = Error::BrokeOff(Caused(ErrorKind::ConnectionRefused, false).into());
    assert!(!broke_off.never_sent() && !broke_off.is_connect());
    let not_ready = Error::NotReady("no more connections".into());
    assert!(not_ready.never_sent() && !not_ready.is_connect() && !not_ready.is_timeout());
}

#[test]
fn a_server_that_is_not_there_refuses_the_connection() {
    on_a_runtime(async {
        let emulator = emulator();
        let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let elsewhere =
            ServiceExt::<Request<Sent>>::map_request(hyper(), move |mut request: Request<Sent>| {
                if request.uri().path() != "/authenticate" {
                    *request.uri_mut() = format!("http://{nobody}/").parse().unwrap();
                }
                request
            });
        let service = layer(settings(&emulator.origin())).layer(elsewhere);
        let error = status(service, get(&emulator, "/customer?field=id")).await.unwrap_err();
        assert!(matches!(error, Error::Inner(_)), "{error}");
        assert!(error.is_connect() && error.never_sent(), "{error}");
        assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
    });
}

/// A body that fails because its own source refuses a connection.
struct PassedOn;

impl Body for PassedOn {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(ErrorKind::ConnectionRefused.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(10)
    }
}

#[test]
fn connect_error_of_body_is_not_the_calls() {
    on_a_runtime(async {
        let emulator = emulator();
        let hyper =
            Client::builder(TokioExecutor::new()).build_http::<waldo_tower::Body<PassedOn>>();
        let service = layer(settings(&emulator.origin())).one_shot().layer(hyper);
        let request = Request::post(format!("{}/document", emulator.origin()));
        let error = service.oneshot(request.body(PassedOn).unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::Inner(_)), "{error}");
        assert!(!error.is_connect() && !error.never_sent(), "{error}");
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let own = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).count();
        assert_eq!(own, 1, "the error of the body is still a cause");
    });
}

#[test]
fn error_for_status_has_code_of_body() {
    on_a_runtime(async {
        let emulator = emulator();
        let service = service(&emulator);
        let found = service.clone().oneshot(get(&emulator, "/customer?field=id")).await.unwrap();
        assert_eq!(error_for_status(found).await.unwrap().status(), 200);
        let missing = service.clone().oneshot(get(&emulator, "/history/kyc/unknown"));
        let error = error_for_status(missing.await.unwrap()).await.unwrap_err();
        assert_eq!(error.status(), Some(404.try_into().unwrap()));
        assert_eq!(error.code(), Some("NOT_FOUND"));
        assert_eq!(error.to_string(), "the server answered 404 NOT_FOUND");
        assert!(!error.never_sent() && !error.is_timeout() && !error.is_connect());
        assert_eq!(error.retry_in(), None);
        emulator.revoke_key(Server::KEY_ID);
        let revoked = service.clone().oneshot(get(&emulator, "/customer?field=id"));
        let error = error_for_status(revoked.await.unwrap()).await.unwrap_err();
        assert_eq!(error.code(), Some("API_KEY_REVOKED"));
        assert!(service.layer().session().invalidate(error.generation()));
    });
    let busy = Response::builder().status(503).header("retry-after", "7");
    let busy = busy.body(Broken(Some(r#"{"code":"BUSY","message":"#))).unwrap();
    let error = on_a_runtime(error_for_status(busy)).unwrap_err();
    assert_eq!((error.code(), error.retry_in()), (Some("BUSY"), Some(Duration::from_secs(7))));
}

/// A body that breaks off behind its first bytes.
#[derive(Debug)]
struct Broken(Option<&'static str>);

impl Body for Broken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let bytes = self.0.take().map(|text| Frame::data(Bytes::from(text)));
        Poll::Ready(Some(bytes.ok_or_else(|| "connection reset".into())))
    }
}

/// What becomes of a call whose login is answered with this status, and a body that breaks off
/// behind this text.
fn broken_login(status_of_login: u16, text: &'static str) -> Refusal {
    let inner = service_fn(move |_: Request<Sent>| async move {
        Ok::<_, BoxError>(
            Response::builder().status(status_of_login).body(Broken(Some(text))).unwrap(),
        )
    });
    let settings = settings(ORIGIN).failures_per_call(1);
    match on_a_runtime(status(layer(settings).layer(inner), to(ORIGIN))) {
        Err(Error::Refused(Refused { refusal, .. })) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn rule_02_truncated_login_answer_counts_unless_2xx() {
    let rejected = broken_login(401, r#"{"code":"INVALID_API_KEY"}"#);
    assert!(matches!(rejected, Refusal::Rejected { .. }), "{rejected:?}");
    let Refusal::Unavailable { failure, .. } = broken_login(503, "<html>") else {
        panic!("it is down")
    };
    assert_eq!(failure.reason(), Reason::Status(503.try_into().unwrap()));
    let token = broken_login(200, r#"{"token":"e30.e30.sig"}"#);
    let Refusal::Unavailable { failure, .. } = token else { panic!("half an answer is none") };
    assert_eq!(failure.reason(), Reason::Transport);
}

#[test]
fn rule_14_unsendable_login_is_refusal_with_cause() {
    let inner = service_fn(|_: Request<Sent>| async {
        Err::<Response<Full<Bytes>>, BoxError>("no route to host".into())
    });
    let service = layer(settings(ORIGIN).failures_per_call(1)).layer(inner);
    let error = on_a_runtime(status(service, to(ORIGIN))).unwrap_err();
    let Error::Refused(Refused { refusal: Refusal::Unavailable { .. }, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(error.source().unwrap().to_string(), "no route to host");
    assert!(error.to_string().starts_with("https://api.waldo.ai: login unavailable: "), "{error}");
}

/// A body that never comes.
struct Stalls;

impl Body for Stalls {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

#[test]
fn rule_02_failed_login_status_counts_without_body_end() {
    let inner = service_fn(|_: Request<Sent>| async {
        Ok::<_, BoxError>(
            Response::builder().status(429).header("retry-after", "600").body(Stalls).unwrap(),
        )
    });
    let settings = settings(ORIGIN).lease(Duration::from_millis(100)).failures_per_call(1);
    let error = on_a_runtime(status(layer(settings).layer(inner), to(ORIGIN))).unwrap_err();
    let Error::Refused(Refused { refusal: Refusal::Unavailable { failure, .. }, retry_in, .. }) =
        &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(failure.reason(), Reason::Status(429.try_into().unwrap()));
    assert!(*retry_in > Duration::from_secs(500), "{retry_in:?}");
}

#[test]
fn rule_15_rejected_key_pair_refuses_every_call() {
    on_a_runtime(async {
        let emulator = emulator();
        let service = service(&emulator);
        emulator.revoke_key(Server::KEY_ID);
        for _ in 0..3 {
            let error =
                status(service.clone(), get(&emulator, "/customer?field=id")).await.unwrap_err();
            let Error::Refused(Refused { refusal: Refusal::Rejected { .. }, retry_in, .. }) =
                &error
            else {
                panic!("{error:?}")
            };
            assert!(!retry_in.is_zero());
        }
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn an_error_of_the_service_below_keeps_its_causes() {
    let inner = service_fn(|request: Request<Sent>| async move {
        if request.uri().path() == "/authenticate" {
            return Ok(Response::new(Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#)));
        }
        let cause: BoxError = "the cable is cut".into();
        Err::<_, BoxError>(io::Error::other(Layered(cause)).into())
    });
    let error = on_a_runtime(status(layer(settings(ORIGIN)).layer(inner), to(ORIGIN))).unwrap_err();
    assert_eq!(error.to_string(), "the request failed: layered: the cable is cut");
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(error.source().unwrap().to_string(), "the cable is cut");
}

/// An error with a cause.
#[derive(Debug)]
struct Layered(BoxError);

impl std::fmt::Display for Layered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("layered")
    }
}

impl std::error::Error for Layered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn a_status_is_a_response() {
    on_a_runtime(async {
        let emulator = emulator();
        for code in [302, 404, 500] {
            emulator.push_fault(Fault::call(Answer::status(code)).times(1));
            let answered =
                status(service(&emulator), get(&emulator, "/customer?field=id")).await.unwrap();
            assert_eq!(answered, code);
        }
    });
}

#[test]
fn rule_20_no_secret_shows_in_what_can_be_formatted() {
    let (key, secret) = ("wk.canary-key", "ws.canary-secret");
    let settings = config(Credentials::new(key, secret).unwrap()).failures_per_call(1);
    let inner = service_fn(|_: Request<Sent>| async {
        Err::<Response<Full<Bytes>>, BoxError>("no route to host".into())
    });
    let layer = layer(settings);
    let service = layer.layer(inner);
    let error = on_a_runtime(status(service.clone(), to(ORIGIN))).unwrap_err();
    let shown: [&dyn Debug; 4] = [&layer, &service, &error, &layer.layer(hyper())];
    for shown in shown {
        let text = format!("{shown:?} {shown:#?} {error}");
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(format!("{service:?}").starts_with("Waldo {"), "{service:?}");
    let once = service.clone().one_shot();
    assert!(format!("{once:?}").starts_with("OneShot"), "{once:?}");
    assert!(format!("{layer:?}").contains("Sleep"), "{layer:?}");
    let call = Service::<Request<Full<Bytes>>>::call(&mut service.clone(), to(ORIGIN));
    assert_eq!(format!("{call:?}"), "ResponseFuture");
}
