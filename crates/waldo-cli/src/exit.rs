//! The exit codes.

use std::fmt::Write as _;
use std::process::ExitCode;

use waldo_ureq::http::StatusCode;

/// How a run ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Other = 1,
    Usage = 2,
    Redirect = 3,
    ClientError = 4,
    ServerError = 5,
    NoCredentials = 10,
    Rejected = 11,
    TryLater = 12,
    Timeout = 13,
    Network = 14,
    Interrupted = 130,
}

impl Exit {
    pub(crate) const ALL: [Self; 12] = [
        Self::Success,
        Self::Other,
        Self::Usage,
        Self::Redirect,
        Self::ClientError,
        Self::ServerError,
        Self::NoCredentials,
        Self::Rejected,
        Self::TryLater,
        Self::Timeout,
        Self::Network,
        Self::Interrupted,
    ];

    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Other => "any other error",
            Self::Usage => "the command line or a setting is wrong",
            Self::Redirect => "the API answered 3xx",
            Self::ClientError => "the API answered 4xx",
            Self::ServerError => "the API answered 5xx",
            Self::NoCredentials => "there is no usable key pair",
            Self::Rejected => "the API rejected the key pair",
            Self::TryLater => "no login is allowed for now; the message says when",
            Self::Timeout => "the time limit was reached",
            Self::Network => "the API could not be reached",
            Self::Interrupted => "ended by Ctrl-C",
        }
    }

    /// The exit code for a status of the API.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            // No status of HTTP.
            _ => Self::Other,
        }
    }

    /// The table of all exit codes, for `--help`.
    pub(crate) fn table() -> String {
        let mut table = String::from("Exit codes:\n");
        for exit in Self::ALL {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{:>5}  {}", exit.code(), exit.meaning());
        }
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
