//! What the next call would do, and why.

use std::fmt;
use std::time::Duration;

use crate::failure::Refusal;

/// What a replayable call without a deadline would do if it came now; `Display` says it in one
/// sentence (rule 22).
///
/// [`admit`](crate::Session::admit) acts on the same decision, so the explanation always agrees
/// with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Explanation {
    /// It would be sent at once.
    Send {
        /// The generation of the held token.
        generation: u64,
        /// How much of its lifetime is left, leeway included.
        left: Duration,
        /// Whether an upload with this token broke off. Then the next upload asks the server
        /// first.
        doubtful: bool,
    },
    /// It would log in.
    Authenticate {
        /// Why there is no usable token.
        why: NoToken,
    },
    /// It would wait for the login under way.
    WaitForLogin {
        /// The number of the login.
        login: u64,
        /// At most for this long.
        at_most: Duration,
    },
    /// It would wait until the next login may start.
    BackOff {
        /// For this long.
        wait: Duration,
    },
    /// It would be refused.
    Refuse {
        /// With this error.
        refusal: Refusal,
        /// For this long from now.
        remaining: Duration,
    },
}

/// Why there is no usable token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoToken {
    /// There never was one.
    NeverLoggedIn,
    /// The lifetime of the held one has ended, or nearly so.
    Expired,
    /// The server refused the last one.
    Refused,
    /// Two uploads in a row broke off with the last one, so the server may refuse it.
    Doubtful,
    /// The last one was invalidated on request.
    Invalidated,
    /// The credentials were replaced.
    Reset,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { generation, left, doubtful } => {
                write!(
                    f,
                    "the next call would be sent with generation {generation}, which has {left:.1?} left"
                )?;
                if *doubtful {
                    f.write_str(
                        "; an upload with this token broke off, so the server may refuse the token",
                    )
                } else {
                    Ok(())
                }
            }
            Self::Authenticate { why } => write!(f, "the next call would log in, because {why}"),
            Self::WaitForLogin { login, at_most } => {
                write!(
                    f,
                    "the next call would wait for login {login}, which is under way, for at most {at_most:.1?}"
                )
            }
            Self::BackOff { wait } => {
                write!(
                    f,
                    "the next call would wait {wait:.1?}, because the last login brought no token"
                )
            }
            Self::Refuse { refusal, remaining } => {
                write!(
                    f,
                    "the next call would be refused, and so for another {remaining:.1?}: {refusal}"
                )
            }
        }
    }
}

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverLoggedIn => "there has been no token yet",
            Self::Expired => "the lifetime of the held token is over",
            Self::Refused => "the server refused the last token",
            Self::Doubtful => "two uploads in a row broke off with the last token",
            Self::Invalidated => "the last token was invalidated",
            Self::Reset => "the credentials were replaced",
        })
    }
}
