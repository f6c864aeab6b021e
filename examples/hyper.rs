//! The session in `hyper`, by the client of `hyper-util`: in anything with futures, without an adapter.
//!
//!     cargo run --example hyper
//!
//! The embedding is what stands above the line that ends it: a loop, and one login. How long a call may take is a timeout around it,
//! as a call ends where its future is dropped, and nobody else's does.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted otherwise than it should.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};
use waldo_auth_shared::core::{Call, Head, Login, Verdict};
use waldo_auth_shared::{Admission, SharedSession};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};

/// It follows no redirects, and to it every status is an answer.
pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// How a call ends: with its response, whose body is still to be read, or with why there is none.
type Answer = Result<Response<Incoming>, Failure>;

/// Makes one call.
async fn send(
    http: &Http,
    session: &SharedSession,
    mut call: Call,
    mut request: Request<Full<Bytes>>,
) -> Answer {
    loop {
        call = match session.admit(call, &mut request)? {
            Admission::Send(attempt) => {
                let mut response = http.request(request.clone()).await?;
                match session.conclude(attempt, &mut response) {
                    Verdict::Deliver => return Ok(response),
                    Verdict::Retry(again) => again,
                }
            }
            Admission::Authenticate(lead) => {
                match timeout(lead.patience(), log_in(http, lead.request())).await {
                    Ok(Ok(answer)) => lead.answer(Head::from(&answer), answer.body()),
                    Ok(Err(error)) => lead.fail(error),
                    Err(elapsed) => lead.time_out(elapsed),
                }
            }
            Admission::Wait(wait) => wait.or(sleep).await,
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// The answer to a login, with its body, or as much of it as tells that it is too large.
async fn log_in(http: &Http, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
    let (head, mut body) = http.request(request.map(Full::from)).await?.into_parts();
    let mut bytes = Vec::new();
    while bytes.len() <= Login::MAX_BODY
        && let Some(frame) = body.frame().await
    {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(error) if head.status.is_success() => return Err(error.into()),
            // A status that is no success says enough, however its body ends.
            Err(_) => break,
        }
    }
    Ok(Response::from_parts(head, bytes))
}

// Here ends the embedding.

/// One call with its whole body, within its deadline or else a minute: what the program and the conformance suite ask.
pub(crate) async fn call(
    http: &Http,
    session: &SharedSession,
    call: Call,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Failure> {
    let deadline = call.deadline().unwrap_or(session.now().saturating_add(Duration::from_secs(60)));
    let whole = async {
        let (head, body) = send(http, session, call, request.map(Full::from)).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes().into()))
    };
    // The session refuses the call at its deadline, and says why; so what only cuts it off comes a moment later.
    timeout(deadline.saturating_duration_since(session.now()) + Duration::from_millis(50), whole).await?
}

fn main() -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    let http = Client::builder(TokioExecutor::new()).build_http();
    check::check(&emulator, |request| runtime.block_on(call(&http, &session, Call::replayable(), request)))
}
