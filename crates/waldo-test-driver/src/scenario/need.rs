//! The needs of scenarios.

use std::fmt;

/// An ability that a scenario needs of a client, besides sending requests without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Limits that differ from the defaults.
    Settings,
    /// Calls with a deadline.
    Deadlines,
    /// Bodies that can be sent again.
    ReplayableBodies,
    /// Bodies that can be sent only once.
    OneShotBodies,
    /// Calls that can be cancelled.
    Cancellation,
    /// Logins that go on after the call that started them has ended.
    ///
    /// A client has either outliving logins or [`TiedLogins`](Self::TiedLogins), and lacks the
    /// other kind.
    OutlivingLogins,
    /// Logins that end with the call that started them.
    TiedLogins,
    /// Replacing the key pair of a client in use, also by an equal key pair.
    Reset,
    /// Giving up a token on request.
    Invalidation,
    /// Storing a token, and resuming it.
    Storage,
    /// Uploads to a server that refuses the token on the head, and closes the connection.
    Uploads,
    /// Uploads to a server that refuses the token on the head, leaves the body unread, and keeps
    /// the connection open.
    StalledUploads,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "settings",
            Self::Deadlines => "deadlines",
            Self::ReplayableBodies => "replayable bodies",
            Self::OneShotBodies => "one-shot bodies",
            Self::Cancellation => "cancellation",
            Self::OutlivingLogins => "logins that outlive their calls",
            Self::TiedLogins => "logins that end with their calls",
            Self::Reset => "reset",
            Self::Invalidation => "invalidation",
            Self::Storage => "storage",
            Self::Uploads => "uploads that are refused on the head",
            Self::StalledUploads => "uploads that are refused on the head and never read",
        })
    }
}
