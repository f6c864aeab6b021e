//! The progress of a program that works longer than a few seconds, on standard error: a bar on a
//! terminal, and a line every 30 seconds elsewhere. Standard output stays as it is.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(30);

/// The progress of one piece of work. Dropping it removes the bar.
///
/// ```
/// use waldo_progress::Progress;
///
/// let progress = Progress::of(3, "tables");
/// for table in ["one", "two", "three"] {
///     progress.print(|| println!("{table}"));
///     progress.add(1);
/// }
/// ```
#[derive(Debug)]
pub struct Progress(Shown);

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines(Mutex<Lines>),
    Nothing,
}

impl Progress {
    /// Begins a piece of work of this size, such as 24 "cases".
    ///
    /// The size may be an estimate, because it decides only about the time left.
    pub fn of(total: u64, unit: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(Shown::Lines(Mutex::new(Lines::new(total, unit, Instant::now()))));
        }
        let bar = ProgressBar::new(total).with_message(unit);
        let remaining = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let left = left(state.elapsed(), state.pos(), state.len().unwrap_or_default());
            // Writing to a string cannot fail.
            let _ = write!(text, "{left}");
        };
        if let Ok(style) =
            ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} {msg}, {remaining}")
        {
            bar.set_style(style.with_key("remaining", remaining));
        }
        bar.tick();
        Self(Shown::Bar(bar))
    }

    /// Shows nothing, for work that is part of a test.
    pub const fn hidden() -> Self {
        Self(Shown::Nothing)
    }

    /// Adds work that is done.
    ///
    /// The caller's thread draws, at most 20 times a second. No other thread does, so that nothing
    /// disturbs a measurement between two calls.
    pub fn add(&self, done: u64) {
        match &self.0 {
            Shown::Bar(bar) => bar.inc(done),
            Shown::Lines(lines) => {
                if let Some(line) = lock(lines).add(done, Instant::now()) {
                    // Ignore the error: if stderr cannot be written, nobody reads it.
                    drop(writeln!(io::stderr(), "{line}"));
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Prints something while the bar is away, because both may be on the same terminal.
    pub fn print<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.0 {
            Shown::Bar(bar) => bar.suspend(print),
            Shown::Lines(_) | Shown::Nothing => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines that a log gets.
#[derive(Debug)]
struct Lines {
    done: u64,
    total: u64,
    unit: &'static str,
    began: Instant,
    /// The time of the last line.
    printed: Instant,
}

impl Lines {
    const fn new(total: u64, unit: &'static str, now: Instant) -> Self {
        Self { done: 0, total, unit, began: now, printed: now }
    }

    fn add(&mut self, done: u64, now: Instant) -> Option<String> {
        self.done += done;
        if now.saturating_duration_since(self.printed) < PAUSE {
            return None;
        }
        self.printed = now;
        let left = left(now.saturating_duration_since(self.began), self.done, self.total);
        let (done, total) = (HumanCount(self.done), HumanCount(self.total));
        Some(format!("{done} of {total} {}, {left}", self.unit))
    }
}

/// The time left, if the rest goes as fast as the part that is done.
fn left(elapsed: Duration, done: u64, total: u64) -> String {
    if done == 0 {
        return format!("after {}", HumanDuration(elapsed));
    }
    #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
    let share = total.saturating_sub(done) as f64 / done as f64;
    let left = Duration::try_from_secs_f64(elapsed.as_secs_f64() * share);
    format!("{} left", HumanDuration(left.unwrap_or(Duration::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_every_half_minute() {
        let began = Instant::now();
        let mut lines = Lines::new(1_000, "cases", began);
        let mut at = |seconds, done| lines.add(done, began + Duration::from_secs(seconds));
        assert_eq!(at(1, 10), None);
        assert_eq!(at(29, 90), None);
        assert_eq!(at(30, 100).as_deref(), Some("200 of 1,000 cases, 2 minutes left"));
        assert_eq!(at(59, 200), None);
        assert_eq!(at(60, 0).as_deref(), Some("400 of 1,000 cases, 2 minutes left"));
        assert_eq!(at(600, 700).as_deref(), Some("1,100 of 1,000 cases, 0 seconds left"));
    }

    #[test]
    fn elapsed_time_is_shown_before_first_step() {
        let began = Instant::now();
        let mut lines = Lines::new(100, "cases", began);
        let line = lines.add(0, began + Duration::from_secs(45));
        assert_eq!(line.as_deref(), Some("0 of 100 cases, after 45 seconds"));
        assert!(left(Duration::MAX, 1, u64::MAX).ends_with(" left"));
    }

    #[test]
    fn what_is_printed_is_returned() {
        for progress in [Progress::of(1, "cases"), Progress::hidden()] {
            progress.add(1);
            assert_eq!(progress.print(|| 7), 7);
        }
    }
}
