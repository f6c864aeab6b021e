//! Logging in for everyone.

use std::io::Read;
use std::time::Duration;

use http::{HeaderMap, Request};
use ureq::{Agent, Timeout};
use waldo_auth_core::{Head, Instant, Login, Outcome, Reason, Unavailable};
use zeroize::Zeroizing;

use crate::error::status_of;
use crate::sending::configure;

/// Sends the login's request and reads what comes back. `deadline` is that of the leader's own call.
pub(crate) fn log_in(agent: &Agent, login: &Login, deadline: Option<Instant>, now: Instant) -> Outcome {
    let lease = login.lapses().saturating_duration_since(now);
    attempt(agent, login, Patience::within(lease, deadline, now))
}

/// A server that is silent for so long has failed, however little time the call had: a login takes a fraction of a second.
const BLAMEWORTHY: Duration = Duration::from_secs(5);

/// How long the leader waits for the answer, and whose fault it is when there is none by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patience {
    span: Duration,
    /// The leader's own call had so little time that silence proves nothing about the server.
    impatient: bool,
}

impl Patience {
    /// Up to a tenth, at most a second, before the lease lapses, so that silence is a failure that all share, and not a
    /// lapse after which the next caller waits as long again; and never beyond the call's own deadline.
    fn within(lease: Duration, deadline: Option<Instant>, now: Instant) -> Self {
        let span = lease.saturating_sub((lease / 10).min(Duration::from_secs(1)));
        match deadline.map(|deadline| deadline.saturating_duration_since(now)) {
            Some(own) if own < span => Self { span: own, impatient: own < BLAMEWORTHY.min(lease / 2) },
            _ => Self { span, impatient: false },
        }
    }
}

fn attempt(agent: &Agent, login: &Login, patience: Patience) -> Outcome {
    let (head, body) = login.request().into_parts();
    // It holds the key pair; this copy of it is wiped when the login has ended.
    let body = Zeroizing::new(body);
    let request = configure(agent, Request::from_parts(head, body.as_slice()))
        .timeout_global(Some(patience.span))
        .build();
    let mut response = match agent.run(request) {
        Ok(response) => response,
        Err(error) => return failed(login, patience, error),
    };
    let mut answer = Vec::new();
    match response.body_mut().as_reader().take(Login::MAX_BODY as u64 + 1).read_to_end(&mut answer) {
        // A status that is no success says enough without the rest of its body.
        Err(error) if response.status().is_success() => failed(login, patience, error.into()),
        Ok(_) | Err(_) => login.read(Head::from(&response), &answer),
    }
}

fn failed(login: &Login, patience: Patience, error: ureq::Error) -> Outcome {
    // A middleware of the user's made an error of it; the status is still the server's word.
    if let Some(status) = status_of(&error) {
        return login.read(Head::new(status, &HeaderMap::new()), &[]);
    }
    if patience.impatient && matches!(error, ureq::Error::Timeout(Timeout::Global)) {
        return Outcome::Abandoned;
    }
    let reason = if matches!(error, ureq::Error::Timeout(_)) { Reason::Timeout } else { Reason::Transport };
    Outcome::Unavailable(Unavailable::new(reason).with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_ends_before_its_lease_and_never_after_its_call() {
        let now = Instant::from_start(Duration::from_secs(100));
        let within = |lease, own: Option<u64>| {
            let deadline = own.map(|own| now.saturating_add(Duration::from_millis(own)));
            let patience = Patience::within(Duration::from_millis(lease), deadline, now);
            (patience.span.as_millis(), patience.impatient)
        };
        assert_eq!(within(30_000, None), (29_000, false));
        assert_eq!(within(100, None), (90, false));
        assert_eq!(within(30_000, Some(60_000)), (29_000, false));
        assert_eq!(within(30_000, Some(20_000)), (20_000, false));
        assert_eq!(within(30_000, Some(5000)), (5000, false));
        assert_eq!(within(30_000, Some(4999)), (4999, true));
        assert_eq!(within(1000, Some(500)), (500, false));
        assert_eq!(within(1000, Some(499)), (499, true));
        assert_eq!(within(0, Some(5)), (0, false));
    }
}
