//! The recent events of a session, without secrets.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::failure::Reason;
use crate::store::StoreProblem;
use crate::time::Instant;

/// How many entries of each kind are kept.
const CAPACITY: usize = 64;

/// A bounded record of a session's events, oldest first (rule 22).
///
/// The journal keeps the last 64 entries that come with calls, and the last 64 other entries. So
/// many calls do not push out the entries of the last logins.
///
/// The journal does not record the usual case: a call is sent with the held token, and its response
/// repeats that token.
///
/// ```
/// # use waldo_auth_core::{Config, Credentials, Session};
/// # let config = Config::builder("https://api.waldo.ai", Credentials::new("k", "s")?).build()?;
/// let session = Session::new(config);
/// let mut seen = 0;
/// for entry in session.journal().since(seen) {
///     println!("{} {}", entry.event.name(), entry.event);
///     seen = entry.number;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Journal {
    entries: Box<Entries>,
    written: u64,
}

#[derive(Clone, Debug)]
struct Entries {
    /// The entries that come with calls.
    of_calls: VecDeque<Entry>,
    others: VecDeque<Entry>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        let empty = || VecDeque::with_capacity(CAPACITY);
        Self { entries: Box::new(Entries { of_calls: empty(), others: empty() }), written: 0 }
    }

    pub(crate) fn note(&mut self, event: Event, at: Instant) {
        self.written += 1;
        let Entries { of_calls, others } = &mut *self.entries;
        let entries = if event.comes_with_calls() { of_calls } else { others };
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(Entry { number: self.written, at, event });
    }

    /// The number of the newest entry; 0 before the first entry. A reader who has seen the entry
    /// with this number has seen all entries.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The kept entries with a number above `number`, oldest first. `since(0)` returns all kept
    /// entries.
    pub fn since(&self, number: u64) -> impl Iterator<Item = &Entry> {
        let Entries { of_calls, others } = &*self.entries;
        let newer =
            |entries: &VecDeque<Entry>| entries.partition_point(|entry| entry.number <= number);
        let mut of_calls = of_calls.range(newer(of_calls)..).peekable();
        let mut others = others.range(newer(others)..).peekable();
        std::iter::from_fn(move || match (of_calls.peek(), others.peek()) {
            (Some(one), Some(other)) if one.number < other.number => of_calls.next(),
            (Some(_), None) => of_calls.next(),
            (_, _) => others.next(),
        })
    }
}

/// One line of the [`Journal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number of the entry, from 1. A gap in the numbers shows a reader how many entries it has
    /// missed.
    pub number: u64,
    /// When the event happened, by the embedder's monotonic clock.
    pub at: Instant,
    /// What happened.
    pub event: Event,
}

