//! Explains what the next call would do, and why.

use std::fmt;
use std::time::Duration;

use crate::failure::Refusal;
use crate::store::StoreState;

/// What a replayable call without a deadline would do now. `Display` shows it in one sentence (rule
/// 22).
///
/// [`admit`](crate::Session::admit) acts on the same decision, so the explanation always agrees
/// with `admit`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Explanation {
    /// The call would be sent at once.
    Send {
        /// The generation of the held token.
        generation: u64,
        /// How much of the token's lifetime is left, leeway included.
        left: Duration,
        /// Whether an upload with this token broke off. Then the next upload asks the server
        /// first.
        doubtful: bool,
    },
    /// The call would log in.
    Authenticate {
        /// Why there is no usable token.
        why: NoToken,
        /// The store that is asked for a token first.
        store: StoreState,
    },
    /// The call would wait for the login under way.
    WaitForLogin {
        /// The number of the login.
        login: u64,
        /// The longest time that the call would wait.
        at_most: Duration,
    },
    /// The call would wait until the next login may start.
    BackOff {
        /// The time that the call would wait.
        wait: Duration,
    },
    /// The call would be refused.
    Refuse {
        /// The error that the call would get.
        refusal: Refusal,
        /// The time from now until a call may try again.
        remaining: Duration,
    },
}

/// Why there is no usable token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoToken {
    /// The session has never held a token.
    NeverLoggedIn,
    /// The lifetime of the held token has ended, or only the leeway is left.
    Expired,
    /// The server refused the last token.
    Refused,
    /// Two uploads in a row broke off with the last token, so the server may refuse it.
    Doubtful,
    /// The last token was invalidated on request.
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
            Self::Authenticate { why, store } => {
                let first = match store {
                    StoreState::Shared => "ask the store for a token, or ",
                    StoreState::None | StoreState::Away(_) | StoreState::Private => "",
                };
                write!(f, "the next call would {first}log in, because {why}")?;
                match store {
                    StoreState::None | StoreState::Shared => Ok(()),
                    StoreState::Away(problem) => {
                        write!(f, "; the store cannot be used, because {problem}")
                    }
                    StoreState::Private => f.write_str(
                        "; the store is not used, because the server ends tokens that programs share",
                    ),
                }
            }
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
