//! Logging in for everyone.

use std::io::Read;

use http::{HeaderMap, Request};
use ureq::Agent;
use waldo_auth_core::{Call, Head, Login};
use waldo_auth_shared::Lead;
use zeroize::Zeroizing;

use crate::error::status_of;
use crate::sending::configure;

/// Sends the login's request, and ends the lead with what comes back. The leader's own call goes on.
pub(crate) fn log_in(agent: &Agent, lead: Lead<'_>) -> Call {
    let (head, body) = lead.request().into_parts();
    // It holds the key pair; this copy of it is wiped when the login has ended.
    let body = Zeroizing::new(body);
    let request = configure(agent, Request::from_parts(head, body.as_slice()))
        .timeout_global(Some(lead.patience()))
        .build();
    let mut response = match agent.run(request) {
        Ok(response) => response,
        Err(error) => return fail(lead, error),
    };
    let mut answer = Vec::new();
    match response.body_mut().as_reader().take(Login::MAX_BODY as u64 + 1).read_to_end(&mut answer) {
        // A status that is no success says enough without the rest of its body.
        Err(error) if response.status().is_success() => fail(lead, error.into()),
        Ok(_) | Err(_) => lead.answer(Head::from(&response), &answer),
    }
}

fn fail(lead: Lead<'_>, error: ureq::Error) -> Call {
    match status_of(&error) {
        // A middleware of the user's made an error of it; the status is still the server's word.
        Some(status) => lead.answer(Head::new(status, &HeaderMap::new()), &[]),
        None if matches!(error, ureq::Error::Timeout(_)) => lead.time_out(error),
        None => lead.fail(error),
    }
}
