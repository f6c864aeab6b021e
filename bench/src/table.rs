//! Results as Markdown.

use std::fmt;

use crate::count::Count;
use crate::group::Group;
use crate::limit::Limit;
use crate::rounds::{Rounds, Timing};

/// A table. The first column is aligned to the left, and the others to the right.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    note: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. The note is the paragraph between the title and the table.
    pub fn new(title: impl Into<String>, note: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(ToString::to_string).collect();
        Self { title: title.into(), note: note.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = String>) -> Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// The times of each contender of a group.
    pub fn of_timings(group: &Group, rounds: &Rounds, timings: &[Timing]) -> Self {
        let (title, note) = match rounds.threads {
            1 => (group.title().to_owned(), "CPU time of the thread".to_owned()),
            threads => (
                format!("{}, {threads} threads at once", group.title()),
                "time of the slowest thread".to_owned(),
            ),
        };
        let reference = group.contenders().first().map_or("", |contender| contender.name());
        let note = format!(
            "{note}; {} rounds; the ratio is to \"{reference}\", within each round.",
            rounds.rounds
        );
        let columns =
            ["contender", "ns, median", "ns, p05", "ratio [95 %]", "allocs/op", "bytes/op"];
        let table = Self::new(format!("{}. {title}", group.key()), note, &columns);
        timings.iter().fold(table, |table, timing| {
            let interval = timing.ratio.median_interval();
            let ratio = format!(
                "{:.3} [{:.3}, {:.3}]",
                timing.ratio.median(),
                interval.start(),
                interval.end()
            );
            table.row([
                timing.contender.clone(),
                format!("{:.1}", timing.nanos.median()),
                format!("{:.1}", timing.nanos.quantile(0.05)),
                ratio,
                number(timing.allocations.count),
                number(timing.allocations.bytes),
            ])
        })
    }

    /// The counts of each contender of a group, and its limits.
    pub fn of_counts(group: &Group, counts: &[Count]) -> Self {
        let columns =
            ["contender", "instructions/op", "ratio", "limit", "allocs/op", "bytes/op", "limit"];
        let table = Self::new(format!("{}. {}", group.key(), group.title()), "", &columns);
        let reference = counts.first().and_then(|count| count.instructions);
        let limit = |limit: Option<Limit>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        group.contenders().iter().zip(counts).fold(table, |table, (contender, count)| {
            let ratio = count.instructions.zip(reference).map(|(own, reference)| own / reference);
            table.row([
                count.contender.clone(),
                count
                    .instructions
                    .map_or_else(|| "–".to_owned(), |instructions| format!("{instructions:.0}")),
                ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.3}")),
                limit(contender.limits().instructions),
                number(count.allocations.count),
                number(count.allocations.bytes),
                limit(contender.limits().allocations),
            ])
        })
    }
}

/// A whole number without decimals, and any other number with two decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n### {}\n", self.title)?;
        if !self.note.is_empty() {
            writeln!(f, "{}\n", self.note)?;
        }
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.columns.len().saturating_sub(1)))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}
