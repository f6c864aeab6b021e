//! The figures of the rules of before.

use super::load::Mix;

/// What this program found, with seed 1, with the core of commit a5934c8: five permits to drop a
/// refused token and one more every 30 s, and no other evidence.
const FIGURES: &str = include_str!("before.txt");

/// The figures of the rules of before, by case and mix.
pub(super) struct Before(Vec<((String, String), Vec<String>)>);

impl Before {
    /// The figures of one row, as they are stored.
    pub(super) fn line(case: &str, mix: Mix, figures: &[String]) -> String {
        format!("{case} | {} | {}", mix.name(), figures.join(" | "))
    }

    /// All of them.
    pub(super) fn read() -> Self {
        let row = |line: &str| {
            let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
            Some(((cells.next()?, cells.next()?), cells.collect()))
        };
        Self(FIGURES.lines().filter_map(row).collect())
    }

    /// Those of one row; nothing if there are none.
    pub(super) fn figures(&self, case: &str, mix: Mix) -> &[String] {
        let found = self.0.iter().find(|((name, of), _)| name == case && of == mix.name());
        found.map_or(&[], |(_, figures)| figures)
    }
}
