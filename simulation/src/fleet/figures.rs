//! What a store saves: the logins of fleets with and without one.

use std::fmt::Write as _;
use std::time::Duration;

use super::crowd::{Crowd, Outcome, Strike, Traffic};
use super::setup::{Fault, Setup};
use crate::invariants::Violation;

/// The sizes of the fleets in the plot. The table has the last one.
pub const SIZES: [usize; 6] = [1, 2, 5, 10, 20, 50];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// One situation, and what it costs fleets of each size.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The situation, as a row of the table.
    pub name: &'static str,
    /// The results without a store, for each size.
    pub without: Vec<Outcome>,
    /// The results with a store, for each size.
    pub with: Vec<Outcome>,
}

/// One row: its name, and how a fleet comes into the situation.
type Row = (&'static str, fn(&mut Crowd));

/// The situations of the table.
const ROWS: [Row; 8] = [
    ("cold start", |_| {}),
    ("minutes 2 to 10, with a token", |crowd| {
        (crowd.time, crowd.count_from) = (MINUTE * 10, MINUTE);
    }),
    ("the second hour, with renewals", |crowd| {
        (crowd.time, crowd.count_from) = (HOUR * 2, HOUR);
    }),
    ("the second hour, if a chain of renewals ends after one hour", |crowd| {
        (crowd.time, crowd.count_from) = (HOUR * 2, HOUR);
        crowd.setup.chain_limit = Some(HOUR);
    }),
    ("all tokens are revoked", |crowd| {
        crowd.count_from = MINUTE * 10;
        crowd.strikes = vec![Strike { at: MINUTE * 10, fault: Fault::Revoked, process: 0 }];
    }),
    ("short runs, one each minute", |crowd| {
        crowd.traffic = Traffic::ShortRuns { every: MINUTE };
    }),
    ("the key is rejected", |crowd| {
        crowd.strikes = vec![Strike { at: Duration::ZERO, fault: Fault::KeyRejected, process: 0 }];
    }),
    ("each call goes to a route that always answers 401", |crowd| {
        crowd.is_to_closed_route = true;
        crowd.traffic = Traffic::Busy { within: Duration::from_secs(1), rest: MINUTE / 6 };
    }),
];

/// Simulates each situation with fleets of these sizes, each with and without a store.
///
/// # Errors
/// The law that a run breaks.
pub fn figures(sizes: &[usize]) -> Result<Vec<Figure>, Violation> {
    ROWS.iter()
        .map(|(name, change)| {
            let run = |has_store: bool| {
                let outcomes = sizes.iter().map(|size| {
                    let setup = Setup { has_store, ..Setup::cold(*size) };
                    let mut crowd = Crowd::new(setup, 1);
                    change(&mut crowd);
                    crowd.run()
                });
                outcomes.collect::<Result<Vec<_>, _>>()
            };
            Ok(Figure { name, without: run(false)?, with: run(true)? })
        })
        .collect()
}

/// The table as Markdown. The columns are of the largest fleet.
pub fn table(sizes: &[usize], figures: &[Figure]) -> String {
    let size = sizes.last().copied().unwrap_or_default();
    let mut text = format!(
        "| logins of {size} processes | without | with | operations of the store |\n\
         |---|--:|--:|--:|\n"
    );
    for figure in figures {
        let of = |outcomes: &[Outcome]| outcomes.last().copied().unwrap_or_default();
        let (without, with) = (of(&figure.without), of(&figure.with));
        let Outcome { logins, operations, .. } = with;
        // Writing to a text cannot fail.
        let _ =
            writeln!(text, "| {} | {} | {logins} | {operations} |", figure.name, without.logins);
    }
    text
}

/// The width and the height of one chart of the plot, with its texts.
const CHART: (f64, f64) = (300.0, 180.0);
const PAD: f64 = 34.0;

/// A number for the plot. All numbers are small.
#[expect(clippy::cast_precision_loss, reason = "a plot needs no more than 52 bits")]
fn float(number: u64) -> f64 {
    number as f64
}

fn float_of(number: usize) -> f64 {
    float(number as u64)
}

/// The plot as an SVG, written by hand because a library would need fonts to place texts: for each situation, the logins over the size of the fleet, both logarithmic.
pub fn plot(sizes: &[usize], figures: &[Figure]) -> String {
    let columns = 2;
    let rows = figures.len().div_ceil(columns);
    let (width, height) = (CHART.0 * float_of(columns), CHART.1 * float_of(rows) + 30.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-size=\"12\">Logins in an hour, by the number of processes: \
         <tspan fill=\"{WITHOUT}\">without a store</tspan>, \
         <tspan fill=\"{WITH}\">with a store</tspan></text>\n"
    );
    for (index, figure) in figures.iter().enumerate() {
        let corner =
            (CHART.0 * float_of(index % columns), 30.0 + CHART.1 * float_of(index / columns));
        svg.push_str(&chart(sizes, figure, corner));
    }
    svg.push_str("</svg>\n");
    svg
}

const WITHOUT: &str = "#c0392b";
const WITH: &str = "#1f5fa8";

/// The largest number on the axis of logins.
const MOST: f64 = 10_000.0;

fn chart(sizes: &[usize], figure: &Figure, corner: (f64, f64)) -> String {
    let largest = float_of(sizes.last().copied().unwrap_or(1));
    let (left, right) = (corner.0 + PAD, corner.0 + CHART.0 - 14.0);
    let (top, bottom) = (corner.1 + 20.0, corner.1 + CHART.1 - 22.0);
    let x = |size: usize| left + (right - left) * float_of(size).ln() / largest.ln();
    // No login is drawn at the bottom, below one.
    let y = |logins: u64| {
        let share = (float(logins) + 0.5).ln() - 0.5_f64.ln();
        bottom - (bottom - top) * share / ((MOST + 0.5).ln() - 0.5_f64.ln())
    };
    let mut svg = format!(
        "<text x=\"{left:.0}\" y=\"{:.0}\">{}</text>\n\
         <path d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\" fill=\"none\" stroke=\"#888\"/>\n",
        top - 8.0,
        figure.name,
    );
    for logins in [0, 1, 10, 100, 1000] {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{logins}</text>",
            left - 4.0,
            y(logins) + 3.0
        );
    }
    for size in sizes {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{size}</text>",
            x(*size),
            bottom + 12.0
        );
    }
    for (outcomes, colour) in [(&figure.without, WITHOUT), (&figure.with, WITH)] {
        let points: Vec<String> = sizes
            .iter()
            .zip(outcomes)
            .map(|(size, outcome)| format!("{:.1},{:.1}", x(*size), y(outcome.logins)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    }
    svg
}
