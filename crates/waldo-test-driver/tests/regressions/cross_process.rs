//! Two processes with one key pair and one store.

use std::time::Duration;

use waldo_auth_core::{Call, NotResumed, Outcome};
use waldo_test_driver::server::{Policy, Rotation};

use crate::meets;
use crate::stage::Stage;

/// `editor-code-assistant/eca#462`: processes that shared one file renewed at the same time, and
/// each made the other's token useless. A leader that holds the store's lock reads the store again
/// first, and what its sibling has left there spares it the login.
#[test]
fn eca_462_leader_uses_token_of_its_sibling_process() {
    let (mut ours, mut sibling) = (Stage::new(Policy::default()), Stage::new(Policy::default()));
    // Both find that they need a login; the sibling gets the store's lock first.
    let (login, call) = ours.lead(Call::replayable());
    assert_eq!(sibling.call("/a"), 200);
    let stored = sibling.session.snapshot(sibling.now()).unwrap();
    let now = ours.now();
    ours.session.resume(&stored, now).unwrap();
    ours.settle(login, Outcome::Abandoned);
    // It is one server to both of them.
    ours.server = sibling.server.clone();
    assert_eq!(ours.finish(call, "/b"), 200);
    assert_eq!(ours.server.stats().logins(), 1);
}

/// `grafana/gcx#522`: each of two processes renewed what the other had renewed already, and of two
/// that came together one was refused. A token from the store is taken up while it lasts longer
/// than the held one, and a refused one is not taken up again.
#[test]
fn gcx_522_refused_token_is_replaced_by_siblings_token() {
    meets(["a-stored-token-that-was-refused", "a-stored-token-that-is-dead"]);
    let mut ours = Stage::new(Policy { rotation: Rotation::Strict, ..Policy::default() });
    assert_eq!(ours.call("/a"), 200);
    let shared = ours.session.snapshot(ours.now()).unwrap();
    // The sibling starts from the same token, and its call retires it.
    let mut sibling = Stage::new(Policy::default());
    sibling.server = ours.server.clone();
    let now = sibling.now();
    sibling.session.resume(&shared, now).unwrap();
    sibling.pass(Duration::from_secs(1));
    assert_eq!(sibling.call("/b"), 200);
    let renewed = sibling.session.snapshot(sibling.now()).unwrap();
    // Ours is refused, leads, and reads the store: not its own token again, but the sibling's.
    ours.server = sibling.server.clone();
    ours.pass(Duration::from_secs(1));
    let refused = ours.send(Call::replayable(), "/c");
    assert_eq!(refused.response.status(), 401);
    let call = ours.retry(refused);
    let (login, call) = ours.lead(call);
    let now = ours.now();
    assert_eq!(ours.session.resume(&shared, now), Err(NotResumed::Refused));
    ours.session.resume(&renewed, now).unwrap();
    ours.settle(login, Outcome::Abandoned);
    assert_eq!(ours.finish(call, "/c"), 200);
    assert_eq!(ours.server.stats().logins(), 1);
}
