//! The shipping state machine as a [`Machine`].

use http::Request;
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Head, Instant, Login, NotResumed, Now, Outcome, Reason,
    Refusal, Session, Snapshot, Unavailable, Upload, Verdict,
};

use super::{LoginEnd, Machine, Refused, Step, Why};

impl Machine for Session {
    type Call = Call;
    type Attempt = Attempt;
    type Login = Login;

    fn begin(config: Config) -> Self {
        Self::new(config)
    }

    fn call(one_shot: bool, deadline: Option<Instant>) -> Call {
        let call = if one_shot { Call::one_shot() } else { Call::replayable() };
        match deadline {
            Some(deadline) => call.with_deadline(deadline),
            None => call,
        }
    }

    fn admit(&mut self, call: Call, request: &mut Request<Vec<u8>>, now: Now) -> Step<Self> {
        match self.admit(call, request, now) {
            Ok(waldo_auth_core::Step::Send(attempt)) => Step::Send(attempt),
            Ok(waldo_auth_core::Step::Authenticate(login, call)) => Step::Authenticate(login, call),
            Ok(waldo_auth_core::Step::Wait(call, until)) => Step::Wait(call, until),
            Ok(waldo_auth_core::Step::Refuse(refusal)) => Step::Refuse(Refused::from(&refusal)),
            Err(foreign) => Step::Refuse(Refused {
                why: Why::Foreign,
                retry_at: now.monotonic,
                message: foreign.to_string(),
            }),
        }
    }

    fn conclude(&mut self, attempt: Attempt, head: Head<'_>, now: Now) -> Option<Call> {
        match self.conclude(attempt, head, now) {
            Verdict::Deliver => None,
            Verdict::Retry(call) => Some(call),
        }
    }

    fn upload(attempt: &Attempt) -> Upload {
        attempt.upload()
    }

    fn break_off(&mut self, attempt: Attempt, now: Now) -> Option<Call> {
        match self.break_off(attempt, now) {
            Verdict::Deliver => None,
            Verdict::Retry(call) => Some(call),
        }
    }

    fn request(login: &Login) -> Request<Vec<u8>> {
        login.request()
    }

    fn expires_at(login: &Login) -> Instant {
        login.expires_at()
    }

    fn settle(&mut self, login: Login, end: LoginEnd<'_>, now: Now) {
        let outcome = match end {
            LoginEnd::Answer(head, body) => login.read(head, body),
            LoginEnd::Transport => Outcome::Unavailable(Unavailable::new(Reason::Transport)),
            LoginEnd::Abandoned => Outcome::Abandoned,
        };
        self.settle(login, outcome, now);
    }

    fn reset(&mut self, credentials: Credentials, now: Now) {
        self.reset(credentials, now);
    }

    fn invalidate(&mut self, now: Now) {
        if let Some(generation) = self.generation() {
            self.invalidate(generation, now);
        }
    }

    fn holds(&self, now: Now) -> bool {
        self.snapshot(now).is_some()
    }

    fn snapshot(&self, now: Now) -> Option<Snapshot> {
        self.snapshot(now)
    }

    fn resume(&mut self, snapshot: &Snapshot, now: Now) -> Result<(), NotResumed> {
        self.resume(snapshot, now)
    }

    fn digest(&self) -> u64 {
        self.digest()
    }

    fn say(&self, now: Now) -> String {
        use std::fmt::Write;

        let mut said = format!("{self:?}\n{}\n", self.explain(now));
        for entry in self.journal().since(0) {
            // Writing to a string cannot fail.
            let _ = writeln!(said, "{} {entry:?} {}", entry.event.name(), entry.event);
        }
        said
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let why = match refusal {
            Refusal::Rejected { .. } => Why::Rejected,
            Refusal::Unavailable { .. } => Why::Unavailable,
            // `Refusal` is non-exhaustive, so other variants count as a deadline.
            Refusal::Deadline { .. } | _ => Why::Deadline,
        };
        Self { why, retry_at: refusal.retry_at(), message: refusal.to_string() }
    }
}
