//! Why a command failed: what went wrong, why, and what to do next.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use serde_json::json;
use waldo_ureq::{BuildError, Error, Reason, Refusal, Refused};

use crate::exit::Exit;
use crate::terminal;

/// Why a command failed. It holds no secret.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    why: Option<String>,
    next: Option<String>,
    retry_in: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: None, next: None, retry_in: None }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The cause.
    pub(crate) fn because(self, why: impl Display) -> Self {
        Self { why: Some(why.to_string()), ..self }
    }

    /// The next step of the user.
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    pub(crate) fn retry_in(self, retry_in: Option<Duration>) -> Self {
        Self { retry_in, ..self }
    }

    /// How long to wait before the same command may succeed.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.retry_in
    }

    /// The cause, if it is known.
    pub(crate) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// The failure and its cause in one line, for a warning.
    pub(crate) fn reason(&self) -> String {
        match &self.why {
            Some(why) => format!("{}: {why}", self.what),
            None => self.what.clone(),
        }
    }

    /// The result could not be written. A reader that has read enough is no failure.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Success, String::new());
        }
        Self::new(Exit::Other, "the output cannot be written").because(error)
    }

    /// Prints the failure to stderr.
    pub(crate) fn print(&self, as_json: bool) {
        if self.exit == Exit::Success {
            return;
        }
        let at = self.retry_in.map(terminal::date_in);
        if as_json {
            let error = json!({
                "code": self.exit.code(),
                "what": self.what,
                "why": self.why,
                "next": self.next,
                "retry_in": self.retry_in.map(|wait| wait.as_secs_f64()),
                "retry_at": at,
            });
            terminal::note(&json!({ "schema": 1, "error": error }).to_string());
            return;
        }
        let what = terminal::printable(&self.what);
        terminal::note(&format!("{} {what}", terminal::Color::Red.paint("error:")));
        if let Some(why) = &self.why {
            terminal::note(&format!("  why: {}", terminal::printable(why)));
        }
        let wait = self.retry_in.filter(|wait| !wait.is_zero());
        if let (Some(wait), Some(at)) = (wait, at) {
            let wait = terminal::rounded_up(wait);
            terminal::note(&format!("  try again in {wait}, at {at}"));
        }
        if let Some(next) = &self.next {
            terminal::note(&format!("  next: {next}"));
        }
    }
}

/// The deepest cause of an error, if it says more than the error.
fn cause(error: &dyn StdError) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let (cause, shown) = (cause.to_string(), error.to_string());
    (!shown.contains(&cause)).then_some(cause)
}

impl From<Error> for Failure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum of the client may grow")]
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Refused(refused) => exit_of(refused),
            Error::ForeignOrigin(_)
            | Error::TooManyHeaders
            | Error::Target { .. }
            | Error::Segment(_)
            | Error::Header(_) => Exit::Usage,
            Error::Body(_) => Exit::Other,
            Error::Status(error) => Exit::of(error.status()),
            Error::BrokeOff(_) | Error::Ureq(_) if error.is_timeout() => Exit::Timeout,
            // The transport, and variants that do not exist yet.
            _ => Exit::Network,
        };
        let failure = Self::new(exit, error.to_string()).retry_in(error.retry_in());
        let failure = match cause(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        };
        match exit {
            Exit::Rejected => failure.next("waldo status shows where the key pair comes from"),
            // More time does not help if each login took too long: a login has its own limit.
            Exit::Timeout if error.is_timeout() => {
                failure.next("give it more time: a longer --timeout")
            }
            Exit::Network => failure.next("waldo status shows the origin"),
            _ => failure,
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enums of the core may grow")]
fn exit_of(refused: &Refused) -> Exit {
    let failure = match &refused.refusal {
        Refusal::Rejected { .. } => return Exit::Rejected,
        Refusal::Unavailable { failure, .. } | Refusal::Deadline { failure: Some(failure), .. } => {
            failure
        }
        _ => return Exit::Timeout,
    };
    match failure.reason() {
        Reason::Timeout => Exit::Timeout,
        Reason::Transport
        | Reason::NameResolution
        | Reason::ConnectionRefused
        | Reason::Certificate
        | Reason::Tls => Exit::Network,
        _ => Exit::TryLater,
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::usage(error.to_string()).next("waldo status shows where each setting comes from")
    }
}
