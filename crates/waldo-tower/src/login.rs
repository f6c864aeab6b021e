//! Logging in for everyone.

use std::error::Error as StdError;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;
use waldo_auth_client::{AnswerBody, Lead};
use waldo_auth_core::Head;
use zeroize::Zeroizing;

use crate::body::Body;
use crate::sleep::Sleep;

/// Sends the login's request through a service that is ready, and ends the lead with what comes
/// back.
pub(crate) async fn log_in<S, B, R>(mut service: S, lead: Lead, sleep: Sleep)
where
    S: Service<
            Request<Body<B>>,
            Response = Response<R>,
            Error: Into<Box<dyn StdError + Send + Sync>>,
        >,
    R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    // It holds the key pair; the memory is wiped when the service below lets go of it.
    let request = lead.request().map(|body| Body::bytes(Bytes::from_owner(Zeroizing::new(body))));
    let patience = lead.timeout();
    let too_slow = || format!("no answer within {patience:?}");
    let sent = service.call(request);
    // Give up the call's capacity, because the response may need this capacity.
    drop(service);
    let (head, body) = match sleep.unless(patience, sent).await {
        Some(Ok(response)) => response.into_parts(),
        Some(Err(error)) => return lead.fail(error),
        None => return lead.time_out(too_slow()),
    };
    let mut answer = AnswerBody::new();
    let ended = match lead.body_timeout(head.status) {
        Some(patience) => sleep.unless(patience, answer.read(body)).await,
        None => Some(Ok(())),
    };
    match ended {
        Some(Err(error)) if head.status.is_success() => lead.fail(error),
        None if head.status.is_success() => lead.time_out(too_slow()),
        // If the status is not a success, the part of the body that came is enough, even if the
        // body breaks off.
        Some(_) | None => lead.answer(Head::new(head.status, &head.headers), answer.bytes()),
    }
}
