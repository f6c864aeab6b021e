//! The values of one quantity in all rounds.

use std::ops::RangeInclusive;

/// The values of one quantity in ascending order. There is at least one.
#[derive(Clone, Debug)]
pub struct Distribution {
    sorted: Vec<f64>,
}

impl Distribution {
    /// Sorts the values.
    ///
    /// # Panics
    /// If there is no value.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        assert!(!sorted.is_empty(), "there must be at least one round");
        sorted.sort_unstable_by(f64::total_cmp);
        Self { sorted }
    }

    /// The value below which this share of all values lies, from 0 to 1. It is interpolated between
    /// neighbouring values.
    pub fn quantile(&self, share: f64) -> f64 {
        let place = share.clamp(0.0, 1.0) * (self.count() - 1.0);
        let (below, above) = (self.at(place.floor()), self.at(place.ceil()));
        below + (above - below) * place.fract()
    }

    /// The value in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The interval of the true median, with a confidence of 95 %.
    ///
    /// The interval depends on ranks only, so it holds for any shape of the distribution. Each
    /// value falls below the true median like the toss of a fair coin. With fewer than six values,
    /// the interval is the whole range, and its confidence is below 95 %.
    pub fn median_interval(&self) -> RangeInclusive<f64> {
        let reach = 1.96 * self.count().sqrt();
        let lower = ((self.count() - reach) / 2.0).round().max(1.0);
        let upper = (1.0 + f64::midpoint(self.count(), reach)).round().min(self.count());
        self.at(lower - 1.0)..=self.at(upper - 1.0)
    }

    #[expect(clippy::cast_precision_loss, reason = "no bench runs 2^53 rounds")]
    fn count(&self) -> f64 {
        self.sorted.len() as f64
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place is a whole number in range"
    )]
    fn at(&self, place: f64) -> f64 {
        self.sorted.get(place as usize).copied().unwrap_or(f64::NAN)
    }
}
