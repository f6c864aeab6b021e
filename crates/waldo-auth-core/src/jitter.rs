//! Random delays from a seed.

use std::time::Duration;

/// A `SplitMix64` generator. Each process has another seed, and equal seeds give equal delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A duration from zero up to, but not including, `limit`: full jitter.
    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high half of a 64 x 64 bit product is evenly distributed below the limit.
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let scaled = (u128::from(z) * u128::from(nanos)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_uniform_and_reproducible_from_seed() {
        let limit = Duration::from_secs(1);
        let draw = |seed| {
            let mut jitter = Jitter::seeded(seed);
            (0..1000).map(|_| jitter.below(limit)).collect::<Vec<_>>()
        };
        let delays = draw(7);
        assert_eq!(delays, draw(7));
        assert_ne!(delays, draw(8));
        assert!(delays.iter().all(|delay| *delay < limit));
        let mean = delays.iter().sum::<Duration>() / 1000;
        assert!((450..550).contains(&mean.as_millis()), "{mean:?}");
        assert_eq!(Jitter::seeded(1).below(Duration::ZERO), Duration::ZERO);
    }

    /// The published outputs of the generator for this seed.
    #[test]
    fn the_generator_is_the_published_one() {
        let mut jitter = Jitter::seeded(1_234_567);
        // Scaled to the whole range, an output is one less than the generator's.
        let outputs = [(); 5].map(|()| jitter.below(Duration::from_nanos(u64::MAX)).as_nanos() + 1);
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(outputs, published);
    }
}
