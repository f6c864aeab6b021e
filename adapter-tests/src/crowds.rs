//! Many calls at once, and one session.

use std::time::Duration;

use waldo_auth_client::{Credentials, Refusal};
use waldo_emulator::model::{Answer, Fault, Target};
use waldo_emulator::{Emulator, Hold};

use crate::adapter::{Adapter, Failure, Kind, Setup};
use crate::listener::Listener;
use crate::site::{TIMEOUT, emulator, on_threads, storm_rounds, with_one_login_for_all};

const CROWD: usize = 64;

/// The results of that many calls, which all wait for the first login.
fn crowd<A: Adapter>(client: &A, count: usize, emulator: &Emulator) -> Vec<Result<u16, Failure>> {
    let call = || client.call().map(|answer| answer.status);
    let results = with_one_login_for_all(count, emulator, &Listener::new(), call);
    assert_eq!(emulator.stats().most_logins_at_once, 1);
    results
}

pub fn rule_13_calls_without_token_share_one_login<A: Adapter>() {
    for count in [CROWD, 500] {
        let emulator = emulator();
        let client = A::build(Setup::new(emulator.origin()));
        for result in crowd(&client, count, &emulator) {
            assert_eq!(result.unwrap(), 200);
        }
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (1, 0));
    }
}

/// The order of arrival is the machine's, so more rounds try more orders. `WALDO_STORM_ROUNDS` says
/// how many.
pub fn rule_13_a_storm_of_401s_is_exactly_one_login<A: Adapter>() {
    let (emulator, listener) = (emulator(), Listener::new());
    let every = |limits: waldo_auth_client::ConfigBuilder| {
        limits.invalidation_budget(1000, Duration::from_millis(1))
    };
    let client = A::build(Setup::new(emulator.origin()).limits(every));
    assert_eq!(client.status(), 200);
    for round in 1..=storm_rounds() {
        emulator.reset_stats();
        emulator.hold(Hold::calls());
        let expire = || {
            assert!(emulator.wait_until_held(CROWD, TIMEOUT), "round {round}");
            emulator.expire_all();
            emulator.release_all();
        };
        let statuses = on_threads(CROWD, &listener, |_| client.status(), expire);
        assert_eq!(statuses, [200; CROWD], "round {round}");
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (1, 1), "round {round}");
        assert_eq!(stats.server.calls_unauthorized, 64, "round {round}");
    }
}

pub fn rule_14_failed_login_is_shared_by_all_waiters<A: Adapter>() {
    let emulator = emulator();
    let setup = Setup::new(emulator.origin()).limits(|limits| limits.failures_per_call(1));
    let client = A::build(setup);
    emulator.push_fault(Fault::login(Answer::status(503)).forever());
    for result in crowd(&client, CROWD, &emulator) {
        let failure = result.unwrap_err();
        let is_unavailable = matches!(failure.kind, Kind::Refused(Refusal::Unavailable { .. }));
        assert!(is_unavailable, "{failure:?}");
    }
    assert_eq!(emulator.stats().server.logins(), 1);
}

pub fn rule_14_waiters_retry_once_after_backoff<A: Adapter>() {
    let emulator = emulator();
    let client = A::build(Setup::new(emulator.origin()));
    emulator.push_fault(Fault::login(Answer::status(503)).times(1));
    for result in crowd(&client, CROWD, &emulator) {
        assert_eq!(result.unwrap(), 200);
    }
    assert_eq!(emulator.stats().server.logins(), 2);
}

/// It is tried a few times, because a call that has not begun to wait needs no waking.
pub fn waiting_call_logs_in_at_once_after_reset<A: Adapter>() {
    for _ in 0..5 {
        let (emulator, listener) = (emulator(), Listener::new());
        emulator.add_key("wk.other", "ws.other");
        let client = A::build(Setup::new(emulator.origin()));
        emulator.hold(Hold::logins());
        let reset = || {
            listener.wait_for("coalesced", 1);
            client.reset(Credentials::new("wk.other", "ws.other").unwrap());
            // Long before the lease ends, there is another login.
            assert!(emulator.wait_until_held(2, TIMEOUT));
            emulator.release(Target::Login);
        };
        assert_eq!(on_threads(2, &listener, |_| client.status(), reset), [200; 2]);
    }
}

pub fn waiting_call_uses_resumed_token_at_once<A: Adapter>() {
    for _ in 0..5 {
        let (emulator, listener) = (emulator(), Listener::new());
        let [client, sibling] = [(); 2].map(|()| A::build(Setup::new(emulator.origin())));
        assert_eq!(sibling.status(), 200);
        emulator.hold(Hold::logins());
        let resume = || {
            listener.wait_for("coalesced", 1);
            client.resume_from(&sibling);
            listener.wait_for("renewed", 1);
            emulator.release(Target::Login);
        };
        assert_eq!(on_threads(2, &listener, |_| client.status(), resume), [200; 2]);
    }
}
