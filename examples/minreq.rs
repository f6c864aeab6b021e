//! The session in `minreq`.
//!
//!     cargo run --example minreq
//!
//! The embedding is what stands above the line that ends it: a loop, one exchange and the reading of a body.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted otherwise than it should.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use minreq::Method::Custom;
use minreq::{Error, ResponseLazy};
use waldo_auth_shared::core::{Call, Head, Login, Verdict};
use waldo_auth_shared::{Admission, SharedSession};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};

/// How a call ends: with its response, whose body is still to be read, or with why there is none.
type Answer = Result<Response<ResponseLazy>, Failure>;

/// Makes one call, each sending of it within its deadline or else a minute.
fn send(session: &SharedSession, mut call: Call, mut request: Request<Vec<u8>>) -> Answer {
    loop {
        call = match session.admit(call, &mut request)? {
            Admission::Send(attempt) => {
                let within = session.left(&attempt).unwrap_or(Duration::from_secs(60));
                let mut response = exchange(&request, within)?;
                match session.conclude(attempt, &mut response) {
                    Verdict::Deliver => return Ok(response),
                    Verdict::Retry(again) => again,
                }
            }
            Admission::Authenticate(lead) => {
                let answer = exchange(&lead.request(), lead.patience());
                match answer.and_then(|answer| read(answer, Login::MAX_BODY + 1)) {
                    Ok(answer) => lead.answer(Head::from(&answer), answer.body()),
                    Err(Error::IoError(error)) if error.kind() == ErrorKind::TimedOut => lead.time_out(error),
                    Err(error) => lead.fail(error),
                }
            }
            Admission::Wait(wait) => wait.block(),
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// One exchange, up to the head of the response: no redirects, and every status is an answer.
fn exchange(request: &Request<Vec<u8>>, within: Duration) -> Result<Response<ResponseLazy>, Error> {
    // Its timeouts are whole seconds, rounded down lest a login outlives its lease; one of none would end before it begins.
    let mut builder = minreq::Request::new(Custom(request.method().to_string()), request.uri().to_string())
        .with_follow_redirects(false)
        .with_timeout(within.as_secs().max(1))
        .with_header("Connection", "close")
        .with_body(request.body().as_slice());
    for (name, value) in request.headers() {
        builder = builder.with_header(name.as_str(), value.to_str().map_err(io::Error::other)?);
    }
    let answer = builder.send_lazy()?;
    // So this stack tells of a connection that was cut before any answer.
    if answer.reason_phrase == "Server did not provide a status line" {
        return Err(Error::IoError(ErrorKind::UnexpectedEof.into()));
    }
    let head =
        answer.headers.iter().fold(Response::builder(), |head, (name, value)| head.header(name, value));
    Ok(head.status(answer.status_code).body(answer).map_err(io::Error::other)?)
}

/// The first bytes of the body, or all.
fn read(mut response: Response<ResponseLazy>, at_most: usize) -> Result<Response<Vec<u8>>, Error> {
    let mut body = Vec::new();
    response.body_mut().take(at_most as u64).read_to_end(&mut body)?;
    Ok(response.map(|_| body))
}

// Here ends the embedding.

/// One call with its whole body: what the program and the conformance suite ask.
pub(crate) fn call(
    session: &SharedSession,
    call: Call,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Failure> {
    let response = read(send(session, call, request)?, usize::MAX)?;
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // This stack takes a body that breaks off for a whole one. No call here is a HEAD, whose length is of no body.
    if length.is_some_and(|length: usize| response.body().len() < length) {
        return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
    }
    Ok(response)
}

fn main() -> Result<(), Failure> {
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    check::check(&emulator, |request| call(&session, Call::replayable(), request))
}
