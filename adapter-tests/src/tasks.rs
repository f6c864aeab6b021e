//! Adapters whose calls are tasks.

use std::sync::Arc;
use std::time::Duration;

use waldo_emulator::Emulator;

use crate::adapter::{Adapter, Call};
use crate::fleet::{TestStore, program};
use crate::listener::Listener;
use crate::site::{emulator, on_threads};

/// The questions of a call before it tells the store of its login. The call reads a token, which the
/// server refuses, reads the document again, and takes the lease.
const BEFORE: usize = 3;

/// A program that makes such a call next.
fn before_login<A: Adapter>(store: &Arc<TestStore>) -> (Emulator, A) {
    let emulator = emulator();
    let [first, second] = [(); 2].map(|()| program::<A>(&emulator, store));
    assert_eq!(first.status(), 200);
    emulator.expire_all();
    (emulator, second)
}

/// The call waits for the store, and not so long that it fails.
pub fn rule_26_store_that_falls_silent_after_login_fails_no_call<A: Adapter>() {
    let store = Arc::default();
    let (emulator, client) = before_login::<A>(&store);
    let asked = store.asked();
    store.fall_silent_after(BEFORE);
    let call = Call::get("/customer?field=id").within(Duration::from_secs(10));
    assert_eq!(client.send(call).unwrap().status, 200);
    assert_eq!(emulator.stats().server.logins(), 2);
    assert_eq!(store.asked(), asked + BEFORE);
}

/// A task of its own tells the store. What it finds is an event of the call all the same.
pub fn rule_26_store_that_fails_after_login_is_event_of_the_call<A: Adapter>() {
    let store = Arc::default();
    let (_emulator, client) = before_login::<A>(&store);
    store.go_away_after(BEFORE);
    let listener = Listener::new();
    assert_eq!(on_threads(1, &listener, |_| client.status(), || ()), [200]);
    assert_eq!(listener.count("store_away"), 1);
}
