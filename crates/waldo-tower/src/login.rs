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
    match sleep.unless(patience, exchange(service, request)).await {
        Some(Ok((response, body))) => lead.answer(Head::from(&response), &body),
        Some(Err(error)) => lead.fail(error),
        None => lead.time_out(format!("no answer within {patience:?}")),
    }
}

async fn exchange<S, B, R>(
    mut service: S,
    request: Request<B>,
) -> Result<(Response<()>, Vec<u8>), Box<dyn StdError + Send + Sync>>
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
    R: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    let sent = service.call(request);
    drop(service);
    let (head, body) = sent.await.map_err(Into::into)?.into_parts();
    let response = Response::from_parts(head, ());
    match read(body).await {
        Ok(body) => Ok((response, body)),
        // A status that is no success says enough without its body.
        Err(_) if !response.status().is_success() => Ok((response, Vec::new())),
        Err(error) => Err(error.into()),
    }
}

/// Reads a body, or as much of it as tells that it is too large.
async fn read<R: Body>(body: R) -> Result<Vec<u8>, R::Error> {
    let (mut body, mut bytes) = (pin!(body), Vec::new());
    while bytes.len() <= Login::MAX_BODY
        && let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            bytes.put(data);
        }
    }
    Ok(bytes)
}
