//! The embedding in `attohttpc`.
//!
//!     cargo run --example attohttpc
//!
//! The embedding is what stands above `main`: [`send`] is the loop, and [`exchange`] with [`read`] is all that it needs of the
//! HTTP stack. The program shows it at work against an emulator, and exits non-zero when that has counted otherwise than it should.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use attohttpc::{RequestBuilder, ResponseReader};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use waldo_auth_shared::core::{Call, Head, Login, Verdict};
use waldo_auth_shared::{Admission, SharedSession};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};

/// Makes one call, which may take so long altogether.
pub(crate) fn send(
    session: &SharedSession,
    call: Call,
    mut request: Request<Vec<u8>>,
    within: Duration,
) -> Result<Response<Vec<u8>>, Failure> {
    let deadline = session.now().saturating_add(within);
    let mut call = call.with_deadline(deadline);
    loop {
        call = match session.admit(call, &mut request)? {
            Admission::Send(attempt) => {
                let left = deadline.saturating_duration_since(session.now());
                let response = exchange(&request, left)?;
                match session.conclude(attempt, Head::from(&response)) {
                    Verdict::Deliver => return Ok(read(response, usize::MAX)?),
                    Verdict::Retry(again) => again,
                }
            }
            Admission::Authenticate(lead, then) => {
                let answer = exchange(&lead.request(), lead.patience());
                match answer.and_then(|answer| read(answer, Login::MAX_BODY + 1)) {
                    Ok(answer) => lead.answer(Head::from(&answer), answer.body()),
                    Err(error) if error.kind() == ErrorKind::TimedOut => lead.time_out(error),
                    Err(error) => lead.fail(error),
                }
                then
            }
            Admission::Wait(wait, then) => {
                wait.block();
                then
            }
            Admission::Refuse(refusal, _) => return Err(refusal.into()),
        };
    }
}

/// One exchange up to the head of its response: no redirects, and every status is an answer.
fn exchange(request: &Request<Vec<u8>>, within: Duration) -> io::Result<Response<ResponseReader>> {
    let mut builder = RequestBuilder::new(request.method().clone(), request.uri().to_string())
        .follow_redirects(false)
        .timeout(within)
        .bytes(request.body());
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let (status, headers, reader) = builder.send()?.split();
    let mut response = Response::new(reader);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

/// The body, or its first bytes.
fn read(response: Response<ResponseReader>, at_most: usize) -> io::Result<Response<Vec<u8>>> {
    let (head, reader) = response.into_parts();
    let mut body = Vec::new();
    reader.take(at_most as u64).read_to_end(&mut body)?;
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // This stack takes a body that breaks off for a whole one.
    if length.is_some_and(|length: usize| body.len() < length.min(at_most)) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Response::from_parts(head, body))
}

fn main() -> Result<(), Failure> {
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    check::check(&emulator, |request| send(&session, Call::replayable(), request, Duration::from_secs(60)))
}
