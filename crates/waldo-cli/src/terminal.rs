//! The output of the program, and the properties of the terminal.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};

use crate::failure::Failure;

/// The colours that stderr has, if it is a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Color {
    Red,
    Yellow,
}

impl Color {
    pub(crate) fn paint(self, text: &str) -> String {
        if !has_color() {
            return text.to_owned();
        }
        let code = match self {
            Self::Red => 31,
            Self::Yellow => 33,
        };
        format!("\x1b[1;{code}m{text}\x1b[0m")
    }
}

/// Whether stderr is a terminal whose user wants colours: see <https://no-color.org>.
fn has_color() -> bool {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stderr().is_terminal() && !unwanted && !dumb
}

/// Whether somebody can answer a question.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Writes a line to stderr. If stderr cannot be written, nobody reads it.
pub(crate) fn note(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

pub(crate) fn warn(line: &str) {
    note(&format!("{} {line}", Color::Yellow.paint("warning:")));
}

/// Writes the result of a command to stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::output(&error))
}

/// Writes text with JSON to stdout. JSON may have control characters from U+007F on as they are,
/// and they could command a terminal.
pub(crate) fn print_json(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return print(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            // Writing to a string cannot fail.
            '\u{7f}'..='\u{9f}' => drop(write!(escaped, "\\u{:04x}", u32::from(char))),
            _ => escaped.push(char),
        }
    }
    print(&escaped)
}

/// A date in RFC 3339, in UTC, to the second.
pub(crate) fn date(date: SystemTime) -> String {
    date_after(date, Duration::ZERO)
}

/// The date so long from now.
pub(crate) fn date_in(span: Duration) -> String {
    date_after(SystemTime::now(), span)
}

/// The date so long after another one. The format ends with the year 9999, and so does a later
/// date.
fn date_after(date: SystemTime, span: Duration) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since_1970 = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since_1970 = since_1970.saturating_add(span).min(LAST);
    format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_1970).to_string()
}

/// A span in whole seconds, such as "1m 5s".
pub(crate) fn whole_seconds(span: Duration) -> String {
    format_duration(Duration::from_secs(span.as_secs())).to_string()
}

/// A span in whole seconds, at least as long.
pub(crate) fn rounded_up(span: Duration) -> String {
    whole_seconds(span.saturating_add(Duration::from_nanos(999_999_999)))
}

/// A word for a shell, in quotation marks if it needs some.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Replaces the control characters of text from outside, which could command a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
