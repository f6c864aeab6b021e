//! Bodies that can be sent again, and bodies that cannot.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use waldo_tower::Body;
use waldo_tower::http::header::AUTHORIZATION;
use waldo_tower::http::{HeaderMap, Request, Response};

use crate::mock::{ORIGIN, mock};
use crate::site::{layer, on_a_runtime, settings};

fn post<B>(body: B) -> Request<B> {
    Request::post(format!("{ORIGIN}/document")).body(body).unwrap()
}

/// A service that refuses the calls of these numbers.
fn refusing(calls: &'static [usize]) -> (crate::mock::Inner, Arc<crate::mock::Seen>) {
    mock(
        |_| std::future::ready(()),
        move |number| (if calls.contains(&number) { 401 } else { 200 }, HeaderMap::new()),
    )
}

#[test]
fn rule_17_cloneable_body_is_resent_unchanged() {
    on_a_runtime(async {
        let (inner, seen) = refusing(&[2]);
        let service = layer(settings(ORIGIN)).layer(inner);
        for body in ["the first", "the second"] {
            let response = service.clone().oneshot(post(Full::from(body))).await.unwrap();
            assert_eq!(response.status(), 200);
        }
        let sent = |login: usize, body: &'static str| {
            (format!("Bearer e30.e30.{login:04}"), Bytes::from(body))
        };
        assert_eq!(
            seen.calls(),
            [sent(1, "the first"), sent(1, "the second"), sent(2, "the second")]
        );
    });
}

#[test]
fn rule_17_one_shot_401_is_delivered_and_token_dropped() {
    on_a_runtime(async {
        let (inner, seen) = refusing(&[2]);
        let service = layer(settings(ORIGIN)).layer(inner);
        for (body, status) in [("the first", 200), ("the second", 401), ("the third", 200)] {
            let response =
                service.clone().one_shot().oneshot(post(Full::from(body))).await.unwrap();
            assert_eq!(response.status(), status, "{body}");
        }
        let sent = |login: usize, body: &'static str| {
            (format!("Bearer e30.e30.{login:04}"), Bytes::from(body))
        };
        assert_eq!(
            seen.calls(),
            [sent(1, "the first"), sent(1, "the second"), sent(2, "the third")]
        );
    });
}

#[test]
fn rule_17_empty_one_shot_is_resent() {
    on_a_runtime(async {
        let (inner, seen) = refusing(&[2]);
        let service = layer(settings(ORIGIN)).layer(inner);
        for _ in 0..2 {
            let response = service.clone().one_shot().oneshot(post(Full::default())).await.unwrap();
            assert_eq!(response.status(), 200);
        }
        let sent = |login: usize| (format!("Bearer e30.e30.{login:04}"), Bytes::new());
        assert_eq!(seen.calls(), [sent(1), sent(1), sent(2)]);
    });
}

#[test]
fn rule_08_a_call_is_sent_at_most_three_times() {
    on_a_runtime(async {
        let (inner, seen) = mock(|_| std::future::ready(()), |_| (401, HeaderMap::new()));
        let service = layer(settings(ORIGIN)).layer(inner);
        let response = service.oneshot(post(Full::from("body"))).await.unwrap();
        assert_eq!(response.status(), 401, "the last one is the caller's");
        assert!(seen.calls().len() <= 3, "{:?}", seen.calls());
    });
}

/// A body whose type is not `Clone` and cannot be made from bytes.
struct Foreign(Full<Bytes>);

impl http_body::Body for Foreign {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }
}

#[test]
fn one_shot_sends_a_body_of_any_type() {
    on_a_runtime(async {
        let (inner, seen) = refusing(&[]);
        // The mock takes bodies of one frame only, and this body has one frame.
        let inner = inner
            .map_request(|request: Request<Body<Foreign>>| request.map(|body| whole(body).into()));
        let service = layer(settings(ORIGIN)).one_shot().layer(inner);
        let response = service.oneshot(post(Foreign(Full::from("streamed")))).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(seen.calls(), [("Bearer e30.e30.0001".to_owned(), Bytes::from("streamed"))]);
    });
}

/// The bytes of a body that is there as a whole.
fn whole(mut body: Body<Foreign>) -> Full<Bytes> {
    let mut bytes = Vec::new();
    let mut context = Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(Some(frame)) =
        http_body::Body::poll_frame(Pin::new(&mut body), &mut context)
    {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    Full::from(bytes)
}

#[test]
fn rule_20_delivered_renewed_token_is_marked_sensitive() {
    on_a_runtime(async {
        let (inner, seen) = mock(
            |_| std::future::ready(()),
            |number| {
                let renewal = format!("Bearer e30.e30.renewed{number}").parse().unwrap();
                (200, HeaderMap::from_iter([(AUTHORIZATION, renewal)]))
            },
        );
        let service = layer(settings(ORIGIN)).layer(inner);
        for _ in 0..2 {
            let response: Response<_> =
                service.clone().oneshot(post(Full::default())).await.unwrap();
            assert!(response.headers()[AUTHORIZATION].is_sensitive());
        }
        let tokens: Vec<_> = seen.calls().into_iter().map(|(token, _)| token).collect();
        assert_eq!(tokens, ["Bearer e30.e30.0001", "Bearer e30.e30.renewed1"]);
    });
}

#[test]
fn rule_01_bodies_say_how_long_they_are() {
    on_a_runtime(async {
        let lengths = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lengths);
        let inner = service_fn(move |request: Request<Body<Full<Bytes>>>| {
            seen.lock()
                .unwrap()
                .push((request.body().size_hint().exact(), request.body().is_end_stream()));
            std::future::ready(Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(
                r#"{"token":"e30.e30.sig"}"#,
            ))))
        });
        let service = layer(settings(ORIGIN)).layer(inner);
        for body in ["", "four"] {
            service.clone().oneshot(post(Full::from(body))).await.unwrap();
            service.clone().one_shot().oneshot(post(Full::from(body))).await.unwrap();
        }
        let [(Some(login), false), calls @ ..] = &lengths.lock().unwrap()[..] else {
            panic!("no login")
        };
        assert!(*login > 20, "{login}");
        assert_eq!(calls, [(Some(0), true), (Some(0), true), (Some(4), false), (Some(4), false)]);
    });
}
