//! A `tracing` subscriber that remembers, so that tests can wait for what happens instead of
//! sleeping.

use std::fmt::Debug;
use std::sync::{Arc, Condvar, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::instrument::{WithDispatch, WithSubscriber};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::site::PATIENCE;

/// Remembers every event of the target `waldo_auth`: its name, and its sentence.
#[derive(Clone, Default)]
pub(crate) struct Listener {
    heard: Arc<(Mutex<Vec<Heard>>, Condvar)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) event: String,
    pub(crate) message: String,
}

/// Stays beside every listener. As long as there is one subscriber, `tracing` asks about a place
/// that tells something only the thread that comes there first; a thread that does not listen would
/// make all others deaf to it.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Listener::default()));

impl Listener {
    /// Listens while the future is polled.
    pub(crate) fn during<F: Future>(&self, future: F) -> WithDispatch<F> {
        LazyLock::force(&SECOND);
        future.with_subscriber(Dispatch::new(self.clone()))
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, event: &str) -> usize {
        self.heard().iter().filter(|heard| heard.event == event).count()
    }

    /// Waits until the event was heard so often; a test that waits in vain fails.
    pub(crate) fn wait_for(&self, event: &str, times: usize) {
        let (heard, more) = &*self.heard;
        let too_few =
            |heard: &mut Vec<Heard>| heard.iter().filter(|h| h.event == event).count() < times;
        let (heard, waited) =
            more.wait_timeout_while(heard.lock().unwrap(), PATIENCE, too_few).unwrap();
        assert!(!waited.timed_out(), "{event} was not heard {times} times: {heard:?}");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "waldo_auth"
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = Heard::default();
        event.record(&mut heard);
        self.heard.0.lock().unwrap().push(heard);
        self.heard.1.notify_all();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Heard {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.event);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
