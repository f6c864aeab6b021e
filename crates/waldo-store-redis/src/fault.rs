//! What went wrong in an operation.

use std::io;
use std::time::Duration;

use redis::ServerError;
use waldo_store::{MAX_DOCUMENT, StoreError, StoreProblem};

use crate::server::Address;

/// Why an operation has no result.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection cannot be made, or failed, or the time was over.
    Io(io::Error),
    /// TLS failed.
    #[cfg(feature = "tls")]
    Tls(rustls::Error),
    /// The server answered with an error.
    Refused(&'static Refusal),
    /// The answer is none that Redis gives to the question.
    Nonsense,
    /// The document is larger than [`MAX_DOCUMENT`].
    TooLarge,
    /// The connection broke after the document was sent. The document may have been replaced.
    Unknown,
    /// There is no runtime.
    #[cfg(feature = "tokio")]
    NoRuntime,
}

impl Fault {
    /// The server answered with this error. Its text is never shown: it may hold the user name, and
    /// an impostor could send the password back in it.
    pub(crate) fn refused(error: &ServerError) -> Self {
        let (code, details) = (error.code(), error.details().unwrap_or_default());
        // An error without a code of its own, and for Redis 6 each error inside a script, begins
        // with ERR.
        let is_inside = |refusal: &&Refusal| code == "ERR" && details.contains(refusal.code);
        let refusal = REFUSALS
            .iter()
            .find(|refusal| refusal.code == code)
            .or_else(|| REFUSALS.iter().find(is_inside));
        Self::Refused(refusal.unwrap_or(&UNKNOWN_REFUSAL))
    }

    /// Whether the connection broke, as one does that the server closed while it was idle.
    pub(crate) fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() != io::ErrorKind::TimedOut)
    }

    /// The error for the client.
    pub(crate) fn at(self, address: &Address, limit: Duration) -> StoreError {
        let error = |problem, words: &str| {
            StoreError::new(problem, format!("the Redis server at {address} {words}"))
        };
        match self {
            Self::Io(source) if source.kind() == io::ErrorKind::TimedOut => {
                error(StoreProblem::TimedOut, &format!("did not answer within {limit:?}"))
            }
            Self::Io(source) => error(
                StoreProblem::Unreachable,
                "cannot be reached: check that it is running, and that this machine may reach it",
            )
            .with_source(source),
            #[cfg(feature = "tls")]
            Self::Tls(source) => error(
                StoreProblem::Unreachable,
                "cannot be reached by TLS: check its certificate, and whether it speaks TLS",
            )
            .with_source(source),
            Self::Refused(refusal) => error(refusal.problem, refusal.words),
            Self::Nonsense => error(
                StoreProblem::Other,
                "gives an answer that Redis does not give: check that it is a Redis server",
            ),
            Self::TooLarge => error(
                StoreProblem::Other,
                &format!(
                    "is to keep documents of at most {MAX_DOCUMENT} bytes: if another program has \
                     written a larger one, delete the keys that begin with waldo:"
                ),
            ),
            Self::Unknown => error(
                StoreProblem::Unreachable,
                "closed the connection, and may have replaced the document",
            ),
            #[cfg(feature = "tokio")]
            Self::NoRuntime => error(
                StoreProblem::Other,
                "is asked outside of a tokio runtime, which an AsyncRedisStore needs",
            ),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(feature = "tls")]
impl From<rustls::Error> for Fault {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

/// An error that a server answers with.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: &'static str,
    problem: StoreProblem,
    words: &'static str,
}

const fn refusal(code: &'static str, problem: StoreProblem, words: &'static str) -> Refusal {
    Refusal { code, problem, words }
}

const UNKNOWN_REFUSAL: Refusal = refusal(
    "",
    StoreProblem::Other,
    "refuses a command: it must be Redis 6 or newer, or Valkey, and have the database of the URL",
);

const WRONG_LOGIN: &str = "refuses the user name or the password: correct the URL of the store";

static REFUSALS: [Refusal; 19] = [
    refusal("WRONGPASS", StoreProblem::Denied, WRONG_LOGIN),
    refusal("NOAUTH", StoreProblem::Denied, "wants a password: add it to the URL of the store"),
    refusal(
        "without any password configured",
        StoreProblem::Denied,
        "has no password: remove the password from the URL of the store",
    ),
    refusal("NOPERM", StoreProblem::Denied, TOO_FEW_PERMISSIONS),
    refusal("executing the script can't", StoreProblem::Denied, TOO_FEW_PERMISSIONS),
    refusal(
        "DENIED",
        StoreProblem::Denied,
        "is in protected mode: give it a password, or bind it to the loopback address",
    ),
    refusal("OOM", StoreProblem::Full, "has no memory left: raise maxmemory, or let it evict keys"),
    refusal("MISCONF", StoreProblem::Full, "cannot write to its disk: look at its log"),
    refusal(
        "READONLY",
        StoreProblem::Other,
        "is a replica, which cannot be written to: put the primary into the URL of the store",
    ),
    refusal("NOREPLICAS", StoreProblem::Unreachable, "has too few replicas for a write"),
    refusal(
        "WRONGTYPE",
        StoreProblem::Other,
        "has a value of another type under the key: delete the keys that begin with waldo:",
    ),
    refusal("MOVED", StoreProblem::Other, ONE_NODE),
    refusal("ASK", StoreProblem::Other, ONE_NODE),
    refusal("LOADING", StoreProblem::Unreachable, "is loading its data"),
    refusal("BUSY", StoreProblem::Unreachable, "is busy with a script"),
    refusal("MASTERDOWN", StoreProblem::Unreachable, "has lost its primary"),
    refusal("CLUSTERDOWN", StoreProblem::Unreachable, "is a node of a cluster that is down"),
    refusal("TRYAGAIN", StoreProblem::Unreachable, "is moving the key"),
    refusal("max number of clients", StoreProblem::Unreachable, "has too many connections"),
];

const TOO_FEW_PERMISSIONS: &str = "refuses a command: allow the user +select +time +getrange \
                                   +eval +get +set on the keys ~waldo:*";

const ONE_NODE: &str = "is one node of a cluster, and another node has the key: use a server \
                        without cluster mode, or a proxy in front of the cluster";
