//! Logs in for all calls.

use std::error::Error as StdError;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;
#[cfg(feature = "store")]
use waldo_auth_client::Sharing;
use waldo_auth_client::{AnswerBody, Lead};
use waldo_auth_core::Head;
#[cfg(feature = "store")]
use waldo_store::AsyncStore;
use zeroize::Zeroizing;

use crate::body::Body;
use crate::sleep::Sleep;

/// Logs in for all calls, unless another program has a token.
///
/// The future must not hold the function that starts tasks: this function may hold the executor, and
/// the executor holds the future.
#[cfg(feature = "store")]
pub(crate) async fn log_in_for_fleet<S, B, R>(
    service: S,
    lead: Lead,
    sleep: Sleep,
    sharing: Option<Sharing<dyn AsyncStore>>,
) where
    S: Service<
            Request<Body<B>>,
            Response = Response<R>,
            Error: Into<Box<dyn StdError + Send + Sync>>,
        >,
    R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    let Some(sharing) = sharing else { return log_in(service, lead, sleep).await };
    if let Some((lead, reporter)) = sharing.claim(lead, |span| sleep.of(span)).await {
        log_in(service, lead, sleep).await;
        reporter.report().await;
    }
}

/// Sends the login's request through a ready service, and ends the lead with the answer or the
/// error.
pub(crate) async fn log_in<S, B, R>(mut service: S, lead: Lead, sleep: Sleep)
where
    S: Service<
            Request<Body<B>>,
            Response = Response<R>,
            Error: Into<Box<dyn StdError + Send + Sync>>,
        >,
    R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    // The body holds the key pair, so its memory is wiped when the wrapped service drops it.
    let request = lead.request().map(|body| Body::bytes(Bytes::from_owner(Zeroizing::new(body))));
    let timeout = lead.timeout();
    let too_slow = || format!("no answer within {timeout:?}");
    let sent = service.call(request);
    // Give the capacity back, because the response may need it.
    drop(service);
    let (head, body) = match sleep.unless(timeout, sent).await {
        Some(Ok(response)) => response.into_parts(),
        Some(Err(error)) => return lead.fail(error),
        None => return lead.time_out(too_slow()),
    };
    let mut answer = AnswerBody::new();
    let ended = match lead.body_timeout(head.status) {
        Some(timeout) => sleep.unless(timeout, answer.read(body)).await,
        None => Some(Ok(())),
    };
    match ended {
        Some(Err(error)) if head.status.is_success() => lead.fail(error),
        None if head.status.is_success() => lead.time_out(too_slow()),
        // If the status is no success, the part of the body that has come is enough.
        Some(_) | None => lead.answer(Head::new(head.status, &head.headers), answer.bytes()),
    }
}
