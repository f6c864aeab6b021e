//! Failures as a client meets them on the wire.

use std::time::Duration;

use waldo_emulator::model::{Answer, Fault, Policy, Refuses, RetryAfter};

use crate::visitor::{Visitor, bearer, emulator, emulator_of, pair};

/// Long enough that an answer would be there.
const MOMENT: Duration = Duration::from_millis(100);

#[test]
fn every_answered_fault_arrives_with_its_status() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let faults = [
        (Answer::Unauthorized, 401),
        (Answer::Refusal { status: 403, code: "ODD".to_owned() }, 403),
        (Answer::SingleQuotes, 400),
        (Answer::Firewall, 403),
        (Answer::too_many_requests(RetryAfter::Seconds(3)), 429),
        (Answer::status(503), 503),
        (Answer::status(204), 204),
        (Answer::NoToken, 200),
        (Answer::NotJson, 200),
        (Answer::Oversize { bytes: 100_000 }, 200),
        (Answer::Redirect { status: 302, location: "/elsewhere".to_owned() }, 302),
    ];
    for (answer, status) in faults {
        emulator.push_fault(Fault::login(answer.clone()));
        let seen = visitor.log_in();
        assert_eq!(seen.status, status, "{answer:?}");
        assert!(!String::from_utf8_lossy(&seen.body).contains("eyJ"), "{answer:?} has a token");
    }
    assert_eq!(visitor.log_in().status, 200, "each happened once");
    assert_eq!(emulator.stats().server.logins_failed, 11);
}

#[test]
fn a_hang_leaves_the_connection_open_and_silent() {
    let emulator = emulator();
    emulator.push_fault(Fault::login(Answer::Hang));
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/authenticate", "", &pair());
    assert!(visitor.is_silent_for(MOMENT));
    assert_eq!(Visitor::to(emulator.addr()).log_in().status, 200);
}

#[test]
fn a_cut_ends_the_connection_without_a_byte() {
    let emulator = emulator();
    emulator.push_fault(Fault::login(Answer::Cut));
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/authenticate", "", &pair());
    assert_eq!(visitor.receive().unwrap_err().to_string(), "nothing");
    assert_eq!(emulator.stats().server.unanswered, 1);
}

#[test]
fn an_answer_cut_short_announces_more_than_it_sends() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    emulator.push_fault(Fault::call(Answer::CutShort).times(20));
    for _ in 0..20 {
        let mut visitor = Visitor::to(emulator.addr());
        visitor.send("GET", "/some-endpoint", &bearer(&token), b"");
        let error = visitor.receive().unwrap_err().to_string();
        let length = r#"{"bytes":0,"method":"GET","path":"/some-endpoint"}"#.len();
        assert_eq!(error, format!("status 200, then {} of {length} bytes", length / 2));
    }
}

#[test]
fn trickle_fault_sends_head_and_endless_body() {
    let emulator = emulator();
    emulator.push_fault(Fault::login(Answer::Trickle));
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/authenticate", "", &pair());
    let seen = String::from_utf8(visitor.receive_bytes(200)).unwrap();
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    let (_, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(body.starts_with("1\r\n{\r\n1\r\n\"\r\n"), "a byte at a time: {body:?}");
    assert_eq!(Visitor::to(emulator.addr()).log_in().status, 200, "others are served meanwhile");
    assert_eq!(emulator.stats().server.unanswered, 1);
}

#[test]
fn flood_fault_sends_head_and_huge_body() {
    let emulator = emulator();
    for (fault, head) in [
        (Answer::Flood, "HTTP/1.1 200 OK\r\n"),
        (Answer::Endless { status: 401, flood: true }, "HTTP/1.1 401 Unauthorized\r\n"),
    ] {
        emulator.push_fault(Fault::login(fault));
        let mut visitor = Visitor::to(emulator.addr());
        visitor.send("POST", "/authenticate", "", &pair());
        let seen = visitor.receive_bytes(1 << 20);
        assert!(seen.starts_with(head.as_bytes()));
    }
    assert_eq!(Visitor::to(emulator.addr()).log_in().status, 200, "others are served meanwhile");
}

#[test]
fn a_failure_without_an_end_has_its_status() {
    let emulator = emulator();
    emulator.push_fault(Fault::login(Answer::Endless { status: 503, flood: false }));
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/authenticate", "", &pair());
    let seen = String::from_utf8(visitor.receive_bytes(150)).unwrap();
    assert!(seen.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{seen}");
    assert!(seen.ends_with("1\r\n \r\n"), "a byte at a time: {seen:?}");
    assert_eq!(emulator.stats().server.logins_granted, 0);
}

#[test]
fn a_compressed_answer_is_in_an_unknown_coding() {
    let emulator = emulator();
    emulator.push_fault(Fault::login(Answer::Compressed).times(2));
    // Some stacks decode gzip although they have not asked for it.
    for asked in ["", "accept-encoding: gzip, br, deflate, zstd\r\n"] {
        let answer = Visitor::to(emulator.addr()).ask("POST", "/authenticate", asked, &pair());
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("x-unknown")));
        assert!(!answer.body.is_empty() && !answer.body.is_ascii(), "no JSON is left");
    }
}

#[test]
fn token_refused_on_head_leaves_body_unread() {
    for refuses in [Refuses::OnHead, Refuses::OnHeadAlone] {
        let emulator = emulator_of(Policy { refuses, ..Policy::default() });
        let mut visitor = Visitor::to(emulator.addr());
        let token = visitor.token();
        assert_eq!(
            visitor.ask("POST", "/document", &bearer(&token), b"whole").status,
            200,
            "{refuses:?}"
        );
        // A request without a body is refused as usual, because there is no body to leave unread.
        assert_eq!(visitor.get("/x", "dead").header("connection"), None);
        let head =
            format!("{}expect: 100-continue\r\ntransfer-encoding: chunked\r\n", bearer("dead"));
        visitor.send_head("POST", "/document", &head);
        let answer = visitor.receive().unwrap();
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("INVALID_TOKEN")));
        let closes = refuses == Refuses::OnHead;
        assert_eq!(answer.header("connection"), closes.then_some("close"));
        assert_eq!(visitor.is_silent_for(MOMENT), !closes, "{refuses:?}");
        assert_eq!(emulator.stats().server.calls_unauthorized, 2);
    }
}

#[test]
fn valid_token_with_expect_gets_100_continue() {
    let emulator = emulator_of(Policy { refuses: Refuses::OnHead, ..Policy::default() });
    let mut visitor = Visitor::to(emulator.addr());
    let head = format!("{}expect: 100-continue\r\ncontent-length: 5\r\n", bearer(&visitor.token()));
    visitor.send_head("POST", "/document", &head);
    assert_eq!(visitor.receive().unwrap().status, 100);
    visitor.send_bytes(b"whole");
    assert_eq!(visitor.receive().unwrap().status, 200);
}
