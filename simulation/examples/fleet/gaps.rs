//! How long a client is idle before the call that counts.

use std::time::Duration;

use fastrand::Rng;

/// Gaps around the lifetime of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gaps {
    /// From half a lifetime to one and a half, all equally likely.
    Even,
    /// The lifetime itself, give or take the second that a job starts late: a job that runs once an
    /// hour.
    Period,
}

/// A gap, and how likely it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) length: Duration,
    pub(crate) weight: f64,
}

impl Gaps {
    /// Gaps to try, in no order.
    ///
    /// The even ones are drawn closer together where more depends on them, which their weights make
    /// up for.
    pub(crate) fn drawn(self, lifetime: Duration, rng: &mut Rng) -> Vec<Gap> {
        /// From so many seconds before the end on, so many are drawn.
        const DENSITY: [(f64, u32); 7] = [
            (f64::NEG_INFINITY, 30),
            (-6.0, 60),
            (-1.0, 700),
            (6.0, 200),
            (20.0, 200),
            (70.0, 100),
            (320.0, 30),
        ];
        let lifetime = lifetime.as_secs_f64();
        let mut gaps = Vec::new();
        match self {
            Self::Even => {
                let nexts = DENSITY.iter().skip(1).map(|(from, _)| *from).chain([f64::INFINITY]);
                for ((from, count), to) in DENSITY.into_iter().zip(nexts) {
                    let (from, to) = (from.max(-lifetime / 2.0), to.min(lifetime / 2.0));
                    let width = (to - from) / f64::from(count);
                    if width > 0.0 {
                        gaps.extend((0..count).map(|nth| {
                            let left = from + (f64::from(nth) + rng.f64()) * width;
                            Gap {
                                length: Duration::from_secs_f64(lifetime - left),
                                weight: width / lifetime,
                            }
                        }));
                    }
                }
            }
            Self::Period => {
                const COUNT: u32 = 300;
                gaps.extend((0..COUNT).map(|_| {
                    let length = Duration::from_secs_f64(lifetime + rng.f64() - rng.f64());
                    Gap { length, weight: 1.0 / f64::from(COUNT) }
                }));
            }
        }
        rng.shuffle(&mut gaps);
        gaps
    }
}
