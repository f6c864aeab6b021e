//! Logging in for everyone.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::pin;

use bytes::{BufMut, Bytes};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use waldo_auth_core::{Call, Head, Login};
use waldo_auth_shared::Lead;
use zeroize::Zeroizing;

use crate::sleep::Sleep;

/// Sends the login's request through a service that is ready, and ends the lead with what comes back. The leader's own call goes on.
pub(crate) async fn log_in<S, B, R>(service: S, lead: Lead<'_>, sleep: &Sleep) -> Call
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
    B: From<Bytes>,
    R: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    // It holds the key pair; the memory is wiped when the service below lets go of it.
    let request = lead.request().map(|body| B::from(Bytes::from_owner(Zeroizing::new(body))));
    let patience = lead.patience();
    let mut head = None;
    let ended = sleep.unless(patience, exchange(service, request, &mut head)).await;
    match (ended, head) {
        (Some(Ok(body)), Some(head)) => lead.answer(Head::from(&head), &body),
        // A status that is no success says enough without its body, however that ends.
        (_, Some(head)) if !head.status().is_success() => lead.answer(Head::from(&head), &[]),
        (Some(Err(error)), _) => lead.fail(error),
        (Some(Ok(_)) | None, _) => lead.time_out(format!("no answer within {patience:?}")),
    }
}

/// The body of the answer. Its head is noted as soon as it has come.
async fn exchange<S, B, R>(
    mut service: S,
    request: Request<B>,
    noted: &mut Option<Response<()>>,
) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>>
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
    R: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    let sent = service.call(request);
    drop(service);
    let (head, body) = sent.await.map_err(Into::into)?.into_parts();
    *noted = Some(Response::from_parts(head, ()));
    read(body).await.map_err(Into::into)
}

/// Reads a body, or as much of it as tells that it is too large: that many bytes, or that many pieces.
async fn read<R: Body>(body: R) -> Result<Vec<u8>, R::Error> {
    let (mut body, mut bytes, mut pieces) = (pin!(body), Vec::new(), 0..=Login::MAX_BODY);
    while bytes.len() <= Login::MAX_BODY
        && pieces.next().is_some()
        && let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            bytes.put(data);
        }
    }
    Ok(bytes)
}
