//! How a call ended.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use waldo_auth_core::{Instant, Refusal};

use super::span::Span;
use super::window::Precision;

/// How a call ended, in terms that fit every client.
#[derive(Clone, PartialEq, Eq)]
// Exhaustive on purpose: a client maps its errors to these variants, and a runner compares them.
pub enum Ending {
    /// A response was delivered.
    Answered {
        /// The status of the response.
        status: u16,
        /// The whole body of the response.
        body: Vec<u8>,
    },
    /// The call was refused without a response: the server has rejected the key pair.
    Rejected {
        /// The server's code, such as `INVALID_API_KEY`.
        code: String,
        /// How long to wait from the end of the call before another try.
        retry_in: Duration,
    },
    /// The call was refused without a response: logins fail, but the key pair may be right.
    Unavailable {
        /// How long to wait from the end of the call before another try.
        retry_in: Duration,
        /// The reason why the last login failed, for a reader of the report. No scenario compares
        /// it.
        why: String,
    },
    /// The call was refused without a response: its deadline comes before a login can bring a
    /// token.
    Deadline {
        /// How long to wait from the end of the call before another try.
        retry_in: Duration,
        /// The client's message, for a reader of the report. No scenario compares it.
        why: String,
    },
    /// The call was refused without a response: it goes to another origin than the client's.
    ForeignOrigin,
    /// The request was sent, and no answer came in time.
    TimedOut,
    /// The request was sent, and the transport failed.
    Failed,
    /// The call was cancelled before it ended.
    Cancelled,
    /// Any other ending, with a message for a reader of the report. No scenario expects it.
    Other(String),
}

impl Ending {
    /// The ending of a call that the core has refused `now`.
    ///
    /// ```
    /// use waldo_auth_core::{Instant, Refusal};
    /// use waldo_test_driver::scenario::Ending;
    ///
    /// fn ending(refusal: &Refusal, now: Instant) -> Ending {
    ///     Ending::refused(refusal, refusal.retry_at().saturating_duration_since(now))
    /// }
    /// ```
    pub fn refused(refusal: &Refusal, retry_in: Duration) -> Self {
        match refusal {
            Refusal::Rejected { rejection, .. } => {
                Self::Rejected { code: rejection.code().as_str().to_owned(), retry_in }
            }
            Refusal::Unavailable { .. } => {
                Self::Unavailable { retry_in, why: with_sources(refusal) }
            }
            Refusal::Deadline { .. } => Self::Deadline { retry_in, why: with_sources(refusal) },
            other => Self::Other(format!("an unknown refusal: {other}")),
        }
    }

    /// The ending as it is reported: real times are rounded to the millisecond.
    pub(super) fn told(&self, precision: Precision) -> Self {
        let mut rounded = self.clone();
        match &mut rounded {
            Self::Rejected { retry_in, .. }
            | Self::Unavailable { retry_in, .. }
            | Self::Deadline { retry_in, .. } => {
                *retry_in = precision.tell(*retry_in).duration();
            }
            Self::Answered { .. }
            | Self::ForeignOrigin
            | Self::TimedOut
            | Self::Failed
            | Self::Cancelled
            | Self::Other(_) => {}
        }
        rounded
    }

    pub(super) fn at(refusal: &Refusal, now: Instant) -> Self {
        Self::refused(refusal, refusal.retry_at().saturating_duration_since(now))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, .. } => write!(f, "{status}"),
            Self::Rejected { code, retry_in } => {
                write!(f, "refused as rejected with {code}, retry in {}", Span::from(*retry_in))
            }
            Self::Unavailable { retry_in, why } => {
                write!(f, "refused as unavailable, retry in {} ({why})", Span::from(*retry_in))
            }
            Self::Deadline { retry_in, why } => {
                write!(f, "refused for its deadline, retry in {} ({why})", Span::from(*retry_in))
            }
            Self::ForeignOrigin => f.write_str("refused for its foreign origin"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Failed => f.write_str("failed in transport"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// An error and all its causes, in one line.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Skip a cause whose words are already in the text, because many errors repeat their cause.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Like `Display`, which leaves out the body.
impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with a text and perhaps a cause.
    #[derive(Debug)]
    struct Wrong(&'static str, Option<Box<Self>>);

    impl fmt::Display for Wrong {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Wrong {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn an_error_is_shown_with_each_cause_once() {
        let causes = Wrong("no call: no server", Some(Box::new(Wrong("reset by peer", None))));
        let error = Wrong("no call", Some(Box::new(causes)));
        assert_eq!(with_sources(&error), "no call: no call: no server: reset by peer");
        let error = Wrong("no call: no server", Some(Box::new(Wrong("no server", None))));
        assert_eq!(with_sources(&error), "no call: no server");
    }

    #[test]
    fn an_ending_shows_no_body() {
        let ending = Ending::Answered { status: 200, body: b"secret".to_vec() };
        assert_eq!(format!("{ending:?}"), "200");
    }
}
