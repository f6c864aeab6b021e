//! Logs in for all calls.

use std::io;

use http::{HeaderMap, Request};
use waldo_auth_client::Lead;
use waldo_auth_core::{Head, Origin};
use zeroize::Zeroizing;

use crate::body::{read, read_within};
use crate::error::status_of;
use crate::sending::Sender;

/// Sends the login's request, and ends the lead with the answer or the error.
pub(crate) fn log_in(sender: &Sender, origin: &Origin, lead: Lead) {
    let (head, body) = lead.request().into_parts();
    // The body holds the key pair, so it is wiped at the end of this function.
    let body = Zeroizing::new(body);
    let request = sender
        .configure(Request::from_parts(head, body.as_slice()))
        .timeout_global(Some(lead.timeout()))
        .accept_encoding("")
        .build();
    let response = match sender.perform(request) {
        Ok(response) => response,
        Err(error) => return fail(lead, error),
    };
    if sender.source(&response).is_some_and(|uri| !origin.contains(&uri)) {
        return lead.fail(io::Error::other(
            "another server has answered the login; a middleware of the agent may have sent it there",
        ));
    }
    let (head, body) = response.into_parts();
    let Some(timeout) = lead.body_timeout(head.status) else {
        return lead.answer(Head::new(head.status, &head.headers), &[]);
    };
    let answer = if head.status.is_success() {
        match read(body) {
            Ok(answer) => answer,
            Err(error) => return fail(lead, error),
        }
    } else {
        read_within(body, timeout)
    };
    lead.answer(Head::new(head.status, &head.headers), &answer);
}

fn fail(lead: Lead, error: ureq::Error) {
    match (status_of(&error), error) {
        // A middleware has turned the status into an error. The status still counts.
        (Some(status), _) => lead.answer(Head::new(status, &HeaderMap::new()), &[]),
        (None, error @ ureq::Error::Timeout(_)) => lead.time_out(error),
        // ureq's error does not return the inner error as its source.
        (None, ureq::Error::Io(error)) => lead.fail(error),
        (None, error) => lead.fail(error),
    }
}