/// An event of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A response carried a renewed token, which is now held.
    Renewed {
        /// The generation that is held from now on.
        generation: u64,
        /// Its lifetime.
        lifetime: Duration,
    },
    /// A token, response or outcome is ignored.
    Ignored {
        /// Why it is ignored.
        why: Ignored,
    },
    /// A 401 answered the token.
    Challenged {
        /// The generation that was sent.
        generation: u64,
        /// What follows from the 401.
        outcome: Challenge,
    },
    /// The invalidation budget has no permit, so the 401 is delivered and the token stays.
    Throttled {
        /// The generation that was sent, and is still held.
        generation: u64,
    },
    /// An upload broke off without a response, so the server may have refused its token.
    UploadBrokeOff {
        /// The generation that was sent.
        generation: u64,
    },
    /// A second upload broke off with a doubtful token, which is dropped.
    DoubtfulDropped {
        /// The generation that was sent.
        generation: u64,
    },
    /// The server accepted the token for the first time, or again after a 401 or a doubt.
    Accepted {
        /// The generation that was sent.
        generation: u64,
    },
    /// A call leads a login.
    LoginStarted {
        /// The number of the login, from 1.
        login: u64,
    },
    /// A login brought a token, which is now held.
    LoginGranted {
        /// The number of the login.
        login: u64,
        /// The generation that is held from now on.
        generation: u64,
        /// Its lifetime.
        lifetime: Duration,
    },
    /// The server rejected the credentials.
    LoginRejected {
        /// The number of the login.
        login: u64,
        /// The status of the answer.
        status: StatusCode,
        /// The code; `OTHER` for an undocumented code.
        code: &'static str,
    },
    /// A login failed. A later login may work.
    LoginUnavailable {
        /// The number of the login.
        login: u64,
        /// The reason of the failure.
        reason: Reason,
    },
    /// The leader abandoned its login before an answer came.
    LoginAbandoned {
        /// The number of the login.
        login: u64,
    },
    /// A stored token is held, so the login was not needed.
    LoginSpared {
        /// The number of the login.
        login: u64,
    },
    /// A call waits for a login that another call leads.
    Coalesced {
        /// The number of the login.
        login: u64,
    },
    /// The circuit is open: calls are refused without traffic until one call may probe.
    CircuitOpened {
        /// The time from now until the probe.
        wait: Duration,
    },
    /// The lease of a login has expired: its leader has disappeared, or the server does not answer.
    LeaseExpired {
        /// The number of the login.
        login: u64,
    },
    /// The credentials were replaced.
    Reset,
    /// The held token was given up on request.
    Invalidated,
    /// Another session of the fleet has failed to log in, so this login was not sent.
    LoginFailedElsewhere {
        /// The number of the login.
        login: u64,
        /// The time from now until the next login may start.
        wait: Duration,
    },
    /// The login waits for the login of another session of the fleet.
    LoginPostponed {
        /// The number of the login.
        login: u64,
    },
    /// The logins of the fleet have failed before. If this session's login fails too, the next delay
    /// is longer.
    FailuresAdopted {
        /// How many logins in a row have failed.
        in_a_row: u32,
    },
    /// Other sessions of the fleet have dropped tokens, which counts for the invalidation budget.
    BudgetShared {
        /// The time until the budget is full again.
        debt: Duration,
    },
    /// The store of the fleet cannot be used. Until it comes back, the session logs in alone.
    StoreAway {
        /// The problem of the store.
        problem: StoreProblem,
    },
    /// The store of the fleet can be used again.
    StoreBack,
    /// The document in the store cannot be read, so it counts as empty and is replaced. For example,
    /// it was sealed with another client secret.
    StoreUnreadable,
    /// The server ends tokens that several sessions share. So the sessions do not share for an hour.
    SharingHarmful,
    /// A login of another session has ended the token of this session: the server keeps one session
    /// for each key pair.
    SingleSession,
    /// A stored token is now held.
    Resumed {
        /// The generation that is held from now on.
        generation: u64,
        /// The rest of its lifetime.
        left: Duration,
    },
}

impl Event {
    /// Whether this kind of event can come with every call.
    fn comes_with_calls(&self) -> bool {
        matches!(
            self,
            Self::Renewed { .. }
                | Self::Coalesced { .. }
                | Self::Ignored { .. }
                | Self::Challenged { .. }
                | Self::LoginPostponed { .. }
        )
    }

