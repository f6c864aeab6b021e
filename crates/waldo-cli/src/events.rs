//! The events of the client, on stderr.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::terminal;

/// Shows the events with `-v`, and more of them with `-vv`.
///
/// Only the events of this project are shown. The HTTP client beneath may write what it sends to
/// its own log, and the body of a login has the client secret.
pub(crate) fn show(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    if log::set_logger(&Events).is_ok() {
        log::set_max_level(level);
    }
}

struct Events;

impl Log for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("waldo_") && metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = terminal::printable(&record.args().to_string());
        if record.level() == Level::Warn {
            terminal::warn(&text);
        } else {
            terminal::note(&format!("{}: {text}", record.level().as_str().to_lowercase()));
        }
    }

    fn flush(&self) {}
}
