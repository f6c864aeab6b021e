//! Logs in for all calls.

use std::error::Error as StdError;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;
use waldo_auth_client::{AnswerBody, Lead};
use waldo_auth_core::Head;
use zeroize::Zeroizing;

use crate::body::Body;
use crate::layer::WaldoLayer;
use crate::sleep::Sleep;

/// Logs in for all calls, unless another program has a token.
pub(crate) async fn log_in<S, B, R>(service: S, lead: Lead, layer: WaldoLayer)
where
    S: Service<
            Request<Body<B>>,
            Response = Response<R>,
            Error: Into<Box<dyn StdError + Send + Sync>>,
        >,
    R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    #[cfg(feature = "store")]
    if let Some(sharing) = &layer.sharing {
        if let Some((lead, reporter)) = sharing.claim(lead, |span| layer.sleep.of(span)).await {
            send(service, lead, layer.sleep.clone()).await;
            reporter.report().await;
        }
        return;
    }
    send(service, lead, layer.sleep).await;
}

/// Sends the login's request through a ready service, and ends the lead with the answer or the
/// error.
async fn send<S, B, R>(mut service: S, lead: Lead, sleep: Sleep)
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
