//! One call, from its request to the response that is its answer.

use std::time::Duration;

use http::{HeaderMap, StatusCode, Uri};
use http_body::Body as _;
use reqwest::{Body, Request, Response, Url};
use waldo_auth_client::{Admission, Gate, close_connection, is_upload, mark_sensitive};
use waldo_auth_core::{Attempt, Call, Generation, Head, Instant, Upload, Verdict};

use crate::client::Client;
use crate::error::Error;
use crate::login::log_in;
use crate::sending::{self, Asked, Exchange, Sent};

/// How many header names a request may have. A header map holds 24,576 names. reqwest and hyper add
/// headers of their own, and panic if the map has no room for them.
const MAX_HEADERS: usize = 16_384;

/// How far a call has come.
enum Stage<E> {
    /// The request is complete, with its body.
    Fresh(Request),
    /// The upload broke off with this error. The request has no body now if the body can be sent
    /// only once.
    BrokeOff(E, Request),
}

/// Sends a request until its response is the call's answer.
pub(crate) async fn run<E: Exchange>(
    client: &Client,
    mut request: Request,
    mut exchange: E,
) -> Result<Response, E::Error> {
    if request.headers().keys_len() > MAX_HEADERS {
        return Err(Error::TooManyHeaders.into());
    }
    let ends = request.timeout().copied().or(client.timeout()).map(|budget| after(client, budget));
    let once = request.body().is_some_and(|body| Body::as_bytes(body).is_none());
    let upload = request.body().filter(|body| is_upload(*body)).map(Body::size_hint);
    let mut call = bound(client, if once { Call::one_shot() } else { Call::replayable() }, ends);
    let mut head = http::Request::new(());
    *head.uri_mut() = request.url().as_str().parse().map_err(Error::Url)?;
    std::mem::swap(head.headers_mut(), request.headers_mut());
    if upload.is_some() {
        close_connection(head.headers_mut()).map_err(Error::from)?;
    }
    let asked = head.uri().clone();
    let mut stage = Stage::Fresh(request);
    loop {
        let attempt = match admit(client, call, &mut head).await {
            Ok(attempt) => attempt,
            Err(error) => {
                return Err(match stage {
                    Stage::Fresh(_) => error.into(),
                    // Do not report a refusal: it would say that nothing was sent, but the server
                    // may have acted on
                    // the upload.
                    Stage::BrokeOff(error, _) => error,
                });
            }
        };
        let admitted = |mut request: Request| -> Result<Request, Error> {
            request.headers_mut().clone_from(head.headers());
            if *head.uri() != asked {
                // The request goes to exactly what was admitted.
                *request.url_mut() =
                    head.uri().to_string().parse().map_err(|_| client.foreign_origin())?;
            }
            if let Some(ends) = ends {
                // reqwest's timeout begins anew with each sending.
                *request.timeout_mut() =
                    Some(ends.saturating_duration_since(client.session().now()));
            }
            Ok(request)
        };
        let how = if upload.is_some() { attempt.upload() } else { Upload::Send };
        let (sent, copy) = match (how, stage) {
            (Upload::HeadOnly, Stage::BrokeOff(error, mut request)) => {
                let copy = sending::copy(&mut request);
                let request = admitted(request)?;
                match sending::probe(&mut exchange, request, upload.unwrap_or_default()).await? {
                    Some(response) => (Sent::Ended(Ok(response), None), copy),
                    None => return Err(error),
                }
            }
            (_, Stage::BrokeOff(error, _)) if once => return Err(error),
            (how, Stage::Fresh(mut request) | Stage::BrokeOff(_, mut request)) => {
                let mut copy = sending::copy(&mut request);
                let request = admitted(request)?;
                let sent = match how {
                    Upload::Send => sending::send(&mut exchange, request).await,
                    Upload::ExpectContinue | Upload::HeadOnly => {
                        match sending::ask(&mut exchange, request).await? {
                            Asked::Sent(sent) => sent,
                            Asked::Refused(body) => {
                                let mut request = sending::copy(&mut copy);
                                *request.body_mut() = Some(body);
                                sending::send(&mut exchange, admitted(request)?).await
                            }
                        }
                    }
                };
                (sent, copy)
            }
        };
        match sent {
            Sent::Ended(result, gate) => {
                let is_untouched = gate.as_ref().is_some_and(Gate::is_untouched);
                let attempt = if is_untouched { attempt.with_untouched_body() } else { attempt };
                let generation = attempt.generation();
                let deliver = |response| deliver(response, generation);
                let Verdict::Retry(then) = conclude::<E>(client, attempt, &result) else {
                    return result.map(deliver);
                };
                // A refused answer is dropped unread, and with it its connection, unless it has no
                // body: a body that stalls could hold the call up, and a healed 401 is too rare for
                // a connection to matter.
                let mut request = copy;
                if let Some(body) = gate.and_then(Gate::take_back) {
                    *request.body_mut() = Some(body);
                } else if once {
                    return result.map(deliver);
                }
                stage = Stage::Fresh(request);
                call = then;
            }
            Sent::BrokeOff(error) => {
                let Verdict::Retry(then) = client.session().break_off(attempt) else {
                    return Err(error);
                };
                stage = Stage::BrokeOff(error, copy);
                call = then;
            }
        }
    }
}

/// Waits for a token to send the request with, logging in for everyone if it falls to this call.
pub(crate) async fn admit(
    client: &Client,
    mut call: Call,
    carrier: &mut http::Request<()>,
) -> Result<Attempt, Error> {
    loop {
        call = match client.session().admit(call, carrier)? {
            Admission::Send(attempt) => return Ok(attempt),
            Admission::Authenticate(lead, wait) => {
                // The login is everyone's, so it does not end with this call.
                drop(tokio::spawn(log_in(client.http().clone(), lead)));
                wait.or(tokio::time::sleep).await
            }
            Admission::Wait(wait) => wait.or(tokio::time::sleep).await,
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// A call that has no other limits than its client.
pub(crate) fn replayable(client: &Client) -> Call {
    bound(client, Call::replayable(), client.timeout().map(|budget| after(client, budget)))
}

/// Tells the core when to stop waiting.
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

fn conclude<E: Exchange>(
    client: &Client,
    attempt: Attempt,
    result: &Result<Response, E::Error>,
) -> Verdict {
    let none = HeaderMap::new();
    let (status, headers, url): (StatusCode, &HeaderMap, Option<&Url>) = match result {
        Ok(response) => (response.status(), response.headers(), Some(response.url())),
        Err(error) => {
            match E::failure(error).and_then(|error| Some((error.status()?, error.url()))) {
                // A middleware made an error of it; a 401 is still a 401.
                Some((status, url)) => (status, &none, url),
                None => return Verdict::Deliver,
            }
        }
    };
    // Nothing here follows a redirect, but what a middleware brings may come from anywhere. What is
    // no URI comes from elsewhere.
    let from: Option<Uri> = url.map(|url| url.as_str().parse().unwrap_or_default());
    let head = Head::new(status, headers);
    client.session().conclude_head(attempt, from.iter().fold(head, Head::with_uri))
}

fn deliver(mut response: Response, generation: Generation) -> Response {
    // A fresh token is in there, and the user may log the headers.
    mark_sensitive(response.headers_mut());
    generation.attach(response.status(), response.extensions_mut());
    response
}
