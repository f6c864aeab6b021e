//! The methods that change nothing agree with the methods that they stand for.

use http::{StatusCode, header::AUTHORIZATION};

use super::{Output, Rule, Step, elsewhere, request};
use crate::call::{self, Verdict};
use crate::explain::Explanation;
use crate::failure::Refusal;
use crate::session::proof::inputs::{Caller, Input};
use crate::session::proof::state::{digest, now};
use crate::wire::Head;

pub(super) const ALL: &[(&str, Rule)] = &[
    ("try_admit_agrees_with_admit", try_admit_agrees_with_admit),
    ("explain_agrees_with_admit", explain_agrees_with_admit),
    ("is_unchanged_by_agrees_with_conclude", is_unchanged_by_agrees_with_conclude),
];

/// `try_admit` sends exactly what `admit` sends. It gives up only if a lease has expired, or if
/// `admit` has to look at the login first.
fn try_admit_agrees_with_admit(step: &Step<'_>) -> bool {
    let (Input::Call(caller), Output::Call(answer, header)) = (step.input, step.output) else {
        return true;
    };
    let mut request = request(false);
    let call = caller.call(step.state);
    match (step.before.try_admit(call, &mut request, now()), answer) {
        (Ok(Ok(attempt)), Ok(call::Step::Send(sent))) => {
            digest(&attempt) == digest(sent)
                && request.headers().get(AUTHORIZATION) == header.as_ref()
                && !step.changed.anything()
        }
        (Ok(Err(_)), Ok(call::Step::Send(_))) => {
            step.changed.lease || (caller.one_shot && step.state.lacks_one_shot_leeway())
        }
        (Ok(Err(_)), Ok(_)) => request.headers().is_empty(),
        _ => false,
    }
}

/// `explain` says what `admit` does with a new replayable call.
fn explain_agrees_with_admit(step: &Step<'_>) -> bool {
    let (Input::Call(caller), Output::Call(Ok(answer), _)) = (step.input, step.output) else {
        return true;
    };
    let Caller { one_shot: false, deadline: None, arrival: None, .. } = caller else { return true };
    let from_now = |wait| now().monotonic.saturating_add(wait);
    match (step.before.explain(now()), answer) {
        (Explanation::Send { generation, doubtful, .. }, call::Step::Send(attempt)) => {
            generation == attempt.generation
                && Some(doubtful) == step.state.held.map(|held| held.doubtful)
        }
        (Explanation::Authenticate { .. }, call::Step::Authenticate(..)) => true,
        (Explanation::WaitForLogin { login, at_most }, call::Step::Wait(call, until)) => {
            login == call.waited_for && from_now(at_most) == *until && step.state.has_live_lease()
        }
        (Explanation::BackOff { wait }, call::Step::Wait(_, until)) => {
            from_now(wait) == *until && !step.state.has_live_lease()
        }
        (Explanation::Refuse { refusal, .. }, call::Step::Refuse(refused)) => {
            matches!((&refusal, refused), (Refusal::Rejected { .. }, Refusal::Rejected { .. }))
                && refusal.retry_at() == refused.retry_at()
        }
        _ => false,
    }
}

/// `is_unchanged_by` is true only if `conclude` delivers the response and changes nothing, and is
/// true for every success that brings no token and nothing new.
fn is_unchanged_by_agrees_with_conclude(step: &Step<'_>) -> bool {
    let (Input::Response(sent, response), Output::Verdict(verdict)) = (step.input, step.output)
    else {
        return true;
    };
    let headers = step.tokens.headers(step.state, &response);
    let mut head = Head::new(StatusCode::from_u16(response.status).unwrap(), headers);
    if response.foreign {
        head = head.with_uri(elsewhere());
    }
    let attempt = sent.attempt(step.state, step.before);
    let is_usual = response.status == 200
        && !response.foreign
        && response.offers.is_empty()
        && sent.epochs == 0
        && !step.changed.anything();
    if step.before.is_unchanged_by(&attempt, head) {
        matches!(verdict, Verdict::Deliver) && !step.changed.anything() && !step.noted
    } else {
        !(is_usual && step.state.is_trusted())
    }
}
