//! What happens to the servers of one run.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use waldo_test_driver::server::{Policy, RenewalForm, Rotation};

/// What happens to the servers of one run. Times count from the start of the run.
#[derive(Clone, Debug)]
pub(super) struct Simulation {
    pub(super) policy: Policy,
    /// While servers with the old and with the new signing key answer by turns. Before, all have
    /// the old one; afterwards, the new one.
    pub(super) overlap: Option<Range<Duration>>,
    pub(super) lag: Option<Lag>,
    pub(super) takes: Takes,
    /// How many old renewals, all dead, a cache repeats.
    pub(super) cached: u32,
    pub(super) routes: Routes,
    /// When all tokens are revoked.
    pub(super) revoked: Vec<Duration>,
    /// When the run ends.
    pub(super) until: Duration,
}

impl Simulation {
    /// Servers that have no fault, for so long.
    pub(super) fn of(until: Duration) -> Self {
        Self {
            policy: Policy::default(),
            overlap: None,
            lag: None,
            takes: Takes::Good,
            cached: 0,
            routes: Routes::default(),
            revoked: Vec::new(),
            until,
        }
    }

    /// The same, and no response brings a renewed token.
    pub(super) fn without_renewals(mut self) -> Self {
        self.policy.renewal = RenewalForm::None;
        self
    }

    /// The same, and each renewal retires the token before it.
    pub(super) fn with_single_use_tokens(mut self) -> Self {
        self.policy.rotation = Rotation::Strict;
        self
    }

    /// When something that costs calls is over.
    pub(super) fn ends(&self) -> Vec<Duration> {
        let deployed = self.overlap.iter().map(|overlap| overlap.end);
        deployed.chain(self.revoked.iter().copied()).collect()
    }
}

/// How long a fresh token is refused, because not all servers know it yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lag {
    pub(super) span: Duration,
    /// Renewed tokens are refused as long.
    pub(super) of_renewals: bool,
}

/// Which tokens the servers take, of those that are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Good,
    /// Each once.
    Once,
    Nothing,
}

/// How many of a hundred calls go to routes of another kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Routes {
    pub(super) cached: u8,
    /// These answer 401 to every token.
    pub(super) refusing: u8,
    /// These do not look at the token.
    pub(super) public: u8,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Usual,
    Cached,
    Refusing,
    Public,
}

impl Routes {
    pub(super) fn pick(self, rng: &mut Rng) -> Route {
        let dice = rng.u8(..100);
        if dice < self.cached {
            Route::Cached
        } else if dice < self.cached + self.refusing {
            Route::Refusing
        } else if dice < self.cached + self.refusing + self.public {
            Route::Public
        } else {
            Route::Usual
        }
    }
}
