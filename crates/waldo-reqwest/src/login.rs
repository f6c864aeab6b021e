//! Logging in for everyone.

use bytes::Bytes;
use reqwest::{Request, Response};
use waldo_auth_core::{Call, Head, Login};
use waldo_auth_shared::Lead;
use zeroize::Zeroizing;

/// Sends the login's request, and ends the lead with what comes back. Dropped in the middle, it hands over to another call.
pub(crate) async fn log_in(http: &reqwest::Client, lead: Lead<'_>) -> Call {
    match ask(http, &lead).await {
        Ok((response, body)) => lead.answer(Head::new(response.status(), response.headers()), &body),
        Err(error) if error.is_timeout() => lead.time_out(error),
        Err(error) => lead.fail(error),
    }
}

async fn ask(http: &reqwest::Client, lead: &Lead<'_>) -> reqwest::Result<(Response, Vec<u8>)> {
    // It holds the key pair; the memory is wiped when reqwest lets go of it.
    let request = lead.request().map(|body| Bytes::from_owner(Zeroizing::new(body)));
    let mut request = Request::try_from(request)?;
    *request.timeout_mut() = Some(lead.patience());
    let mut response = http.execute(request).await?;
    let mut body = Vec::new();
    while body.len() <= Login::MAX_BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) if response.status().is_success() => return Err(error),
            // A status that is no success says enough without the rest of its body.
            Ok(None) | Err(_) => break,
        }
    }
    Ok((response, body))
}