    /// A stable name for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Renewed { .. } => "renewed",
            Self::Ignored { .. } => "ignored",
            Self::Challenged { .. } => "challenged",
            Self::Throttled { .. } => "throttled",
            Self::UploadBrokeOff { .. } => "upload_broke_off",
            Self::DoubtfulDropped { .. } => "doubtful_dropped",
            Self::Accepted { .. } => "accepted",
            Self::LoginStarted { .. } => "login_started",
            Self::LoginGranted { .. } => "login_granted",
            Self::LoginRejected { .. } => "login_rejected",
            Self::LoginUnavailable { .. } => "login_unavailable",
            Self::LoginAbandoned { .. } => "login_abandoned",
            Self::LoginSpared { .. } => "login_spared",
            Self::Coalesced { .. } => "coalesced",
            Self::CircuitOpened { .. } => "circuit_opened",
            Self::LeaseExpired { .. } => "lease_expired",
            Self::Reset => "reset",
            Self::Invalidated => "invalidated",
            Self::LoginFailedElsewhere { .. } => "login_failed_elsewhere",
            Self::LoginPostponed { .. } => "login_postponed",
            Self::FailuresAdopted { .. } => "failures_adopted",
            Self::BudgetShared { .. } => "budget_shared",
            Self::StoreAway { .. } => "store_away",
            Self::StoreBack => "store_back",
            Self::StoreUnreadable => "store_unreadable",
            Self::SharingHarmful => "sharing_harmful",
            Self::SingleSession => "single_session",
            Self::Resumed { .. } => "resumed",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renewed { generation, lifetime } => {
                write!(f, "renewed to generation {generation}, which lasts {lifetime:.1?}")
            }
            Self::Ignored { why } => write!(f, "ignored {why}"),
            Self::Challenged { generation, outcome } => {
                write!(f, "generation {generation} was refused: {outcome}")
            }
            Self::Throttled { generation } => {
                write!(
                    f,
                    "generation {generation} was refused, but stays: too many tokens were dropped lately"
                )
            }
            Self::UploadBrokeOff { generation } => {
                write!(
                    f,
                    "an upload broke off: the server may have refused generation {generation}"
                )
            }
            Self::DoubtfulDropped { generation } => {
                write!(f, "a second upload broke off, so generation {generation} is dropped")
            }
            Self::Accepted { generation } => {
                write!(f, "the server accepted generation {generation}")
            }
            Self::LoginStarted { login } => write!(f, "login {login} started"),
            Self::LoginGranted { login, generation, lifetime } => {
                write!(
                    f,
                    "login {login} granted generation {generation}, which lasts {lifetime:.1?}"
                )
            }
            Self::LoginRejected { login, status, code } => {
                write!(f, "login {login} rejected with {} {code}", status.as_u16())
            }
            Self::LoginUnavailable { login, reason } => write!(f, "login {login} failed: {reason}"),
            Self::LoginAbandoned { login } => {
                write!(
                    f,
                    "login {login} was dropped before its answer came; let a login outlive its call"
                )
            }
            Self::LoginSpared { login } => {
                write!(f, "login {login} was not needed, because a token came first")
            }
            Self::Coalesced { login } => write!(f, "a call waits for login {login}"),
            Self::CircuitOpened { wait } => {
                write!(f, "the credentials are not tried again for {wait:.1?}")
            }
            Self::LeaseExpired { login } => write!(f, "the lease of login {login} expired"),
            Self::Reset => f.write_str("the credentials were replaced"),
            Self::Invalidated => f.write_str("the held token was given up on request"),
            Self::LoginFailedElsewhere { login, wait } => {
                write!(
                    f,
                    "login {login} was not sent, because another program's login failed; the next \
                     login may start in {wait:.1?}"
                )
            }
            Self::LoginPostponed { login } => {
                write!(f, "login {login} waits for another program's login")
            }
            Self::FailuresAdopted { in_a_row } => {
                write!(f, "the last {in_a_row} logins of all programs that share the store failed")
            }
            Self::BudgetShared { debt } => write!(
                f,
                "other programs dropped tokens, so the invalidation budget is full again in {debt:.1?}"
            ),
            Self::StoreAway { problem } => {
                write!(f, "the store cannot be used, because {problem}; this program logs in alone")
            }
            Self::StoreBack => f.write_str("the store can be used again"),
            Self::StoreUnreadable => f.write_str(
                "the document in the store cannot be read, and is replaced; give all programs that \
                 share the store the same client secret",
            ),
            Self::SharingHarmful => f.write_str(
                "the server ends tokens that programs share, so they do not share for an hour",
            ),
            Self::SingleSession => f.write_str(
                "another program's login ended the held token; let all programs share one store",
            ),
            Self::Resumed { generation, left } => {
                write!(
                    f,
                    "resumed a stored token as generation {generation}, {left:.1?} of its lifetime left"
                )
            }
        }
    }
}

