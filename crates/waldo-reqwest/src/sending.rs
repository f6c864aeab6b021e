//! One sending of a request, until the head of its response.

use http::StatusCode;
use http_body::SizeHint;
use reqwest::{Body, Request, Response};
use tokio::time::{sleep, timeout};
use waldo_auth_client::{Gate, HeldBody, expect_continue, is_break_off, is_upload};
use waldo_auth_core::Upload;

use crate::error::Error;

/// Sends a request once, and returns its response.
pub(crate) trait Exchange {
    /// The error of a failed sending.
    type Error: From<Error>;

    fn send(
        &mut self,
        request: Request,
    ) -> impl Future<Output = Result<Response, Self::Error>> + Send;

    /// The reqwest error in this error, if there is one.
    fn failure(error: &Self::Error) -> Option<&reqwest::Error>;

    /// The error of an upload that broke off.
    fn broke_off(error: Self::Error) -> Self::Error;
}

/// The result of sending a body.
pub(crate) enum Sent<E> {
    /// A response or an error, and the gate of the body if the body was held back.
    Ended(Result<Response, E>, Option<Gate<Body>>),
    /// The connection broke off during an upload.
    BrokeOff(E),
}

/// The result of asking the server before the body is sent.
pub(crate) enum Asked<E> {
    Sent(Sent<E>),
    /// The server answered 417, so it does not support `Expect`. The body is untouched.
    Refused(Body),
}

/// A copy of this request, with its body if the body can be sent again.
pub(crate) fn copy(request: &mut Request) -> Request {
    request.try_clone().unwrap_or_else(|| {
        let mut copy = Request::new(request.method().clone(), request.url().clone());
        copy.headers_mut().clone_from(request.headers());
        *copy.timeout_mut() = request.timeout().copied();
        *copy.version_mut() = request.version();
        copy
    })
}

/// Sends head and body at once.
pub(crate) async fn send<E: Exchange>(exchange: &mut E, mut request: Request) -> Sent<E::Error> {
    let is_upload = request.body().is_some_and(is_upload);
    // Do not wrap a body that can be cloned, because a middleware may want to clone it.
    let is_stream = request.body().is_some_and(|body| body.as_bytes().is_none());
    let gate = if is_upload && is_stream { hold(&mut request, HeldBody::open) } else { None };
    match exchange.send(request).await {
        Err(error) if is_upload && is_lost::<E>(&error, gate.as_ref()) => {
            Sent::BrokeOff(E::broke_off(error))
        }
        result => Sent::Ended(result, None),
    }
}

/// Sends the head with `Expect: 100-continue`, and the body a second later, unless a response comes
/// first.
///
/// reqwest does not report a `100 Continue`, so the body always waits for the whole second.
pub(crate) async fn ask<E: Exchange>(
    exchange: &mut E,
    mut request: Request,
) -> Result<Asked<E::Error>, Error> {
    expect_continue(request.headers_mut())?;
    let gate = hold(&mut request, HeldBody::held);
    let sent = exchange.send(request);
    let result = match &gate {
        Some(gate) => gate.open_after(sleep(Upload::CONTINUE_TIMEOUT), sent).await,
        None => sent.await,
    };
    match result {
        Err(error) if is_lost::<E>(&error, gate.as_ref()) => {
            Ok(Asked::Sent(Sent::BrokeOff(E::broke_off(error))))
        }
        Ok(response) if response.status() == StatusCode::EXPECTATION_FAILED => {
            Ok(match gate.and_then(Gate::take_back) {
                Some(body) => Asked::Refused(body),
                None => Asked::Sent(Sent::Ended(Ok(response), None)),
            })
        }
        result => Ok(Asked::Sent(Sent::Ended(result, gate))),
    }
}

/// Makes a head-only attempt, for a body of this length. Returns the server's answer, if it sends
/// one.
pub(crate) async fn probe<E: Exchange>(
    exchange: &mut E,
    mut request: Request,
    length: SizeHint,
) -> Result<Option<Response>, Error> {
    expect_continue(request.headers_mut())?;
    *request.body_mut() = Some(Body::wrap(HeldBody::<Body>::never(length)));
    let answer = timeout(Upload::CONTINUE_TIMEOUT, exchange.send(request)).await;
    let response = answer.ok().and_then(Result::ok);
    Ok(response.filter(|response| response.status() != StatusCode::EXPECTATION_FAILED))
}

/// Puts the body behind a gate.
fn hold(
    request: &mut Request,
    hold: fn(Body) -> (HeldBody<Body>, Gate<Body>),
) -> Option<Gate<Body>> {
    let (body, gate) = hold(request.body_mut().take()?);
    *request.body_mut() = Some(Body::wrap(body));
    Some(gate)
}

/// Whether a response may have been lost with the connection of an upload.
fn is_lost<E: Exchange>(error: &E::Error, gate: Option<&Gate<Body>>) -> bool {
    E::failure(error).is_some_and(|error| match gate {
        Some(gate) => gate.broke_off(error),
        // If there was no connection, nothing was sent.
        None => is_break_off(error) && !error.is_connect(),
    })
}
