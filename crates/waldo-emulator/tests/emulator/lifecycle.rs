//! From start to stop.

use std::net::TcpStream;
use std::time::Instant;

use waldo_emulator::model::{Answer, Fault, Server};
use waldo_emulator::{Emulator, Hold};

use crate::visitor::{TIMEOUT, Visitor, emulator, pair};

#[test]
fn emulator_starts_on_free_loopback_port() {
    let emulator = emulator();
    assert!(emulator.addr().ip().is_loopback());
    assert_ne!(emulator.addr().port(), 0);
    assert_eq!(emulator.origin(), format!("http://{}", emulator.addr()));
}

#[test]
fn parallel_emulators_share_no_state() {
    let (one, two) = (emulator(), emulator());
    assert_ne!(one.addr(), two.addr());
    let token = Visitor::to(one.addr()).token();
    assert_eq!(Visitor::to(two.addr()).get("/x", &token).status, 401);
    assert_eq!(two.stats().server.logins_granted, 0);
}

#[test]
fn port_in_use_is_an_error() {
    let first = emulator();
    let second = Emulator::listen(first.addr(), Server::default());
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn stop_closes_the_port_and_every_connection() {
    let emulator = emulator();
    let addr = emulator.addr();
    let (mut idle, mut visitor) = (Visitor::to(addr), Visitor::to(addr));
    assert_eq!(visitor.log_in().status, 200);
    emulator.stop();
    assert!(TcpStream::connect(addr).is_err());
    assert!(idle.is_closed() && visitor.is_closed());
}

#[test]
fn dropping_it_is_stopping_it() {
    let addr = emulator().addr();
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn stop_ends_hanging_and_held_requests() {
    let emulator = emulator();
    emulator.push_fault(Fault::call(Answer::Hang).forever());
    emulator.hold(Hold::logins());
    let (mut hanging, mut held) = (Visitor::to(emulator.addr()), Visitor::to(emulator.addr()));
    hanging.send("GET", "/x", "", b"");
    held.send("POST", "/authenticate", "", &pair());
    assert!(emulator.wait_until_held(1, TIMEOUT));
    let began = Instant::now();
    emulator.stop();
    assert!(began.elapsed() < TIMEOUT);
    assert!(hanging.is_closed() && held.is_closed());
}

#[test]
fn the_same_port_can_be_taken_again_at_once() {
    // Another test may be given the port in between; that it lingers would show each time.
    let second = (0..5).find_map(|_| {
        let first = emulator();
        let addr = first.addr();
        // Open until after the stop, so that the emulator's side closes first and its port lingers.
        let mut visitor = Visitor::to(addr);
        assert_eq!(visitor.log_in().status, 200);
        first.stop();
        assert!(visitor.is_closed());
        Emulator::listen(addr, Server::default()).ok()
    });
    assert_eq!(Visitor::to(second.unwrap().addr()).log_in().status, 200);
}

#[test]
fn debug_shows_no_key_no_secret_and_no_token() {
    let emulator = emulator();
    let token = Visitor::to(emulator.addr()).token();
    let shown = format!("{emulator:?} {:?}", emulator.stats());
    for secret in [Server::KEY_ID, Server::KEY_SECRET, token.as_str()] {
        assert!(!shown.contains(secret));
    }
}
