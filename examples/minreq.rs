//! The session in `minreq`.
//!
//!     cargo run --example minreq
//!
//! The embedding is what stands above the line that ends it: a loop, one exchange, one login and
//! the reading of a body. What follows shows it at work against an emulator, and exits non-zero
//! when that has counted otherwise than it should.

use std::io::{self, ErrorKind, Read};
use std::thread;
use std::time::{Duration, Instant};

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use minreq::Method::Custom;
use minreq::{Error, ResponseLazy};
use waldo_auth_client::{Admission, Lead, SharedSession};
use waldo_auth_client::{Call, Head, Login, Verdict};
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
            Admission::Authenticate(lead, wait) => {
                // The login is everyone's, so it does not end with this call.
                thread::spawn(|| log_in(lead));
                wait.block()
            }
            Admission::Wait(wait) => wait.block(),
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// One exchange, up to the head of the response: no redirects, and every status is an answer.
fn exchange(request: &Request<Vec<u8>>, within: Duration) -> Result<Response<ResponseLazy>, Error> {
    // Its timeouts are whole seconds, rounded down lest a login outlives its lease; one of none
    // would end before it begins.
    let mut builder =
        minreq::Request::new(Custom(request.method().to_string()), request.uri().to_string())
            .with_follow_redirects(false)
            .with_timeout(within.as_secs().max(1))
            .with_header("Connection", "close")
            .with_body(request.body().as_slice());
    // minreq keeps one value for each name. So join several values by commas, which means the same.
    for name in request.headers().keys() {
        let values: Vec<&[u8]> =
            request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect();
        let value = String::from_utf8(values.join(&b", "[..])).map_err(io::Error::other)?;
        builder = builder.with_header(name.as_str(), value);
    }
    let answer = builder.send_lazy()?;
    // So this stack tells of a connection that was cut before any answer.
    if answer.reason_phrase == "Server did not provide a status line" {
        return Err(Error::IoError(ErrorKind::UnexpectedEof.into()));
    }
    let head = answer
        .headers
        .iter()
        .fold(Response::builder(), |head, (name, value)| head.header(name, value));
    Ok(head.status(answer.status_code).body(answer).map_err(io::Error::other)?)
}

/// Logs in for everyone.
fn log_in(lead: Lead) {
    match answer(&lead) {
        Ok(answer) => lead.answer(Head::from(&answer), answer.body()),
        Err(Error::IoError(error)) if error.kind() == ErrorKind::TimedOut => lead.time_out(error),
        Err(error) => lead.fail(error),
    }
}

/// The answer to a login, with its body within the limits of size and time.
fn answer(lead: &Lead) -> Result<Response<Vec<u8>>, Error> {
    let mut answer = exchange(&lead.request(), lead.timeout())?;
    let status = answer.status();
    let body = match lead.body_timeout(status) {
        Some(body_timeout) => read(answer.body_mut(), Login::MAX_BODY, body_timeout),
        None => Ok(Vec::new()),
    };
    // If the status is not a success, it says enough, even if the body breaks off.
    let body =
        body.or_else(|error| if status.is_success() { Err(error) } else { Ok(Vec::new()) })?;
    Ok(answer.map(|_| body))
}

/// The body, up to this number of bytes, and within this time.
fn read(body: &mut impl Read, at_most: usize, within: Duration) -> io::Result<Vec<u8>> {
    let (began, mut bytes, mut chunk) = (Instant::now(), Vec::new(), [0; 8192]);
    while bytes.len() <= at_most {
        match body.read(&mut chunk)? {
            0 => break,
            // The stack's own timeout is that of the whole exchange, so check the time here.
            _ if began.elapsed() > within => return Err(ErrorKind::TimedOut.into()),
            length => bytes.extend(chunk.iter().take(length)),
        }
    }
    Ok(bytes)
}

// Here ends the embedding.

/// One call with its whole body: what the program and the conformance suite ask.
pub(crate) fn call(
    session: &SharedSession,
    call: Call,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Failure> {
    let is_head = request.method() == Method::HEAD;
    let mut response = send(session, call, request)?;
    let body = read(response.body_mut(), usize::MAX, Duration::MAX)?;
    let response = response.map(|_| body);
    let length = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    // This stack takes a body that breaks off for a whole one. The length in a response to a HEAD
    // is of no body.
    if !is_head && length.is_some_and(|length: usize| response.body().len() < length) {
        return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
    }
    Ok(response)
}

fn main() -> Result<(), Failure> {
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    check::check(&emulator, |request| call(&session, Call::replayable(), request))
}
