//! The session in `curl`, the bindings of libcurl.
//!
//!     cargo run --example curl
//!
//! The embedding is what stands above the line that ends it: a loop, one exchange and the end of a body.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted otherwise than it should.

use std::io::Write;
use std::time::Duration;

use curl::Error;
use curl::easy::{Easy, List};
use http::{Method, Request, Response};
use waldo_auth_shared::core::{Call, Head, Login, Verdict};
use waldo_auth_shared::{Admission, SharedSession};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};

/// How a call ends: with its response, whose body may have broken off, or with why there is none.
type Answer = Result<Response<Result<Vec<u8>, Error>>, Failure>;

/// Makes one call, within its deadline or else a minute.
fn send(session: &SharedSession, mut call: Call, mut request: Request<Vec<u8>>) -> Answer {
    let deadline = call.deadline().unwrap_or(session.now().saturating_add(Duration::from_secs(60)));
    loop {
        call = match session.admit(call, &mut request)? {
            Admission::Send(attempt) => {
                let mut response = exchange(&request, deadline.saturating_duration_since(session.now()), 0)?;
                match session.conclude(attempt, &mut response) {
                    Verdict::Deliver => return Ok(response),
                    Verdict::Retry(again) => again,
                }
            }
            Admission::Authenticate(lead) => {
                let answer = exchange(&lead.request(), lead.patience(), Login::MAX_BODY as u64);
                match answer.and_then(whole) {
                    Ok(answer) => lead.answer(Head::from(&answer), answer.body()),
                    Err(why) if why.downcast_ref().is_some_and(Error::is_operation_timedout) => {
                        lead.time_out(why)
                    }
                    Err(why) => lead.fail(why),
                }
            }
            Admission::Wait(wait) => wait.block(),
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// One exchange: no redirects, as libcurl follows none unasked, and every status is an answer.
fn exchange(request: &Request<Vec<u8>>, within: Duration, at_most: u64) -> Answer {
    let (mut easy, mut headers) = (Easy::new(), List::new());
    easy.url(&request.uri().to_string())?;
    easy.post_fields_copy(request.body())?;
    easy.custom_request(request.method().as_str())?;
    easy.nobody(request.method() == Method::HEAD)?;
    // It counts whole milliseconds, and to it none is no limit.
    easy.timeout(within.saturating_add(Duration::from_millis(1)))?;
    easy.max_filesize(at_most)?;
    // Without a value, for libcurl not to add its own.
    headers.append("Content-Type:")?;
    for (name, value) in request.headers() {
        headers.append(&format!("{name}: {}", value.to_str()?))?;
    }
    easy.http_headers(headers)?;
    let (mut lines, mut body) = (Vec::new(), Vec::new());
    let mut transfer = easy.transfer();
    transfer.header_function(|line| lines.write_all(line).is_ok())?;
    // To libcurl, less than all is a failure.
    transfer.write_function(|bytes| Ok(body.write(bytes).unwrap_or_default()))?;
    let ended = transfer.perform();
    drop(transfer);
    let status = u16::try_from(easy.response_code()?)?;
    if status == 0 {
        ended.clone()?;
    }
    // A line of the status holds no header, whatever stands in it.
    let lines = String::from_utf8_lossy(&lines);
    let headers =
        lines.lines().filter(|line| !line.starts_with("HTTP/")).filter_map(|line| line.split_once(':'));
    let head =
        headers.fold(Response::builder(), |head, (name, value)| head.header(name, value.trim().as_bytes()));
    Ok(head.status(status).body(ended.map(|()| body))?)
}

fn whole(response: Response<Result<Vec<u8>, Error>>) -> Result<Response<Vec<u8>>, Failure> {
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body?))
}

// Here ends the embedding.

/// One call with its whole body: what the program and the conformance suite ask.
pub(crate) fn call(
    session: &SharedSession,
    call: Call,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Failure> {
    whole(send(session, call, request)?)
}

fn main() -> Result<(), Failure> {
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    check::check(&emulator, |request| call(&session, Call::replayable(), request))
}
