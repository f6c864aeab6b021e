//! The session in `hyper`, by the client of `hyper-util`: in anything with futures, without an
//! adapter.
//!
//!     cargo run --example hyper
//!
//! The embedding is what stands above the line that ends it: a loop, and one login. How long a call
//! may take is a timeout around it, as a call ends where its future is dropped, and nobody else's
//! does. What follows shows it at work against an emulator, and exits non-zero when that has
//! counted otherwise than it should.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{Sleep, sleep, timeout};
use waldo_auth_client::{Admission, Lead, SharedSession};
use waldo_auth_client::{Call, Head, Login, Upload, Verdict};

use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check;

/// An HTTP client that follows no redirects, and returns each status as a response.
pub(crate) type Http = Client<HttpConnector, Held>;

/// Anything that ends a call without a response.
type Failure = Box<dyn Error + Send + Sync>;

/// How a call ends: with its response, whose body is still to be read, or with why there is none.
type Answer = Result<Response<Incoming>, Failure>;

/// How long a server may take to refuse a token on the head.
const SILENCE: Duration = Duration::from_secs(1);

/// Makes one call.
async fn send(
    http: &Http,
    session: &SharedSession,
    mut call: Call,
    mut request: Request<Bytes>,
) -> Answer {
    let mut broke_off = None;
    loop {
        call = match session.admit(call, &mut request)? {
            Admission::Send(attempt) => {
                let is_upload = request.body().len() > 64 * 1024;
                let upload = if is_upload { attempt.upload() } else { Upload::Send };
                match exchange(http, request.clone(), upload).await {
                    Ok(mut response) => match session.conclude(attempt, &mut response) {
                        Verdict::Deliver => return Ok(response),
                        Verdict::Retry(again) => again,
                    },
                    // Perhaps the server has refused the token on the head, and closed the
                    // connection.
                    Err(error) if is_upload => {
                        let first = broke_off.take().unwrap_or(error);
                        match session.break_off(attempt) {
                            Verdict::Deliver => return Err(first),
                            Verdict::Retry(again) => {
                                broke_off = Some(first);
                                again
                            }
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Admission::Authenticate(lead, wait) => {
                // The login is everyone's, so it does not end with this call.
                let http = http.clone();
                tokio::spawn(async move {
                    match timeout(lead.timeout(), log_in(&http, &lead)).await {
                        Ok(Ok(answer)) => lead.answer(Head::from(&answer), answer.body()),
                        Ok(Err(error)) => lead.fail(error),
                        Err(elapsed) => lead.time_out(elapsed),
                    }
                });
                wait.or(sleep).await
            }
            Admission::Wait(wait) => wait.or(sleep).await,
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// One exchange, up to the head of the response. The body may have to wait, or may not be sent at
/// all.
async fn exchange(http: &Http, mut request: Request<Bytes>, upload: Upload) -> Answer {
    if upload != Upload::Send {
        request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
    }
    let (head, body) = request.into_parts();
    let delayed = |wait: Option<Duration>| Held {
        body: body.into(),
        wait: wait.map(|wait| Box::pin(sleep(wait))),
    };
    match upload {
        Upload::Send => Ok(http.request(Request::from_parts(head, delayed(None))).await?),
        Upload::ExpectContinue => {
            Ok(http.request(Request::from_parts(head, delayed(Some(SILENCE)))).await?)
        }
        Upload::HeadOnly => {
            let probe = http.request(Request::from_parts(head, delayed(Some(Duration::MAX))));
            match timeout(SILENCE, probe).await?? {
                response if response.status() == 417 => {
                    Err("the server does not refuse on the head".into())
                }
                response => Ok(response),
            }
        }
    }
}

/// A body that is held back for a while.
pub(crate) struct Held {
    body: Full<Bytes>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer to a login, with its body within the limits of size and time.
async fn log_in(http: &Http, lead: &Lead) -> Result<Response<Bytes>, Failure> {
    let (head, mut body) =
        exchange(http, lead.request().map(Bytes::from), Upload::Send).await?.into_parts();
    let mut answer = Vec::new();
    let Some(body_timeout) = lead.body_timeout(head.status) else {
        return Ok(Response::from_parts(head, Bytes::new()));
    };
    let read = timeout(body_timeout, async {
        while answer.len() <= Login::MAX_BODY
            && let Some(frame) = body.frame().await
        {
            answer.extend(frame?.into_data().unwrap_or_default());
        }
        Ok::<_, hyper::Error>(())
    });
    match read.await {
        Ok(Err(error)) if head.status.is_success() => Err(error.into()),
        // If the status is not a success, the part that has come is enough.
        Ok(_) | Err(_) => Ok(Response::from_parts(head, answer.into())),
    }
}

// Here ends the embedding.

/// One call with its whole body, within its deadline or else a minute: what the program and the
/// conformance suite ask.
pub(crate) async fn call(
    http: &Http,
    session: &SharedSession,
    call: Call,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Failure> {
    let deadline = call.deadline().unwrap_or(session.now().saturating_add(Duration::from_secs(60)));
    let whole = async {
        let (head, body) = send(http, session, call, request.map(Bytes::from)).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes().into()))
    };
    // The session refuses the call at its deadline, and says why; so what only cuts it off comes a
    // moment later.
    timeout(deadline.saturating_duration_since(session.now()) + Duration::from_millis(50), whole)
        .await?
}

fn main() -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    let http = Client::builder(TokioExecutor::new()).build_http();
    check::check(&emulator, |request| {
        runtime.block_on(call(&http, &session, Call::replayable(), request))
    })
}
