//! The counters of a session as counters of the crate `metrics`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use waldo_auth_client::{Call, ConfigBuilder, Credentials, SharedSession, config};

use crate::site::{admit, grant, lead, session, wait};

/// The counters, by their names and labels.
#[derive(Default)]
struct Recorded(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorded {
    fn values(&self) -> BTreeMap<String, u64> {
        let counters = self.0.lock().unwrap();
        let value = |value: &Arc<AtomicU64>| value.load(Ordering::SeqCst);
        counters.iter().map(|(name, counter)| (name.clone(), value(counter))).collect()
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        assert_eq!(metadata.target(), "waldo_auth");
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        let name = key.name().to_owned() + &labels.collect::<String>();
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("the session has no gauge")
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("the session has no histogram")
    }
}

fn values(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn counters_reach_the_recorder_with_the_name_of_their_client() {
    let recorded = Recorded::default();
    with_local_recorder(&recorded, || {
        for name in [None, None, Some("sandbox")] {
            let config = config(Credentials::new("k", "s").unwrap());
            let config = name.into_iter().fold(config, ConfigBuilder::name).build().unwrap();
            let session = SharedSession::new(config);
            let leader = lead(&session);
            let follower = wait(&session, Call::replayable());
            grant(leader);
            drop(follower.block());
            session.invalidate(session.generation());
            lead(&session).fail("no route to host");
            drop(admit(&session, Call::replayable().with_deadline(session.now())));
        }
    });
    let expected = [
        ("waldo.auth.logins_started", 2),
        ("waldo.auth.logins outcome=granted", 1),
        ("waldo.auth.logins outcome=unavailable", 1),
        ("waldo.auth.invalidations", 1),
        ("waldo.auth.waits reason=login", 1),
        ("waldo.auth.refusals reason=deadline", 1),
    ];
    let mut all = values(&expected.map(|(name, value)| (name, 2 * value)));
    for (name, value) in expected {
        let (name, labels) = name.split_once(' ').map_or((name, None), |(n, l)| (n, Some(l)));
        let labels = labels.map(|labels| format!(" {labels}")).unwrap_or_default();
        all.insert(format!("{name} client=sandbox{labels}"), value);
    }
    assert_eq!(recorded.values(), all);
}

/// The sum of the increments is the counter, no matter when a recorder is asked.
#[test]
fn increments_during_unwind_reach_the_recorder_at_next_step() {
    let recorded = Recorded::default();
    with_local_recorder(&recorded, || {
        let session = session();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _lead = lead(&session);
            panic!("on purpose");
        }));
        assert!(unwound.is_err());
        assert_eq!(recorded.values(), BTreeMap::new());
        assert_eq!(session.counters().logins_unavailable, 1);
        drop(session.explain());
        drop(session.explain());
    });
    let expected = [("waldo.auth.logins_started", 1), ("waldo.auth.logins outcome=unavailable", 1)];
    assert_eq!(recorded.values(), values(&expected));
}
