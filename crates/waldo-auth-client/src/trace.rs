//! The journal as `tracing` events.

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, dispatcher};
use waldo_auth_core::{Entry, Event, Ignored};

use crate::source::SourceError;

/// Whether a `tracing` subscriber or a `log` logger listens. `tracing` passes its events to the
/// logger if no subscriber was ever set.
pub(crate) fn is_enabled() -> bool {
    LevelFilter::current() != LevelFilter::OFF || log::max_level() != log::LevelFilter::Off
}

/// The subscriber of one thread, if it has one, for events that another thread emits.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber(Option<Dispatch>);

impl Subscriber {
    /// The subscriber of this thread.
    pub(crate) fn current() -> Self {
        // If no subscriber was ever set, set none here: `tracing` would then pass no more events to
        // a logger.
        Self(dispatcher::has_been_set().then(|| dispatcher::get_default(Clone::clone)))
    }

    /// Calls `run`, and sends its events to this subscriber.
    pub(crate) fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(subscriber) => dispatcher::with_default(subscriber, run),
            None => run(),
        }
    }
}

/// Emits one entry: its number, its stable name, and its sentence as the message. A client with a
/// name emits its name too.
pub(crate) fn emit(entry: &Entry, client: Option<&str>) {
    let (number, event, name) = (entry.number, &entry.event, entry.event.name());
    // The level is part of an event's static data, so each level needs its own event.
    match level(event) {
        Level::TRACE => {
            tracing::trace!(target: "waldo_auth", client, number, event = name, "{event}");
        }
        Level::DEBUG => {
            tracing::debug!(target: "waldo_auth", client, number, event = name, "{event}");
        }
        Level::INFO => {
            tracing::info!(target: "waldo_auth", client, number, event = name, "{event}");
        }
        _ => tracing::warn!(target: "waldo_auth", client, number, event = name, "{event}"),
    }
}

/// Emits that the source of the key pair gave none. The journal has no such entry, because the core
/// does not know the source.
pub(crate) fn emit_source_error(error: &SourceError, client: Option<&str>) {
    let event = "source_failed";
    tracing::warn!(target: "waldo_auth", client, event, "the source gives no key pair: {error}");
}

/// Trace for events of every call, debug for steps of logins and 401s, info for another token or
/// key pair, and warn for problems.
#[expect(clippy::match_same_arms, reason = "the wildcard stands for events of newer versions")]
fn level(event: &Event) -> Level {
    match event {
        Event::Renewed { .. }
        | Event::Coalesced { .. }
        | Event::Ignored { why: Ignored::NotLater | Ignored::Blank } => Level::TRACE,
        Event::LoginStarted { .. }
        | Event::Ignored { .. }
        | Event::Challenged { .. }
        | Event::UploadBrokeOff { .. }
        | Event::LoginPostponed { .. }
        | Event::LoginSpared { .. }
        | Event::FailuresAdopted { .. }
        | Event::BudgetShared { .. }
        | Event::Accepted { .. } => Level::DEBUG,
        Event::LoginGranted { .. }
        | Event::Reset
        | Event::Invalidated
        | Event::Resumed { .. }
        | Event::StoreBack => Level::INFO,
        Event::LoginFailedElsewhere { .. }
        | Event::StoreAway { .. }
        | Event::StoreUnreadable
        | Event::SharingHarmful
        | Event::SingleSession
        | Event::LoginRejected { .. }
        | Event::LoginUnavailable { .. }
        | Event::LoginAbandoned { .. }
        | Event::CircuitOpened { .. }
        | Event::Throttled { .. }
        | Event::DoubtfulDropped { .. }
        | Event::LeaseExpired { .. } => Level::WARN,
        // An event that does not exist yet.
        _ => Level::INFO,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;
    use waldo_auth_core::{Challenge, Reason};

    use super::*;

    #[test]
    fn rule_22_more_frequent_events_have_lower_levels() {
        let lifetime = Duration::from_secs(60);
        let challenged = |outcome| Event::Challenged { generation: 1, outcome };
        let rejected =
            Event::LoginRejected { login: 1, status: StatusCode::UNAUTHORIZED, code: "OTHER" };
        for (event, expected) in [
            (Event::Renewed { generation: 2, lifetime }, Level::TRACE),
            (Event::Coalesced { login: 1 }, Level::TRACE),
            (Event::Ignored { why: Ignored::Blank }, Level::TRACE),
            (Event::Ignored { why: Ignored::NotLater }, Level::TRACE),
            (Event::Ignored { why: Ignored::NotJwt }, Level::DEBUG),
            (Event::Ignored { why: Ignored::ForeignOrigin }, Level::DEBUG),
            (challenged(Challenge::Dropped), Level::DEBUG),
            (challenged(Challenge::NewerHeld), Level::DEBUG),
            (Event::UploadBrokeOff { generation: 1 }, Level::DEBUG),
            (Event::Accepted { generation: 1 }, Level::DEBUG),
            (Event::LoginStarted { login: 1 }, Level::DEBUG),
            (Event::LoginGranted { login: 1, generation: 1, lifetime }, Level::INFO),
            (Event::Reset, Level::INFO),
            (Event::Invalidated, Level::INFO),
            (Event::Resumed { generation: 1, left: lifetime }, Level::INFO),
            (rejected, Level::WARN),
            (Event::LoginUnavailable { login: 1, reason: Reason::Timeout }, Level::WARN),
            (Event::LoginAbandoned { login: 1 }, Level::WARN),
            (Event::CircuitOpened { wait: lifetime }, Level::WARN),
            (Event::Throttled { generation: 1 }, Level::WARN),
            (Event::DoubtfulDropped { generation: 1 }, Level::WARN),
            (Event::LeaseExpired { login: 1 }, Level::WARN),
        ] {
            assert_eq!(level(&event), expected, "{event}");
        }
    }
}
