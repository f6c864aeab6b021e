//! All output of the test run: of `tracing`, of `log`, of panics, and of every value that is
//! formatted.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{Debug, Display, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// The collector of all output in this process.
pub(crate) static EARS: Ears = Ears { heard: Mutex::new(Heard::new()), more: Condvar::new() };

pub(crate) struct Ears {
    heard: Mutex<Heard>,
    more: Condvar,
}

struct Heard {
    output: String,
    /// The wire log that ureq writes at the level trace.
    wire: String,
    types: BTreeSet<String>,
    events: Vec<String>,
}

impl Heard {
    const fn new() -> Self {
        Self {
            output: String::new(),
            wire: String::new(),
            types: BTreeSet::new(),
            events: Vec::new(),
        }
    }
}

/// Starts to collect the output of every level, target and thread.
pub(crate) fn open() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Tracing)).unwrap();
    log::set_logger(&Logging).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        EARS.read(panic);
        shown(panic);
    }));
}

impl Ears {
    /// Formats a value in both forms of `Debug`.
    pub(crate) fn hear<T: Debug + ?Sized>(&self, thing: &T) {
        let mut heard = self.heard();
        let name = type_name::<T>().split('<').next().unwrap_or_default();
        heard.types.insert(name.trim_matches(['[', ']', '&']).to_owned());
        writeln!(heard.output, "{thing:?}\n{thing:#?}").unwrap();
    }

    /// Formats a value with `Display`.
    pub(crate) fn read(&self, text: impl Display) {
        writeln!(self.heard().output, "{text}").unwrap();
    }

    /// Formats an error and its causes with `Display` and both forms of `Debug`.
    pub(crate) fn hear_error<E: Error + 'static>(&self, error: &E) {
        self.hear(error);
        let mut cause: Option<&dyn Error> = Some(error);
        while let Some(error) = cause {
            self.read(format_args!("{error} {error:?} {error:#?}"));
            cause = error.source();
        }
    }

    /// Records types that were formatted inside another type.
    pub(crate) fn heard_inside(&self, types: &[&str]) {
        self.heard().types.extend(types.iter().map(|name| (*name).to_owned()));
    }

    /// Waits until an event has come more than `before` times.
    pub(crate) fn wait_for(&self, event: &str, before: usize) {
        let too_few = |heard: &mut Heard| count(heard, event) <= before;
        let (_heard, waited) =
            self.more.wait_timeout_while(self.heard(), Duration::from_secs(20), too_few).unwrap();
        assert!(!waited.timed_out(), "the event {event} did not come");
    }

    pub(crate) fn count(&self, event: &str) -> usize {
        count(&self.heard(), event)
    }

    pub(crate) fn output(&self) -> String {
        self.heard().output.clone()
    }

    pub(crate) fn wire(&self) -> String {
        self.heard().wire.clone()
    }

    pub(crate) fn types(&self) -> BTreeSet<String> {
        self.heard().types.clone()
    }

    pub(crate) fn events(&self) -> BTreeSet<String> {
        self.heard().events.iter().cloned().collect()
    }

    pub(crate) fn note_event(&self, name: &str) {
        self.heard().events.push(name.to_owned());
        self.more.notify_all();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(heard: &Heard, event: &str) -> usize {
    heard.events.iter().filter(|name| *name == event).count()
}

struct Tracing;

impl<S: tracing::Subscriber> Layer<S> for Tracing {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = format!("{} {}", event.metadata().level(), event.metadata().target());
        event.record(&mut Fields(&mut line));
        EARS.read(line);
    }

    fn on_new_span(
        &self,
        span: &tracing::span::Attributes<'_>,
        _: &tracing::Id,
        _: Context<'_, S>,
    ) {
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut line));
        EARS.read(line);
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            EARS.note_event(value);
        }
        self.record_debug(field, &value);
    }
}

struct Logging;

impl Log for Logging {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {} {}", record.level(), record.target(), record.args());
        if record.level() == Level::Trace && record.target().starts_with("ureq_proto::") {
            writeln!(EARS.heard().wire, "{line}").unwrap();
        } else {
            EARS.read(line);
        }
    }

    fn flush(&self) {}
}
