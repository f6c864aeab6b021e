//! A `tracing` subscriber that remembers, so that tests can wait for what happens instead of
//! sleeping.

use std::fmt::Debug;
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::instrument::{WithDispatch, WithSubscriber};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// One event, as it was emitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub level: Option<Level>,
    pub number: u64,
    pub event: String,
    pub message: String,
    pub thread: Option<ThreadId>,
}

/// What is done when an event is heard, before it is remembered.
type Reaction = dyn Fn(&Heard) + Send + Sync;

/// Remembers every event of the target `waldo_auth`.
#[derive(Clone)]
pub struct Listener {
    inner: Arc<Inner>,
}

struct Inner {
    heard: Mutex<Vec<Heard>>,
    more: Condvar,
    reaction: Box<Reaction>,
}

/// With one subscriber alone, `tracing` asks the thread that reaches an event first whether anybody
/// listens. That thread may be of another test, which does not listen.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Listener::new()));

impl Listener {
    #[expect(clippy::new_without_default, reason = "a listener is made by its name")]
    pub fn new() -> Self {
        Self::reacting(|_| ())
    }

    pub fn reacting(reaction: impl Fn(&Heard) + Send + Sync + 'static) -> Self {
        let inner =
            Inner { heard: Mutex::default(), more: Condvar::new(), reaction: Box::new(reaction) };
        Self { inner: Arc::new(inner) }
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.inner.heard.lock().unwrap().clone()
    }

    pub fn names(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.event).collect()
    }

    pub fn count(&self, event: &str) -> usize {
        self.heard().iter().filter(|heard| heard.event == event).count()
    }

    /// Waits until the event was heard so often; a test that waits in vain fails.
    pub fn wait_for(&self, event: &str, times: usize) {
        let too_few =
            |heard: &mut Vec<Heard>| heard.iter().filter(|h| h.event == event).count() < times;
        let heard = self.inner.heard.lock().unwrap();
        let (heard, waited) =
            self.inner.more.wait_timeout_while(heard, Duration::from_secs(20), too_few).unwrap();
        assert!(!waited.timed_out(), "{event} was not heard {times} times: {heard:?}");
    }

    /// Runs something on this thread while listening.
    pub fn during<R>(&self, run: impl FnOnce() -> R) -> R {
        LazyLock::force(&SECOND);
        tracing::dispatcher::with_default(&Dispatch::new(self.clone()), run)
    }

    /// Listens while the future is polled.
    pub fn attach<F: Future>(&self, future: F) -> WithDispatch<F> {
        self.during(|| future.with_current_subscriber())
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "waldo_auth"
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = Heard {
            level: Some(*event.metadata().level()),
            thread: Some(thread::current().id()),
            ..Heard::default()
        };
        event.record(&mut heard);
        (self.inner.reaction)(&heard);
        self.inner.heard.lock().unwrap().push(heard);
        self.inner.more.notify_all();
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
    fn record_u64(&mut self, field: &Field, value: u64) {
        assert_eq!(field.name(), "number");
        self.number = value;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        assert_eq!(field.name(), "event");
        value.clone_into(&mut self.event);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        assert_eq!(field.name(), "message");
        self.message = format!("{value:?}");
    }
}
