//! Logs in for all calls.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use reqwest::{Body, Request};
use tokio::time::timeout;
use waldo_auth_client::{AnswerBody, Lead};
use waldo_auth_core::Head;
use zeroize::Zeroizing;

/// Sends the login's request, and ends the lead with the answer or the error.
pub(crate) async fn log_in(http: reqwest::Client, lead: Lead) {
    let (head, body) = match timeout(lead.timeout(), ask(&http, &lead)).await {
        Ok(Ok(response)) => response.into_parts(),
        Ok(Err(error)) => return fail(lead, error),
        Err(late) => return lead.time_out(late),
    };
    let mut answer = AnswerBody::new();
    let ended = match lead.body_timeout(head.status) {
        Some(limit) => timeout(limit, answer.read(body)).await,
        None => Ok(Ok(())),
    };
    match ended {
        Ok(Err(error)) if head.status.is_success() => fail(lead, error),
        Err(late) if head.status.is_success() => lead.time_out(late),
        // If the status is no success, the part of the body that has come is enough.
        Ok(_) | Err(_) => lead.answer(Head::new(head.status, &head.headers), answer.bytes()),
    }
}

/// Longer than any login may take.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

async fn ask(http: &reqwest::Client, lead: &Lead) -> reqwest::Result<Response<Body>> {
    // The body holds the key pair, so its memory is wiped when reqwest drops it.
    let request = lead.request().map(|body| Bytes::from_owner(Zeroizing::new(body)));
    let mut request = Request::try_from(request)?;
    // Disable reqwest's own timer: it is checked before the answer, so an answer that came while
    // the runtime was blocked would count as late.
    *request.timeout_mut() = Some(NEVER);
    Ok(http.execute(request).await?.into())
}

/// Ends the login with the error. A timeout in reqwest's own settings counts as a timeout too.
fn fail(lead: Lead, error: reqwest::Error) {
    if error.is_timeout() { lead.time_out(error) } else { lead.fail(error) }
}
