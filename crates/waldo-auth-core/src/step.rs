//! The session's answers.

use crate::attempt::Attempt;
use crate::call::Call;
use crate::login::Login;
use crate::refusal::Refusal;
use crate::time::Instant;

/// What is to be done with a call; the answer of [`Session::admit`](crate::Session::admit).
///
/// Exhaustive on purpose: these four are the whole contract between the core and an embedding.
#[derive(Debug)]
#[must_use = "the call does not go on by itself"]
pub enum Step {
    /// The request carries the token: send it right away, as its successor is taken to have been issued no earlier than now.
    Send(Attempt),
    /// Log in for everyone, settle the login, and admit the call again.
    Authenticate(Login, Call),
    /// Wait until the instant, or until something has settled, and admit the call again. The instant lies in the future.
    Wait(Call, Instant),
    /// Give the call up with this error.
    Refuse(Refusal),
}

/// What is to be done with a response; the answer of [`Session::conclude`](crate::Session::conclude).
#[derive(Debug)]
#[must_use = "a call that is to be sent again does not go on by itself"]
pub enum Verdict {
    /// Deliver the response.
    Deliver,
    /// Drain or drop the response and admit the call again.
    Retry(Call),
}
