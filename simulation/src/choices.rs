//! The source of all decisions of a run.

mod odometer;

use std::fmt;

pub(crate) use odometer::Odometer;

/// The only source of the choices of a simulation: who acts next, which fault strikes, and how long
/// each step takes.
///
/// Equal choices give equal runs, from any source. So a run can be repeated from the list of its
/// choices, and a shorter list makes a shorter run.
///
/// ```
/// use waldo_simulation::Choices;
///
/// let mut seeded = Choices::seeded(7);
/// let picked: Vec<usize> = (0..5).map(|_| seeded.pick(&[1, 1, 8])).collect();
/// let mut replay = Choices::replay(seeded.taken().to_vec());
/// assert_eq!(picked, (0..5).map(|_| replay.pick(&[1, 1, 8])).collect::<Vec<_>>());
/// ```
#[derive(Debug)]
pub struct Choices {
    source: Source,
    taken: Vec<u32>,
}

#[derive(Debug)]
enum Source {
    /// All lists of choices, one after the other.
    Exhaustive(Odometer),
    Seeded(fastrand::Rng),
    /// One byte for each choice, from a fuzzer.
    Bytes(std::vec::IntoIter<u8>),
    Replay(std::vec::IntoIter<u32>),
}

impl Choices {
    /// Random choices, which the seed determines.
    pub fn seeded(seed: u64) -> Self {
        Self::from(Source::Seeded(fastrand::Rng::with_seed(seed)))
    }

    /// One choice for each byte. After the last byte, the first option is taken.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::from(Source::Bytes(Vec::from(bytes).into_iter()))
    }

    /// The choices of an earlier run. After the last choice, the first option is taken.
    pub fn replay(taken: Vec<u32>) -> Self {
        Self::from(Source::Replay(taken.into_iter()))
    }

    pub(crate) fn exhaustive(odometer: Odometer) -> Self {
        Self::from(Source::Exhaustive(odometer))
    }

    /// Picks an option, and returns the index of its weight. An option of weight zero is never
    /// picked.
    ///
    /// For a random source, the weight of an option is its relative probability. The other sources
    /// ignore the weights.
    pub fn pick(&mut self, weights: &[u32]) -> usize {
        let of = u32::try_from(weights.len()).unwrap_or(u32::MAX);
        if of < 2 {
            return 0;
        }
        let picked = match &mut self.source {
            Source::Exhaustive(odometer) => odometer.pick(of),
            Source::Seeded(dice) => weighted(dice, weights),
            Source::Bytes(bytes) => bytes.next().map_or(0, u32::from) % of,
            Source::Replay(list) => list.next().unwrap_or(0) % of,
        };
        self.taken.push(picked);
        picked as usize
    }

    /// Whether the run should go on: false if all continuations of this state have been tried.
    pub(crate) fn is_new(&mut self, state: impl FnOnce() -> u64) -> bool {
        match &mut self.source {
            Source::Exhaustive(odometer) => odometer.is_new(state),
            Source::Seeded(_) | Source::Bytes(_) | Source::Replay(_) => true,
        }
    }

    /// Whether only first options are left.
    pub(crate) fn is_spent(&self) -> bool {
        match &self.source {
            Source::Exhaustive(_) | Source::Seeded(_) => false,
            Source::Bytes(bytes) => bytes.len() == 0,
            Source::Replay(list) => list.len() == 0,
        }
    }

    /// Whether the next two choices repeat an earlier run, so that this step has been judged
    /// before.
    pub(crate) fn is_retracing(&self) -> bool {
        match &self.source {
            Source::Exhaustive(odometer) => odometer.is_retracing(),
            Source::Seeded(_) | Source::Bytes(_) | Source::Replay(_) => false,
        }
    }

    /// The choices so far.
    pub fn taken(&self) -> &[u32] {
        &self.taken
    }

    /// Moves to the next list of choices; false if none is left.
    pub(crate) fn advance(&mut self) -> bool {
        self.taken.clear();
        match &mut self.source {
            Source::Exhaustive(odometer) => odometer.advance(),
            Source::Seeded(_) | Source::Bytes(_) | Source::Replay(_) => false,
        }
    }

    pub(crate) fn odometer(&self) -> Option<&Odometer> {
        match &self.source {
            Source::Exhaustive(odometer) => Some(odometer),
            Source::Seeded(_) | Source::Bytes(_) | Source::Replay(_) => None,
        }
    }
}

impl From<Source> for Choices {
    fn from(source: Source) -> Self {
        Self { source, taken: Vec::new() }
    }
}

fn weighted(dice: &mut fastrand::Rng, weights: &[u32]) -> u32 {
    let total: u32 = weights.iter().sum();
    let mut rest = dice.u32(0..total.max(1));
    for (index, weight) in (0_u32..).zip(weights) {
        if rest < *weight {
            return index;
        }
        rest -= weight;
    }
    0
}

/// A list of choices as text, for the environment and for messages: `3.0.0.2`. Zeros at the end are
/// left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail(pub Vec<u32>);

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().rposition(|picked| *picked != 0).map_or(0, |last| last + 1);
        if end == 0 {
            return f.write_str("0");
        }
        for (index, picked) in self.0.iter().take(end).enumerate() {
            write!(f, "{}{picked}", if index == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Trail {
    type Err = BadTrail;

    fn from_str(text: &str) -> Result<Self, BadTrail> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        text.split('.')
            .map(|number| number.parse().map_err(|_| BadTrail))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The text is no list of choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTrail;

impl fmt::Display for BadTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of choices is numbers with dots between them, such as 3.0.0.2")
    }
}

impl std::error::Error for BadTrail {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_is_read_as_it_is_written() {
        for (list, text) in [
            (vec![3, 0, 0, 2, 0, 0], "3.0.0.2"),
            (vec![], "0"),
            (vec![0, 0], "0"),
            (vec![0, 1], "0.1"),
        ] {
            assert_eq!(Trail(list.clone()).to_string(), text);
            let read: Trail = text.parse().unwrap();
            assert!(read.0.iter().eq(list.iter().chain([&0]).take(read.0.len())));
        }
        for bad in [".", "1.", "x", "1..2", "-1"] {
            assert_eq!(bad.parse::<Trail>(), Err(BadTrail), "{bad}");
        }
    }

    #[test]
    fn a_choice_beyond_the_options_picks_one_of_them() {
        let mut bytes = Choices::bytes(&[7]);
        assert_eq!([bytes.pick(&[1, 1, 1]), bytes.pick(&[1, 1, 1])], [1, 0]);
        assert!(bytes.is_spent());
        let mut replay = Choices::replay(vec![9]);
        assert_eq!([replay.pick(&[1; 5]), replay.pick(&[1; 5])], [4, 0]);
    }

    #[test]
    fn only_random_choices_respect_the_weights() {
        let mut dice = Choices::seeded(1);
        let picked: Vec<usize> = (0..1000).map(|_| dice.pick(&[0, 1, 9])).collect();
        assert!(!picked.contains(&0));
        let rare = picked.iter().filter(|index| **index == 1).count();
        assert!((50..200).contains(&rare), "{rare}");
        assert_eq!(dice.pick(&[1]), 0, "no choice is none");
    }
}
