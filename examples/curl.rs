//! The session in `curl`, the bindings of libcurl.
//!
//!     cargo run --example curl
//!
//! The embedding is what stands above the line that ends it: a loop, one exchange and the end of a
//! login's body. What follows shows it at work against an emulator, and exits non-zero when that
//! has counted otherwise than it should.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

use curl::Error;
use curl::easy::{Easy, List};
use http::{Method, Request, Response, StatusCode};
use waldo_auth_client::{Admission, Lead, SharedSession};
use waldo_auth_client::{Call, Head, Login, Verdict};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};

/// How an exchange ends: with a response and whether that is whole, or with why there is none.
type Answer = Result<(Response<Vec<u8>>, Result<(), Error>), Failure>;

/// Makes one call, each sending of it within its deadline or else a minute.
fn send(session: &SharedSession, mut call: Call, mut request: Request<Vec<u8>>) -> Answer {
    loop {
        call = match session.admit(call, &mut request)? {
            Admission::Send(attempt) => {
                let (mut answer, whole) =
                    exchange(&request, session.left(&attempt), usize::MAX, |_| {
                        Some(Duration::MAX)
                    })?;
                match session.conclude(attempt, &mut answer) {
                    Verdict::Deliver => return Ok((answer, whole)),
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

/// Logs in for everyone.
fn log_in(lead: Lead) {
    let body_timeout = |status| lead.body_timeout(status);
    let answer = exchange(&lead.request(), Some(lead.timeout()), Login::MAX_BODY, body_timeout);
    match answer.and_then(of_login) {
        Ok(answer) => lead.answer(Head::from(&answer), answer.body()),
        Err(e) if e.downcast_ref().is_some_and(Error::is_operation_timedout) => lead.time_out(e),
        Err(e) => lead.fail(e),
    }
}

/// The answer to a login. If the status is not a success, the part of the body that has come is
/// enough.
fn of_login(
    (answer, whole): (Response<Vec<u8>>, Result<(), Error>),
) -> Result<Response<Vec<u8>>, Failure> {
    match whole {
        Err(_) if !answer.status().is_success() => Ok(answer),
        whole => Ok(whole.map(|()| answer)?),
    }
}

/// One exchange. libcurl follows no redirects by default, and every status is an answer. The body
/// ends at a number of bytes, or after the time that its status allows.
fn exchange(
    request: &Request<Vec<u8>>,
    within: Option<Duration>,
    at_most: usize,
    body_timeout: impl Fn(StatusCode) -> Option<Duration>,
) -> Answer {
    let (mut easy, mut headers, mut body) = (Easy::new(), List::new(), Vec::new());
    // The lines of the head that have come, and the instant of the last one.
    let (head, read) = (RefCell::new(Vec::new()), Cell::new(None));
    easy.url(&request.uri().to_string())?;
    easy.post_fields_copy(request.body())?;
    // No proxy at all: the simplest way to send nothing in clear text to a proxy.
    easy.noproxy("*")?;
    easy.custom_request(request.method().as_str())?;
    easy.nobody(request.method() == Method::HEAD)?;
    // libcurl counts whole milliseconds, and zero would mean no limit.
    easy.timeout(
        within.unwrap_or(Duration::from_secs(60)).saturating_add(Duration::from_millis(1)),
    )?;
    easy.progress(true)?;
    // Without a value, for libcurl not to add its own.
    headers.append("Content-Type:")?;
    for (name, value) in request.headers() {
        // libcurl sends a header with an empty value only if the header ends in a semicolon.
        let value = std::str::from_utf8(value.as_bytes())?;
        headers.append(&if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        })?;
    }
    easy.http_headers(headers)?;
    let is_worth_it = || {
        // `HTTP/1.1 200 OK`. After an interim response, the last status line counts.
        let head = String::from_utf8_lossy(&head.borrow()).into_owned();
        let status =
            head.rsplit("HTTP/").next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let body_timeout = status.map_or(Some(Duration::MAX), &body_timeout);
        body_timeout.is_some_and(|body_timeout| {
            read.get().is_none_or(|read: Instant| read.elapsed() <= body_timeout)
        })
    };
    let mut transfer = easy.transfer();
    transfer.header_function(|line| {
        read.set(Some(Instant::now()));
        head.borrow_mut().extend_from_slice(line);
        true
    })?;
    // To libcurl, less than all is a failure.
    transfer.write_function(|bytes| {
        if !is_worth_it() || body.len() > at_most {
            return Ok(0);
        }
        body.extend_from_slice(bytes);
        Ok(bytes.len())
    })?;
    // libcurl calls this function even while no bytes come.
    transfer
        .progress_function(|_, _, _, _| !head.borrow().ends_with(b"\r\n\r\n") || is_worth_it())?;
    let whole = transfer.perform();
    drop(transfer);
    let status = u16::try_from(easy.response_code()?)?;
    // Without a status there is no response, but a reason for that.
    whole.clone().or_else(|why| if status == 0 { Err(why) } else { Ok(()) })?;
    // A status line holds no header, even if it has a colon.
    let head = head.take();
    let head = String::from_utf8_lossy(&head);
    let rows =
        head.lines().filter(|row| !row.starts_with("HTTP/")).filter_map(|row| row.split_once(':'));
    let head = rows
        .fold(Response::builder(), |all, (name, value)| all.header(name, value.trim().as_bytes()));
    Ok((head.status(status).body(body)?, whole))
}

// Here ends the embedding.

/// One call with its whole body: what the program and the conformance suite ask.
pub(crate) fn call(
    session: &SharedSession,
    call: Call,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Failure> {
    let (response, whole) = send(session, call, request)?;
    whole?;
    Ok(response)
}

fn main() -> Result<(), Failure> {
    let emulator = Emulator::start(Server::default())?;
    let session = SharedSession::new(check::config(&emulator)?);
    check::check(&emulator, |request| call(&session, Call::replayable(), request))
}
