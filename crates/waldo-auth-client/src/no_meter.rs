//! Stands for `meter.rs` without the feature `metrics`: nothing is emitted.

use waldo_auth_core::Counters;

#[derive(Debug, Default)]
pub(crate) struct Meter {}

#[derive(Debug, Default)]
pub(crate) struct Increments {}

impl Meter {
    #[expect(clippy::unused_self, reason = "the feature `metrics` has the counters here")]
    pub(crate) fn take(&mut self, _: &Counters) -> Increments {
        Increments {}
    }
}

pub(crate) fn emit(_: &Increments, _: Option<&str>) {}
