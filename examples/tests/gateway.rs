//! The gateway among the examples forwards only the parts of a message that are meant for the
//! caller and the API.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use waldo_auth_client::Credentials;
use waldo_auth_client::SharedSession;
use waldo_emulator::model::Server;

#[path = "../gateway.rs"]
#[expect(dead_code, reason = "the test does not run the example's program")]
mod over_axum;

/// The model of the API behind a server that remembers its requests. The server adds headers about
/// its connection to each response.
#[derive(Default)]
struct Api {
    server: Server,
    sent: Vec<(HeaderMap, Vec<u8>)>,
}

async fn answer(State(api): State<Arc<Mutex<Api>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let mut api = api.lock().unwrap();
    api.sent.push((head.headers.clone(), body.clone()));
    let reply = api.server.handle(&Request::from_parts(head, body), SystemTime::now());
    let mut response = reply.response().unwrap();
    for (name, value) in [
        ("connection", "X-Theirs"),
        ("x-theirs", "1"),
        ("keep-alive", "timeout=1"),
        ("x-end", "to end"),
    ] {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response.map(Body::from).into_response()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    at
}

#[tokio::test]
async fn gateway_strips_hop_by_hop_and_credential_headers() {
    let api = Arc::new(Mutex::new(Api::default()));
    let upstream = serve(Router::new().fallback(answer).with_state(Arc::clone(&api))).await;
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap();
    let config = waldo_auth_client::config(credentials)
        .origin(format!("http://{upstream}"))
        .build()
        .unwrap();
    let gateway = serve(over_axum::gateway(SharedSession::new(config))).await;

    let stream = Body::new(http_body_util::Full::from(r#"{"customerId": "7"}"#));
    let request = Request::post(format!("http://{gateway}/flag?a=b"))
        .header("connection", "x-mine , X-Also-Mine")
        .header("x-mine", "1")
        .header("x-also-mine", "1")
        .header("te", "trailers")
        .header("proxy-authorization", "Basic bWU6bXk=")
        .header("authorization", "Basic bWU6bXk=")
        .header("content-type", "application/json")
        .body(stream)
        .unwrap();
    let response =
        Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-end"], "to end");
    for name in ["x-theirs", "keep-alive", "authorization", "connection"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    let api = api.lock().unwrap();
    let [_login, (headers, body)] = &api.sent[..] else { panic!("{} requests", api.sent.len()) };
    for name in ["x-mine", "x-also-mine", "te", "proxy-authorization", "connection"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert!(headers[AUTHORIZATION].to_str().unwrap().starts_with("Bearer "));
    assert_eq!(headers[HOST], upstream.to_string());
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(body, br#"{"customerId": "7"}"#);
}
