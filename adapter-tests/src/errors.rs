//! Errors say what to do, and keep their source.

use std::io;
use std::net::TcpListener;

use waldo_auth_client::{Reason, Refusal};
use waldo_emulator::model::{Answer, Fault, Server};

use crate::adapter::{Adapter, Call, Kind, Setup};
use crate::site::emulator;

pub fn unreachable_server_is_unavailable_login_with_source<A: Adapter>() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let setup = Setup::new(format!("http://{nobody}")).limits(|limits| limits.failures_per_call(1));
    let failure = A::build(setup).call().unwrap_err();
    assert!(failure.never_sent);
    assert_eq!(failure.reason(), Reason::ConnectionRefused);
    let expected = format!(
        "http://{nobody}: login unavailable: the server refused the connection; check the port"
    );
    assert!(failure.error.to_string().starts_with(&expected), "{failure:?}");
    let kinds =
        failure.causes().filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    assert_eq!(kinds.last(), Some(io::ErrorKind::ConnectionRefused), "{failure:?}");
}

pub fn a_call_that_breaks_is_not_sent_again<A: Adapter>() {
    let emulator = emulator();
    let client = A::build(Setup::new(emulator.origin()));
    assert_eq!(client.status(), 200);
    emulator.reset_stats();
    for fault in [Answer::Cut, Answer::status(503)] {
        emulator.push_fault(Fault::call(fault));
    }
    let onboard = || Call::post("/onboard", b"{}".to_vec());
    let failure = client.send(onboard()).unwrap_err();
    assert!(matches!(failure.kind, Kind::Stack) && !failure.never_sent, "{failure:?}");
    assert!(failure.error.source().is_some(), "{failure:?} has lost its cause");
    assert_eq!(client.send(onboard()).unwrap().status, 503);
    assert_eq!(emulator.stats().server.total(), 2);
}

pub fn revoked_key_is_detected_at_login_after_invalidate<A: Adapter>() {
    let emulator = emulator();
    let client = A::build(Setup::new(emulator.origin()));
    assert_eq!(client.status(), 200);
    emulator.revoke_key(Server::KEY_ID);
    let answer = client.call().unwrap();
    assert_eq!(answer.status, 403);
    assert!(String::from_utf8(answer.body).unwrap().contains("API_KEY_REVOKED"));
    assert_eq!(answer.generation, client.generation());
    assert!(client.invalidate(answer.generation));
    let failure = client.call().unwrap_err();
    assert!(matches!(failure.kind, Kind::Refused(Refusal::Rejected { .. })), "{failure:?}");
    assert!(failure.error.to_string().starts_with(&emulator.origin()), "{failure:?}");
}
