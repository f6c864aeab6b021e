//! One call, from its request to its response.

use std::mem;
use std::time::Duration;

use http::{StatusCode, Uri};
use http_body::Body as _;
use reqwest::{Body, Request, Response, Url};
use waldo_auth_client::{Admission, Gate, Lead, close_connection, is_upload};
use waldo_auth_core::{Attempt, Call, Instant, Upload, Verdict};

use crate::client::Client;
use crate::error::Error;
use crate::login::log_in;
use crate::payload::Payload;
use crate::sending::{self, Asked, Exchange, Sent};

/// How many header names a request may have. A header map holds 24,576 names. reqwest and hyper add
/// headers of their own, and panic if the map has no room for them.
const MAX_HEADERS: usize = 16_384;

/// Sends a request until its response is the call's answer. The payload makes the body of
/// each sending.
pub(crate) async fn run<E: Exchange>(
    client: &Client,
    mut request: Request,
    mut payload: Payload,
    mut exchange: E,
) -> Result<Response, E::Error> {
    if request.headers().keys_len() > MAX_HEADERS {
        return Err(Error::TooManyHeaders.into());
    }
    let ends = request.timeout().copied().or(client.timeout()).map(|budget| after(client, budget));
    let left = || ends.map(|ends| ends.saturating_duration_since(client.session().now()));
    let mut head = http::Request::new(());
    *head.uri_mut() = request.url().as_str().parse().map_err(Error::Url)?;
    mem::swap(head.headers_mut(), request.headers_mut());
    // Make the first body before the call waits, because its length says whether it is an upload.
    payload.fill(&mut request, head.headers_mut(), left()).await?;
    let is_stream = |body: &Body| Body::as_bytes(body).is_none();
    let once = !payload.is_factory() && request.body().is_some_and(is_stream);
    let upload = request.body().filter(|body| is_upload(*body)).map(Body::size_hint);
    let mut call = bound(client, if once { Call::one_shot() } else { Call::replayable() }, ends);
    if upload.is_some() {
        close_connection(head.headers_mut()).map_err(Error::from)?;
    }
    let asked = head.uri().clone();
    let admitted = |head: &http::Request<()>, mut request: Request| -> Result<Request, Error> {
        request.headers_mut().clone_from(head.headers());
        if *head.uri() != asked {
            // Send the request to the URI that `admit` has normalized.
            *request.url_mut() =
                head.uri().to_string().parse().map_err(|_| client.foreign_origin())?;
        }
        if let Some(left) = left() {
            // Pass the rest of the time, because reqwest's timeout begins anew with each sending.
            *request.timeout_mut() = Some(left);
        }
        Ok(request)
    };
    // The error with which the upload broke off. The server may have acted on the upload, so no
    // error of a later sending replaces this error.
    let mut broken: Option<E::Error> = None;
    loop {
        let attempt = match admit(client, call, &mut head).await {
            Ok(attempt) => attempt,
            Err(error) => return Err(broken.unwrap_or(error.into())),
        };
        let how = if upload.is_some() { attempt.upload() } else { Upload::Send };
        let (sent, copy, first) = match (how, broken) {
            (Upload::HeadOnly, Some(error)) => {
                let copy = sending::copy(&mut request);
                let request = admitted(&head, request)?;
                match sending::probe(&mut exchange, request, upload.unwrap_or_default()).await {
                    Ok(Some(response)) => (Sent::Ended(Ok(response), None), copy, Some(error)),
                    Ok(None) | Err(_) => return Err(error),
                }
            }
            (_, Some(error)) if once => return Err(error),
            (how, first) => {
                let filled = payload.fill(&mut request, head.headers_mut(), left()).await;
                if let Err(error) = filled {
                    return Err(first.unwrap_or(error.into()));
                }
                let mut copy = sending::copy(&mut request);
                let request = admitted(&head, request)?;
                let sent = match how {
                    Upload::Send => sending::send(&mut exchange, request).await,
                    Upload::ExpectContinue | Upload::HeadOnly => {
                        match sending::ask(&mut exchange, request).await {
                            Err(error) => return Err(first.unwrap_or(error.into())),
                            Ok(Asked::Sent(sent)) => sent,
                            Ok(Asked::Refused(body)) => {
                                let mut request = sending::copy(&mut copy);
                                *request.body_mut() = Some(body);
                                sending::send(&mut exchange, admitted(&head, request)?).await
                            }
                        }
                    }
                };
                (sent, copy, first)
            }
        };
        request = copy;
        (call, broken) = match sent {
            Sent::Ended(mut result, gate) => {
                let is_untouched = gate.as_ref().is_some_and(Gate::is_untouched);
                let attempt = if is_untouched { attempt.with_untouched_body() } else { attempt };
                #[cfg(feature = "store")]
                let is_resent = attempt.is_resent();
                let verdict = conclude::<E>(client, attempt, &mut result);
                #[cfg(feature = "store")]
                tell::<E>(client, is_resent, &result, left()).await;
                let Verdict::Retry(then) = verdict else {
                    return answer::<E>(result, first);
                };
                // Drop a 401 unread, which closes its connection if it has a body. A body that
                // stalls could delay the call, and a 401 that is sent again is too rare for a
                // connection to matter.
                if let Some(body) = gate.and_then(Gate::take_back) {
                    *request.body_mut() = Some(body);
                } else if once {
                    return result;
                }
                // `max_wait` limits the waiting before each sending, and not the sending.
                (bound(client, then, ends), first)
            }
            Sent::BrokeOff(error) => {
                let Verdict::Retry(then) = client.session().break_off(attempt) else {
                    return Err(error);
                };
                (bound(client, then, ends), Some(error))
            }
        };
    }
}

