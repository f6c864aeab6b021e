//! Logging in for everyone.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use reqwest::{Body, Request};
use tokio::time::timeout;
use waldo_auth_client::{AnswerBody, Lead};
use waldo_auth_core::Head;
use zeroize::Zeroizing;

/// Sends the login's request, and ends the lead with what comes back.
pub(crate) async fn log_in(http: reqwest::Client, lead: Lead) {
    let (head, body) = match timeout(lead.timeout(), ask(&http, &lead)).await {
        Ok(Ok(response)) => response.into_parts(),
        Ok(Err(error)) => return fail(lead, error),
        Err(late) => return lead.time_out(late),
    };
    let mut answer = AnswerBody::new();
    let ended = match lead.body_timeout(head.status) {
        Some(patience) => timeout(patience, answer.read(body)).await,
        None => Ok(Ok(())),
    };
    match ended {
        Ok(Err(error)) if head.status.is_success() => fail(lead, error),
        Err(late) if head.status.is_success() => lead.time_out(late),
        // If the status is not a success, the part of the body that came is enough, even if the
        // body breaks off.
        Ok(_) | Err(_) => lead.answer(Head::new(head.status, &head.headers), answer.bytes()),
    }
}

/// Longer than any login may take.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

async fn ask(http: &reqwest::Client, lead: &Lead) -> reqwest::Result<Response<Body>> {
    // It holds the key pair; the memory is wiped when reqwest lets go of it.
    let request = lead.request().map(|body| Bytes::from_owner(Zeroizing::new(body)));
    let mut request = Request::try_from(request)?;
    // reqwest looks at its own timer before the answer. An answer that came while the runtime
    // rested would count as late.
    *request.timeout_mut() = Some(NEVER);
    Ok(http.execute(request).await?.into())
}

/// A timeout in reqwest's own settings counts as a timeout, too.
fn fail(lead: Lead, error: reqwest::Error) {
    if error.is_timeout() { lead.time_out(error) } else { lead.fail(error) }
}
