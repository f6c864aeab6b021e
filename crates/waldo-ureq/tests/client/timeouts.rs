//! Nothing takes longer than it may. Where a test measures, it allows for a slow machine.

use std::time::{Duration, Instant};

use waldo_adapter_tests::{Scripted, jwt};
use waldo_emulator::model::{Answer, Fault};
use waldo_ureq::ureq::{self, Timeout};
use waldo_ureq::{Client, ClientBuilder, Error};

use crate::site::{bounded, builder_over, client, credentials, emulator, settings, status};

/// Far above every limit that is tested here, and far below those that are not.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_call_that_hangs_ends_with_the_agents_timeout() {
    bounded(|| {
        let emulator = emulator();
        let settings = settings().timeout_global(Some(Duration::from_millis(1500))).build();
        let client = builder_over(emulator.origin(), settings).build().unwrap();
        assert_eq!(status(&client), 200);
        emulator.push_fault(Fault::call(Answer::Hang));
        let began = Instant::now();
        let error = client.get("/customer").call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(Timeout::Global))), "{error:?}");
        assert!(began.elapsed() < SOON);
    });
}

#[test]
fn default_timeout_is_one_minute() {
    let own = |builder: ClientBuilder| builder.build().unwrap().agent().config().timeouts().global;
    let minute = Duration::from_secs(60);
    let builder = || Client::builder(credentials()).origin("http://127.0.0.1:1");
    assert_eq!(own(builder()), Some(minute));
    assert_eq!(own(builder().timeout(minute / 2)), Some(minute / 2));
    assert_eq!(own(builder().timeout(None)), None);
    assert!(own(builder().timeout(Duration::MAX)).unwrap() < Duration::MAX, "ureq would panic");
}

#[test]
fn the_agents_timeout_counts_unless_the_program_sets_another() {
    bounded(|| {
        let server = Scripted::granting(|exchange| {
            std::thread::sleep(Duration::from_millis(600));
            exchange.answer(200, "", "");
        });
        let hasty = settings().timeout_global(Some(Duration::from_millis(200))).build();
        let builder = || builder_over(server.origin(), hasty.clone());
        let error = builder().build().unwrap().get("/").call().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        for limit in [None, Some(Duration::from_secs(20))] {
            assert_eq!(status(&builder().timeout(limit).build().unwrap()), 200, "{limit:?}");
            let client = builder().build().unwrap();
            assert_eq!(client.get("/").timeout(limit).call().unwrap().status(), 200, "{limit:?}");
        }
        let patient = builder().timeout(None).build().unwrap();
        let error = patient.get("/").timeout(Duration::from_millis(200)).call().unwrap_err();
        assert!(error.is_timeout() && !error.never_sent(), "{error}");
    });
}

#[test]
fn the_wait_for_a_login_counts_for_the_timeout() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            std::thread::sleep(Duration::from_millis(600));
            if exchange.is_login() {
                return exchange.grant(&jwt(1));
            }
            exchange.answer(200, "", "");
        });
        // The login and the sending are each within the limit; together they are not.
        let client = client(server.origin());
        let error = client.get("/").timeout(Duration::from_secs(1)).call().unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::Timeout(Timeout::Global))), "{error:?}");
        assert_eq!(server.seen(), ["POST /authenticate", "GET /"]);
    });
}
