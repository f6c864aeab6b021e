//! The lines between a fleet and its members: JSON, one value a line.
//!
//! The first line to a member is its [`Setup`]. A [`Command`] follows in each further line. A member
//! answers with [`Line`]s. So neither a key pair nor a password stands in the list of processes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a member is like.
#[derive(Clone, Serialize, Deserialize)]
pub struct Setup {
    /// The origin of the API.
    pub origin: String,
    /// The API key and the client secret.
    pub pair: (String, String),
    /// The files of another key pair, which the member asks again after a rejection.
    pub files: Option<(PathBuf, PathBuf)>,
    /// The HTTP stack of the member.
    pub adapter: Adapter,
    /// The store; without one, the member shares nothing.
    pub store: Option<StoreSetup>,
    /// The lease of a login, in milliseconds.
    pub lease: u64,
    /// The permits of the invalidation budget.
    pub budget: u32,
    /// The stage of its first login at which the member stops for good.
    pub stops: Option<Stage>,
}

/// The HTTP stack of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adapter {
    /// `waldo-ureq`, for threads.
    Ureq,
    /// `waldo-reqwest`, for tasks.
    Reqwest,
}

/// Where a member shares its token.
#[derive(Clone, Serialize, Deserialize)]
pub enum StoreSetup {
    /// A directory.
    Directory(PathBuf),
    /// A server of Redis or Valkey.
    Redis {
        /// Its URL, which may hold a password.
        url: String,
        /// The certificate of a server with TLS and its private key, which the member shows too.
        certificate: Option<(PathBuf, PathBuf)>,
        /// The time limit of a question, in milliseconds; the default of the store if absent.
        limit: Option<u64>,
    },
}

/// A stage of a login that a fleet shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The member has the lease, and has not sent its login.
    Leased,
    /// The member has a token, and has not told the store.
    Granted,
    /// The member has told the store, and its call has not gone on.
    Told,
}

/// What a member is to do.
#[derive(Clone, Serialize, Deserialize)]
pub enum Command {
    /// Make calls to a path, one after the other.
    Call {
        /// The path.
        path: String,
        /// The number of calls.
        times: u32,
    },
    /// Use another key pair from now on.
    Reset {
        /// The API key and the client secret.
        pair: (String, String),
    },
    /// Say how often the store was asked.
    Count,
}

/// What a member says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// The member has its client, and waits for commands.
    Ready,
    /// An event of its session.
    Journal(Entry),
    /// Its calls have ended.
    Answers(Answers),
    /// The key pair is replaced.
    IsReset,
    /// How often the store was read, and how often it was asked to replace the document.
    Asked(u64, u64),
    /// The member has stopped for good at the stage of its setup.
    Stopped,
}

/// The results of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// How many calls were answered with each status.
    pub statuses: BTreeMap<u16, u32>,
    /// The errors of calls without an answer.
    pub failures: Vec<String>,
}

/// One entry of a member's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the member in its fleet. The fleet fills it in.
    #[serde(default)]
    pub member: usize,
    /// The time in microseconds since 1970-01-01, by the clock of this machine.
    pub at: u64,
    /// The number of the entry in the journal of its session.
    pub number: u64,
    /// The name of the event.
    pub event: String,
    /// The sentence of the event.
    pub message: String,
}

impl Answers {
    /// Adds other results.
    pub fn add(&mut self, other: Self) {
        for (status, times) in other.statuses {
            *self.statuses.entry(status).or_default() += times;
        }
        self.failures.extend(other.failures);
    }

    /// The number of successes.
    pub fn successes(&self) -> u32 {
        self.statuses.range(200..300).map(|(_, times)| times).sum()
    }

    /// The number of calls that were no success.
    pub fn failed(&self) -> usize {
        let others: u32 = self.statuses.values().sum::<u32>() - self.successes();
        self.failures.len() + others as usize
    }
}

impl Entry {
    /// The number after a word of the sentence, such as `generation`.
    pub fn number_after(&self, word: &str) -> Option<u64> {
        let mut words = self.message.split(' ').skip_while(|found| *found != word).skip(1);
        words.next()?.trim_end_matches([',', ':', ';']).parse().ok()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {} at {}: {} {}", self.member, self.at, self.number, self.message)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory(_) => "Directory(…)",
            Self::Redis { .. } => "Redis(…)",
        })
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call { .. } => "Call(…)",
            Self::Reset { .. } => "Reset(…)",
            Self::Count => "Count",
        })
    }
}
