//! A service of axum that answers its own route from the API, with the client as its state.
//! Each error of a call becomes a status of the service, with a `Retry-After` if the error has one.
//!
//!     cargo run --example axum

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::error::Error as StdError;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::RETRY_AFTER;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use waldo_emulator::Emulator;
use waldo_emulator::model::{Answer, Fault, Hold, Policy, RetryAfter, Server};
use waldo_reqwest::{Client, Credentials, Error};

type Failure = Box<dyn StdError + Send + Sync>;

fn service(client: Client) -> Router {
    Router::new().route("/customers/{id}/checks", get(checks)).with_state(client)
}

/// How many checks of this customer there are.
async fn checks(
    State(client): State<Client>,
    Path(id): Path<String>,
) -> Result<Json<Value>, CallFailed> {
    let response = client.get("/history/kyc").segment(&id).send().await?;
    let history: Value = response.json().await?;
    let checks = history.get("history").and_then(Value::as_array).map_or(0, Vec::len);
    Ok(Json(json!({ "id": id, "checks": checks })))
}

/// A call of the API that failed, as an answer of this service.
struct CallFailed(Error);

impl<E: Into<Error>> From<E> for CallFailed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for CallFailed {
    fn into_response(self) -> Response {
        let Self(error) = self;
        // The text of an error shows no secret and no URL, so it may go to a log.
        eprintln!("a call failed: {error}");
        let status = match (&error, error.status()) {
            (_, Some(StatusCode::NOT_FOUND)) => StatusCode::NOT_FOUND,
            (_, Some(StatusCode::TOO_MANY_REQUESTS)) => StatusCode::TOO_MANY_REQUESTS,
            (_, Some(StatusCode::SERVICE_UNAVAILABLE)) => StatusCode::SERVICE_UNAVAILABLE,
            (Error::Segment(_), _) => StatusCode::BAD_REQUEST,
            (error, _) if error.is_rejected() => {
                eprintln!("somebody has to look at the key pair");
                StatusCode::SERVICE_UNAVAILABLE
            }
            (error, _) if error.is_timeout() => StatusCode::GATEWAY_TIMEOUT,
            (Error::Refused(_), _) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        match error.retry_in() {
            Some(wait) => {
                let seconds = wait.as_millis().div_ceil(1000).to_string();
                (status, [(RETRY_AFTER, seconds)]).into_response()
            }
            None => status.into_response(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let server = Server::new(Policy::default()).with_key("wk.service", "ws.service");
    let emulator = Emulator::start(server)?;
    // A program with an account begins with `Client::from_env()`.
    let client = Client::builder(Credentials::new("wk.service", "ws.service")?)
        .origin(emulator.origin())
        .timeout(Duration::from_secs(3))
        .build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, service(client)).into_future());
    let expect = async |id: &str, status: u16, retry_after: Option<&str>| {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http::<Body>();
        let url = format!("http://{address}/customers/{id}/checks");
        let response = http.get(url.parse()?).await?;
        let after = response.headers().get(RETRY_AFTER).map(|value| value.to_str()).transpose()?;
        println!("{id}: {}, Retry-After: {after:?}", response.status());
        let met = response.status() == status && after == retry_after;
        if met { Ok(()) } else { Err(Failure::from(format!("{id}: expected {status}"))) }
    };

    expect("customer-1", 200, None).await?;
    expect("a%2Fb", 200, None).await?; // The id has a slash, and is one segment all the same.
    expect("unknown", 404, None).await?;
    expect("..", 400, None).await?; // Such a segment would lead to another path of the API.
    emulator.push_fault(Fault::call(Answer::too_many_requests(RetryAfter::Seconds(7))));
    expect("too-many", 429, Some("7")).await?;
    emulator.push_fault(Fault::call(Answer::Cut));
    expect("cut", 502, None).await?;
    emulator.hold(Hold::calls());
    expect("slow", 504, None).await?;
    emulator.release_all();
    let logins = emulator.stats().server.logins();
    emulator.revoke_key("wk.service");
    emulator.expire_all();
    expect("revoked", 503, Some("60")).await?;
    println!("logins before the key was revoked: {logins}");
    if logins == 1 { Ok(()) } else { Err("expected one login".into()) }
}
