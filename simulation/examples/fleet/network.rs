//! How long the requests of a call are on their way.

use std::time::Duration;

use fastrand::Rng;

/// One way there and back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    pub(crate) forth: Duration,
    pub(crate) back: Duration,
    /// How far the clock of the node that answers is from the true time, in seconds.
    pub(crate) skew: f64,
    /// How old the `Date` of the answer is: some servers compose it once a second.
    pub(crate) stale: Duration,
}

impl Way {
    pub(crate) fn whole(self) -> Duration {
        self.forth + self.back
    }
}

/// The ways of all that a call may have to send.
///
/// They are drawn when the call comes in, so that what a client decides changes nothing but what it
/// sends: two settings are compared under the same luck.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ways {
    /// What the first request takes before it leaves, on a connection that has to be made.
    pub(crate) connect: Duration,
    pub(crate) first: Way,
    pub(crate) login: Way,
    /// That of the call's further attempts.
    pub(crate) again: Way,
}

/// What lies between the clients and the server's nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    /// The round trip of a typical request.
    pub(crate) round_trip: Duration,
    /// How far a node's clock may be off, in either direction.
    pub(crate) skew: Duration,
    /// How old a `Date` may be.
    pub(crate) stale: Duration,
}

impl Network {
    /// Nodes with exact clocks.
    pub(crate) fn of(round_trip: Duration) -> Self {
        Self { round_trip, skew: Duration::ZERO, stale: Duration::ZERO }
    }

    /// The ways of a call whose connection is open.
    pub(crate) fn warm(&self, rng: &mut Rng) -> Ways {
        let pace = Self::pace(rng);
        let (first, login, again) = (self.way(pace, rng), self.way(1.0, rng), self.way(1.0, rng));
        Ways { connect: Duration::ZERO, first, login, again }
    }

    /// The ways of a call after a long silence: a connection costs one round trip for TCP and one
    /// for TLS.
    pub(crate) fn cold(&self, rng: &mut Rng) -> Ways {
        let pace = Self::pace(rng);
        let connect = self.round_trip.mul_f64(2.0 * pace * Self::jitter(rng));
        let (first, login, again) = (self.way(pace, rng), self.way(1.0, rng), self.way(1.0, rng));
        Ways { connect, first, login, again }
    }

    /// One in twenty takes three to ten times as long as the others.
    fn pace(rng: &mut Rng) -> f64 {
        if rng.u8(..20) == 0 { 3.0 + 7.0 * rng.f64() } else { 1.0 }
    }

    fn jitter(rng: &mut Rng) -> f64 {
        0.8 + 0.4 * rng.f64()
    }

    /// The halves are seldom even.
    fn way(&self, pace: f64, rng: &mut Rng) -> Way {
        let whole = self.round_trip.mul_f64(pace * Self::jitter(rng));
        let forth = whole.mul_f64(0.2 + 0.6 * rng.f64());
        let skew = self.skew.as_secs_f64() * (2.0 * rng.f64() - 1.0);
        Way { forth, back: whole.saturating_sub(forth), skew, stale: self.stale.mul_f64(rng.f64()) }
    }
}
