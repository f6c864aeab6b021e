//! Logging in for everyone.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::pin;

use bytes::{BufMut, Bytes};
use http::{Request, Response};
use tower_service::Service;
use waldo_auth_core::{Call, Head, Login};
use waldo_auth_shared::Lead;
use zeroize::Zeroizing;

use crate::body::Body;
use crate::sleep::Sleep;

/// Sends the login's request through a service that is ready, and ends the lead with what comes back. The leader's own call goes on.
pub(crate) async fn log_in<S, B, R>(service: S, lead: Lead<'_>, sleep: &Sleep) -> Call
where
    S: Service<Request<Body<B>>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
    R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    // It holds the key pair; the memory is wiped when the service below lets go of it.
    let request = lead.request().map(|body| Body::bytes(Bytes::from_owner(Zeroizing::new(body))));
    let patience = lead.patience();
    let mut noted = None;
    let ended = sleep.unless(patience, exchange(service, request, &mut noted)).await;
    match (ended, noted) {
        // A status that is no success says enough with as much of its body as came, however that ends.
        (ended, Some(answer)) if matches!(ended, Some(Ok(()))) || !answer.status().is_success() => {
            lead.answer(Head::from(&answer), answer.body())
        }
        (Some(Err(error)), _) => lead.fail(error),
        (Some(Ok(())) | None, _) => lead.time_out(format!("no answer within {patience:?}")),
    }
}

/// Notes the answer as it comes: its head, and then its body.
async fn exchange<S, B, R>(
    mut service: S,
    request: Request<Body<B>>,
    noted: &mut Option<Response<Vec<u8>>>,
) -> Result<(), Box<dyn StdError + Send + Sync>>
where
    S: Service<Request<Body<B>>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
    R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    let sent = service.call(request);
    drop(service);
    let (head, body) = sent.await.map_err(Into::into)?.into_parts();
    let answer = noted.insert(Response::from_parts(head, Vec::new()));
    read(body, answer.body_mut()).await.map_err(Into::into)
}

/// Reads a body, or as much of it as tells that it is too large: that many bytes, or that many pieces.
async fn read<R: http_body::Body>(body: R, bytes: &mut Vec<u8>) -> Result<(), R::Error> {
    let (mut body, mut pieces) = (pin!(body), 0..=Login::MAX_BODY);
    while bytes.len() <= Login::MAX_BODY
        && pieces.next().is_some()
        && let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            bytes.put(data);
        }
    }
    Ok(())
}