/// The result of the call, after an upload that broke off first: any answer is better than the error
/// of the upload, and no error is.
fn answer<E: Exchange>(
    result: Result<Response, E::Error>,
    broken: Option<E::Error>,
) -> Result<Response, E::Error> {
    result.map_err(|error| match broken {
        Some(broken) if status_of::<E>(&error).is_none() => broken,
        _ => error,
    })
}

/// Waits until the request carries a token. If this call must log in, it logs in for all calls.
pub(crate) async fn admit(
    client: &Client,
    mut call: Call,
    carrier: &mut http::Request<()>,
) -> Result<Attempt, Error> {
    loop {
        call = match client.session().admit(call, carrier)? {
            Admission::Send(attempt) => return Ok(attempt),
            Admission::Authenticate(lead, wait) => {
                // The login serves all calls, so it must not end with this call.
                drop(tokio::spawn(authenticate(client.clone(), lead)));
                wait.or(tokio::time::sleep).await
            }
            Admission::Wait(wait) => wait.or(tokio::time::sleep).await,
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// Logs in for all calls, unless another program has a token.
async fn authenticate(client: Client, lead: Lead) {
    #[cfg(feature = "store")]
    if let Some(sharing) = client.sharing() {
        if let Some((lead, reporter)) = sharing.claim(lead, tokio::time::sleep).await {
            log_in(client.http().clone(), lead).await;
            reporter.report().await;
        }
        return;
    }
    log_in(client.http().clone(), lead).await;
}

/// A replayable call with the limits of its client.
pub(crate) fn replayable(client: &Client) -> Call {
    bound(client, Call::replayable(), client.timeout().map(|budget| after(client, budget)))
}

/// Sets the deadline of the call's waiting.
fn bound(client: &Client, call: Call, ends: Option<Instant>) -> Call {
    let limit = client.max_wait().map(|limit| after(client, limit));
    match [ends, limit].into_iter().flatten().min() {
        Some(limit) => call.with_deadline(limit),
        None => call,
    }
}

fn after(client: &Client, span: Duration) -> Instant {
    client.session().now().saturating_add(span)
}

/// Passes what the response brings to the store.
#[cfg(feature = "store")]
async fn tell<E: Exchange>(
    client: &Client,
    is_resent: bool,
    result: &Result<Response, E::Error>,
    left: Option<Duration>,
) {
    let (Some(sharing), Ok(response)) = (client.sharing(), result) else { return };
    let is_resent = is_resent && response.status().is_success();
    sharing.report(is_resent, left, |task| drop(tokio::spawn(task)), tokio::time::sleep).await;
}

/// Passes the response to the session.
fn conclude<E: Exchange>(
    client: &Client,
    attempt: Attempt,
    result: &mut Result<Response, E::Error>,
) -> Verdict {
    let mut head = http::Response::new(());
    // This client follows no redirect, but a middleware may return a response from any server. A
    // URL that is no URI counts as another server.
    let uri = |url: &Url| url.as_str().parse::<Uri>().unwrap_or_default();
    match result {
        Ok(response) => {
            let uri = uri(response.url());
            *head.status_mut() = response.status();
            mem::swap(head.headers_mut(), response.headers_mut());
            mem::swap(head.extensions_mut(), response.extensions_mut());
            let verdict = client.session().conclude_from(attempt, &mut head, Some(&uri));
            mem::swap(head.headers_mut(), response.headers_mut());
            mem::swap(head.extensions_mut(), response.extensions_mut());
            verdict
        }
        // A middleware has turned the status into an error. A 401 still counts as a 401.
        Err(error) => {
            let Some(status) = status_of::<E>(error) else { return Verdict::Deliver };
            *head.status_mut() = status;
            let uri = E::failure(error).and_then(reqwest::Error::url).map(uri);
            client.session().conclude_from(attempt, &mut head, uri.as_ref())
        }
    }
}

/// The status that a middleware has turned into an error.
fn status_of<E: Exchange>(error: &E::Error) -> Option<StatusCode> {
    E::failure(error).and_then(reqwest::Error::status)
}
