//! Logging in for everyone.

use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use http::{HeaderMap, Request};
use ureq::Body;
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
        .accept_encoding("")
        .build();
    let response = match sender.agent().run(request) {
        Ok(response) => response,
        Err(error) => return fail(lead, error),
    };
    if sender.source(&response).is_some_and(|uri| !origin.contains(&uri)) {
        return lead.fail(io::Error::other(
            "another server has answered the login; a middleware of the agent may have sent it there",
        ));
    }
    let (head, body) = response.into_parts();
    let Some(patience) = lead.body_patience(head.status) else {
        return lead.answer(Head::new(head.status, &head.headers), &[]);
    };
    let answer = if head.status.is_success() {
        match read(body) {
            Ok(answer) => answer,
            Err(error) => return fail(lead, error),
        }
    } else {
        read_within(body, patience).unwrap_or_default()
    };
    lead.answer(Head::new(head.status, &head.headers), &answer)
}

/// What can be read in so much time.
fn read_within(body: Body, patience: Duration) -> Option<Zeroizing<Vec<u8>>> {
    let (sender, answer) = mpsc::sync_channel(1);
    // ureq takes its limits before the status is known, and a read that blocks cannot be ended. So a thread is left with a
    // body that stalls, until the time of the login is over.
    thread::Builder::new().spawn(move || read(body).map(|answer| sender.send(answer))).ok()?;
    answer.recv_timeout(patience).ok()
}

/// Reads one byte more than an answer may have, at most. It may echo the key pair, so the buffer is wiped.
fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    let most = Login::MAX_BODY + 1;
    // Allocated once, because growth would leave copies behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(most));
    // ureq's limit is about what comes over the wire: a compressed body can be endless and bring nothing.
    let reader = body.into_with_config().limit(most as u64).reader();
    match reader.take(most as u64).read_to_end(&mut answer).map_err(ureq::Error::from) {
        Err(ureq::Error::BodyExceedsLimit(_)) => answer.resize(most, 0),
        result => drop(result?),
    }
    Ok(answer)
}

fn fail(lead: Lead<'_>, error: ureq::Error) -> Call {
    match (status_of(&error), error) {
        // A middleware of the user's made an error of it; the status is still the server's word.
        (Some(status), _) => lead.answer(Head::new(status, &HeaderMap::new()), &[]),
        (None, error @ ureq::Error::Timeout(_)) => lead.time_out(error),
        // ureq's own error does not lead to the one that it holds.
        (None, ureq::Error::Io(error)) => lead.fail(error),
        (None, error) => lead.fail(error),
    }
}
