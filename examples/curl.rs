//! The session in `curl`, the bindings of libcurl.
//!
//!     cargo run --example curl
//!
//! The embedding is what stands above the line that ends it: a loop, one exchange, and the collecting of what libcurl hears.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted otherwise than it should.

use std::mem;
use std::time::Duration;

use curl::Error;
use curl::easy::{Easy2, Handler, List, WriteError};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
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
                let response = exchange(&request, deadline.saturating_duration_since(session.now()), 0)?;
                match session.conclude(attempt, Head::from(&response)) {
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
    let (mut easy, mut headers) = (Easy2::new(Heard::default()), List::new());
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
    let ended = easy.perform();
    let (mut head, body) = mem::take(&mut easy.get_mut().0).into_parts();
    let Ok(status) = StatusCode::from_u16(u16::try_from(easy.response_code()?)?) else {
        return Err(ended.map_or_else(Failure::from, |()| "a response without a status".into()));
    };
    head.status = status;
    Ok(Response::from_parts(head, ended.map(|()| body)))
}

/// What libcurl has heard so far, but for the status.
#[derive(Default)]
struct Heard(Response<Vec<u8>>);

impl Handler for Heard {
    fn header(&mut self, line: &[u8]) -> bool {
        if let Ok(line) = str::from_utf8(line)
            && let Some((name, value)) = line.split_once(':')
            && let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value.trim()))
        {
            self.0.headers_mut().append(name, value);
        }
        true
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, WriteError> {
        self.0.body_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
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
