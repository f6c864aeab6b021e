//! Logging in for everyone.

use std::io::{self, Read};

use http::{HeaderMap, Request};
use waldo_auth_core::{Call, Head, Login, Origin};
use waldo_auth_shared::Lead;
use zeroize::Zeroizing;

use crate::error::status_of;
use crate::sending::Sender;

/// Sends the login's request, and ends the lead with what comes back. The leader's own call goes on.
pub(crate) fn log_in(sender: &Sender, origin: &Origin, lead: Lead<'_>) -> Call {
    let (head, body) = lead.request().into_parts();
    // It holds the key pair; this copy of it is wiped when the login has ended.
    let body = Zeroizing::new(body);
    let request = sender
        .configure(Request::from_parts(head, body.as_slice()))
        .timeout_global(Some(lead.patience()))
        .build();
    let mut response = match sender.agent().run(request) {
        Ok(response) => response,
        Err(error) => return fail(lead, error),
    };
    if sender.source(&response).is_some_and(|uri| !origin.contains(&uri)) {
        return lead.fail(io::Error::other(
            "another server has answered the login; a middleware of the agent may have sent it there",
        ));
    }
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
        // ureq's own error does not lead to the one that it holds.
        None => match error {
            ureq::Error::Io(error) => lead.fail(error),
            error => lead.fail(error),
        },
    }
}
