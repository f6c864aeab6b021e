//! Many tasks, and a server that is not at its best.

use std::time::{Duration, Instant};

use tower::Layer;
use tower::limit::ConcurrencyLimit;
use waldo_emulator::Hold;
use waldo_tower::{Error, Refusal, Refused};

use crate::site::{emulator, get, hyper, layer, on_a_runtime, settings, status};

/// A login holds the only capacity of the service below, and a call waits for it no longer than it
/// may.
#[test]
fn rule_14_call_without_capacity_is_refused_in_time() {
    on_a_runtime(async {
        let emulator = emulator();
        emulator.hold(Hold::logins());
        let below = ConcurrencyLimit::new(hyper(), 1);
        let layer = layer(settings(&emulator.origin())).max_wait(Duration::from_millis(200));
        let service = layer.layer(below);
        let began = Instant::now();
        let error = status(service, get(&emulator, "/customer?field=id")).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused(Refused { refusal: Refusal::Deadline { .. }, .. })),
            "{error:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        emulator.release_all();
    });
}
