//! The ways in which a server tells how long its tokens last.

use std::time::Duration;

use waldo_test_driver::server::{Claims, DateHeader, DateStyle, Policy};

use crate::network::Network;

/// What a server says of its tokens' end, and how true that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) name: &'static str,
    dates: DateStyle,
    iat: bool,
    date: DateHeader,
    skew: Duration,
    stale: Duration,
}

impl Manner {
    /// As almost every server: whole seconds, `exp`, `iat` and `Date`.
    pub(crate) const COMMON: Self = Self {
        name: "whole seconds",
        dates: DateStyle::Whole,
        iat: true,
        date: DateHeader::Present,
        skew: Duration::ZERO,
        stale: Duration::ZERO,
    };

    pub(crate) const ALL: [Self; 8] = [
        Self::COMMON,
        Self::EXACT,
        Self { name: "no Date", date: DateHeader::Absent, ..Self::COMMON },
        Self { name: "no iat", iat: false, ..Self::COMMON },
        Self::LATE,
        Self { name: "nodes within 1 s", skew: Duration::from_secs(1), ..Self::COMMON },
        Self { name: "nodes within 2 s", skew: Duration::from_secs(2), ..Self::COMMON },
        Self::WORST,
    ];

    pub(crate) const EXACT: Self =
        Self { name: "fractions of seconds", dates: DateStyle::Fractional, ..Self::COMMON };

    const LATE: Self = Self {
        name: "no iat, Date late by 1 s",
        iat: false,
        stale: Duration::from_secs(1),
        ..Self::COMMON
    };

    pub(crate) const WORST: Self =
        Self { name: "nodes 2 s, no iat, Date late", skew: Duration::from_secs(2), ..Self::LATE };

    pub(crate) fn policy(self, lifetime: Duration) -> Policy {
        let claims = Claims { iat: self.iat, ..Claims::default() };
        Policy { lifetime, dates: self.dates, claims, date: self.date, ..Policy::default() }
    }

    pub(crate) fn network(self, round_trip: Duration) -> Network {
        Network { round_trip, skew: self.skew, stale: self.stale }
    }
}
