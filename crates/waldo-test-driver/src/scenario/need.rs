//! What a scenario needs of a client.

use std::fmt;

/// What a scenario needs of a client beside sending requests without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Limits other than by default.
    Settings,
    /// Calls with a deadline.
    Deadlines,
    /// Bodies that can be sent again.
    ReplayableBodies,
    /// Bodies that can be sent once.
    OneShotBodies,
    /// Calls that can be cancelled.
    Cancellation,
    /// Logins that go on when the call that started them has ended.
    ///
    /// A client has either these or [`TiedLogins`](Self::TiedLogins), and lacks the other.
    OutlivingLogins,
    /// Logins that end with the call that started them.
    TiedLogins,
    /// Another key pair, or the same one anew, for a client that is in use.
    Reset,
    /// Giving up a token on request.
    Invalidation,
    /// Storing a token and taking it up again.
    Storage,
    /// Uploads whose token is refused on the head, by a server that then closes the connection.
    Uploads,
    /// Uploads whose token is refused on the head, by a server that then neither reads nor closes.
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
