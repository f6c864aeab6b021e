//! A gateway in front of the API: `axum` around `waldo-tower`.
//!
//!     cargo run --example gateway
//!
//! Who calls the gateway needs no key pair, and sees no token. Bodies are streamed both ways. The
//! embedding is what stands above the line that ends it: a service, and the handler.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted
//! otherwise than it should.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONNECTION, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::{Layer, ServiceExt};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Answer, Fault, Server};
use waldo_examples::check::{self, Failure};
use waldo_tower::{Error, OneShot, SharedSession, WaldoLayer};

type Http = Client<HttpConnector, waldo_tower::Body<Body>>;

/// Hands every request on to the API, and its answer back.
pub(crate) fn gateway(session: SharedSession) -> Router {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let api = WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)))
        .one_shot()
        .layer(http);
    Router::new().fallback(forward).with_state(api)
}

async fn forward(State(api): State<OneShot<Http>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let (origin, path) = (api.layer().session().origin(), head.uri.path_and_query());
    let uri = Uri::builder().scheme(origin.scheme().clone()).authority(origin.authority().clone());
    let Ok(uri) = uri.path_and_query(path.map_or("/", |path| path.as_str())).build() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    head.uri = uri;
    keep_end_to_end(&mut head.headers);
    match api.oneshot(Request::from_parts(head, body)).await {
        Ok(mut response) => {
            keep_end_to_end(response.headers_mut());
            response.into_response()
        }
        Err(Error::Refused(refused)) => {
            let seconds = refused.retry_in.as_secs().saturating_add(1).to_string();
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, seconds)], refused.to_string())
                .into_response()
        }
        Err(error) if error.is_timeout() => {
            (StatusCode::GATEWAY_TIMEOUT, error.to_string()).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// The headers that are about one connection only (RFC 9110, section 7.6.1), and those between the
/// gateway and the API.
const NOT_HANDED_ON: &str = "authorization, connection, host, keep-alive, proxy-authenticate, \
    proxy-authorization, proxy-connection, te, trailer, transfer-encoding, upgrade";

fn keep_end_to_end(headers: &mut HeaderMap) {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
    let names = lists.chain([NOT_HANDED_ON]).flat_map(|list| list.split(','));
    for name in names.map(|name| name.trim().to_owned()).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

// Here ends the embedding.

/// Asks the gateway, and not the API, as one who must not see the token.
async fn ask(
    http: Client<HttpConnector, Body>,
    gateway: SocketAddr,
    mut request: http::Request<Vec<u8>>,
) -> Result<Response, Failure> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("http://{gateway}{path}").parse()?;
    request.headers_mut().insert(AUTHORIZATION, "Basic bWU6bXk=".parse()?);
    let response = http.request(request.map(Body::from)).await?;
    if response.headers().contains_key(AUTHORIZATION) {
        return Err("the gateway has handed a token on".into());
    }
    Ok(response.into_response())
}

fn main() -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let emulator = Emulator::start(Server::default())?;
    let gateway = gateway(SharedSession::new(check::config(&emulator)?));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let at = listener.local_addr()?;
    runtime.spawn(async { axum::serve(listener, gateway).await });
    let http = Client::builder(TokioExecutor::new()).build_http();
    let ask = |request| runtime.block_on(ask(http.clone(), at, request));
    check::crowds(&emulator, ask)?;
    check::sent_once(&emulator, ask)?;
    check::delivered(&emulator, ask)?;

    let customer = || http::Request::get("/customer?field=id").body(Vec::new());
    emulator.push_fault(Fault::call(Answer::Cut));
    check::scene(
        &emulator,
        "the API cuts a call's connection: a 502, and no second sending",
        0,
        &[],
        || {
            check::expect("the answer", ask(customer()?)?.status(), StatusCode::BAD_GATEWAY)?;
            check::expect("the next answer", ask(customer()?)?.status(), StatusCode::OK)
        },
    )?;

    emulator.expire_all();
    emulator.revoke_key(Server::KEY_ID);
    check::scene(
        &emulator,
        "the key pair is rejected: a 503 says when to come again",
        1,
        &[],
        || {
            let response = ask(customer()?)?;
            check::expect("the answer", response.status(), StatusCode::SERVICE_UNAVAILABLE)?;
            check::expect("it says when", response.headers().contains_key(RETRY_AFTER), true)
        },
    )
}
