//! The counters of a session as counters of the crate `metrics`.

use metrics::Label;
use waldo_auth_core::{Counters, DataPoint};

/// The counters of a session, as far as they were taken to be emitted.
#[derive(Debug, Default)]
pub(crate) struct Meter(Counters);

/// By how much each counter has grown. A counter that has not grown is left out.
pub(crate) type Increments = Vec<DataPoint>;

impl Meter {
    /// Takes the growth since the last time. Each increment is emitted by one thread only.
    pub(crate) fn take(&mut self, counters: &Counters) -> Increments {
        if self.0 == *counters {
            return Vec::new();
        }
        let taken = std::mem::replace(&mut self.0, *counters);
        let pairs = counters.data_points().zip(taken.data_points());
        let increment = |(mut point, taken): (DataPoint, DataPoint)| {
            point.value = point.value.saturating_sub(taken.value);
            point
        };
        pairs.map(increment).filter(|point| point.value > 0).collect()
    }
}

/// Adds the increments to the counters of the recorder. If the client has a name, the label `client`
/// holds it.
pub(crate) fn emit(increments: &Increments, client: Option<&str>) {
    for point in increments {
        let client = client.map(|name| Label::new("client", name.to_owned()));
        let attribute = point.attribute.map(|(key, value)| Label::from_static_parts(key, value));
        let labels: Vec<_> = client.into_iter().chain(attribute).collect();
        metrics::counter!(target: "waldo_auth", point.name, labels).increment(point.value);
    }
}
