//! Errors say what to do, and keep their source.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use waldo_auth_client::{Reason, Refusal};
use waldo_emulator::model::{Answer, Fault, Server};

use crate::adapter::{Adapter, Call, Kind, Setup};
use crate::scripted::{Scripted, jwt};
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

/// The server may have acted on the upload before the connection broke off.
pub fn rule_24_rejected_login_keeps_error_of_broken_upload<A: Adapter>() {
    let (uploads, logins) = (AtomicU32::new(0), AtomicU32::new(0));
    let is_first = |count: &AtomicU32| count.fetch_add(1, Ordering::SeqCst) == 0;
    let server = Scripted::start(move |exchange| match exchange.line.as_str() {
        "POST /authenticate" if is_first(&logins) => exchange.grant(&jwt(1)),
        "POST /authenticate" => exchange.answer(401, "", r#"{"code":"INVALID_API_KEY"}"#),
        "POST /up" if is_first(&uploads) => exchange.close(),
        // The head-only attempt.
        "POST /up" => exchange.answer(401, "Connection: close\r\n", ""),
        _ => exchange.answer(200, "", ""),
    });
    let client = A::build(Setup::new(server.origin()));
    assert_eq!(client.status(), 200);
    let failure = client.send(Call::post("/up", vec![7; 8_000_000])).unwrap_err();
    assert!(matches!(failure.kind, Kind::BrokeOff) && !failure.never_sent, "{failure:?}");
    assert_eq!(server.logins(), 2);
}
