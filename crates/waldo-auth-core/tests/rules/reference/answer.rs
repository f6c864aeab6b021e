//! The answer that a call gets, and when it changes.

use waldo_auth_core::NoToken;

use super::limits::Nanos;

/// The answer that a call gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Send { generation: u64, left: Nanos },
    LogIn { because: NoToken },
    Wait { until: Nanos, login: Option<u64> },
    Refuse { why: Why, retry_at: Nanos },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Rejected,
    Unavailable,
    /// Whether a failure is what would be waited for.
    Deadline(bool),
}

/// A moment at which something changes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Landmark {
    LoginMayStart,
    LeaseLapses,
    MarginBegins,
    OneShotMarginBegins,
    TwilightBegins,
    LifeEnds,
    CoinComes,
    /// The session may drop a token that no response has accepted.
    GraceEnds,
    /// The second half of the budget may be spent.
    ReserveOpens,
}
