//! The journal as `tracing` events.

use tracing::Level;
use tracing::level_filters::LevelFilter;
use waldo_auth_core::{Entry, Event, Ignored};

/// Whether anybody listens at all: one atomic load.
pub(crate) fn is_heard() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// Emits one entry: its number, its stable name, and its sentence as the message.
pub(crate) fn emit(entry: &Entry) {
    let (number, event, name) = (entry.number, &entry.event, entry.event.name());
    // A level is part of an event's static data, so there is one event for each.
    match level(event) {
        Level::TRACE => tracing::trace!(target: "waldo_auth", number, event = name, "{event}"),
        Level::DEBUG => tracing::debug!(target: "waldo_auth", number, event = name, "{event}"),
        Level::INFO => tracing::info!(target: "waldo_auth", number, event = name, "{event}"),
        _ => tracing::warn!(target: "waldo_auth", number, event = name, "{event}"),
    }
}

/// What comes with every call is trace, what comes with every life is debug, what somebody asked for is info,
/// and what somebody should look at is a warning.
#[expect(clippy::match_same_arms, reason = "the last arm is for events that do not exist yet")]
fn level(event: &Event) -> Level {
    match event {
        Event::Adopted { .. }
        | Event::Joined { .. }
        | Event::Ignored { why: Ignored::NotLater | Ignored::Echo | Ignored::Blank } => Level::TRACE,
        Event::LoginStarted { .. } | Event::Ignored { .. } | Event::Challenged { .. } => Level::DEBUG,
        Event::LoginGranted { .. }
        | Event::LoginAbandoned { .. }
        | Event::Reset
        | Event::Invalidated
        | Event::Resumed { .. } => Level::INFO,
        Event::LoginRejected { .. }
        | Event::LoginUnavailable { .. }
        | Event::Latched { .. }
        | Event::Throttled { .. }
        | Event::Lapsed { .. } => Level::WARN,
        _ => Level::INFO,
    }
}