/// Why a token, a response or an outcome is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ignored {
    /// The header is empty.
    Blank,
    /// The header is longer than 16 KiB.
    Oversized,
    /// The header does not have the shape of a JWT.
    NotJwt,
    /// The token is not signed with the client secret, and the configuration asks for a signature.
    BadSignature,
    /// The request descends from an earlier login.
    EarlierEpoch,
    /// No token is held, because the sent token was dropped meanwhile.
    NothingHeld,
    /// The held token is newer than the sent token, and ends at the same time or later.
    NotLater,
    /// The token was given up before, most often because the server refused it.
    GivenUp,
    /// The response came from another origin.
    ForeignOrigin,
    /// The attempt or login belongs to another session.
    OtherSession,
    /// The outcome of a late login, after a newer grant, reset, invalidation or login.
    LateLogin,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blank => "a blank header",
            Self::Oversized => "a header of more than 16 KiB",
            Self::NotJwt => "a header that is no JWT",
            Self::BadSignature => "a token that is not signed with the client secret",
            Self::EarlierEpoch => "a response that belongs to an earlier login",
            Self::NothingHeld => "a token whose predecessor was dropped meanwhile",
            Self::NotLater => "a token that ends no later than the held one",
            Self::GivenUp => "a token that was given up before",
            Self::ForeignOrigin => "a response from another origin",
            Self::OtherSession => "what belongs to another session",
            Self::LateLogin => "the outcome of an overtaken login",
        })
    }
}

/// What follows from a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Challenge {
    /// The token is dropped.
    Dropped,
    /// A newer token is held already, and stays.
    NewerHeld,
    /// The token came straight from a login that this call waited for. So the route is at fault,
    /// and the token stays.
    FreshFromLogin,
    /// No token is held any more.
    NothingHeld,
    /// The server has never accepted the token, and may learn of it later. The token stays for now.
    NotAccepted,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dropped => "it is dropped",
            Self::NewerHeld => "a newer one is held already",
            Self::FreshFromLogin => {
                "it came straight from a login, so the refusal is about the route"
            }
            Self::NothingHeld => "it was dropped already",
            Self::NotAccepted => "the server may not know it yet, so it stays for now",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_22_journal_is_bounded_and_numbered() {
        let mut journal = Journal::new();
        let at = Instant::from_start(Duration::ZERO);
        for login in 1..=1000 {
            journal.note(Event::LoginStarted { login }, at);
        }
        assert_eq!(journal.written(), 1000);
        let numbers: Vec<u64> = journal.since(0).map(|entry| entry.number).collect();
        assert_eq!(numbers, (937..=1000).collect::<Vec<_>>());
        assert_eq!(journal.since(998).count(), 2);
        assert_eq!(journal.since(1000).count(), 0);
        assert_eq!(journal.entries.others.capacity(), CAPACITY);
    }

    #[test]
    fn rule_22_entries_of_calls_keep_the_other_entries() {
        let mut journal = Journal::new();
        let at = Instant::from_start(Duration::ZERO);
        for login in 1..=30 {
            journal.note(
                Event::LoginGranted { login, generation: login, lifetime: Duration::ZERO },
                at,
            );
            for _ in 0..100 {
                journal.note(Event::Coalesced { login }, at);
            }
        }
        let granted = journal.since(0).filter(|entry| entry.event.name() == "login_granted");
        assert_eq!(granted.count(), 30);
        assert_eq!(journal.since(0).count(), 94);
        let numbers: Vec<u64> = journal.since(2800).map(|entry| entry.number).collect();
        assert!(numbers.is_sorted() && numbers[0] == 2829, "{numbers:?}");
        assert_eq!(numbers.len(), 66);
        assert_eq!(journal.since(journal.written()).count(), 0);
    }
}
