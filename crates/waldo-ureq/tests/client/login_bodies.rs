//! The body of a login's answer is read only as far, and only as long, as it is useful (rule 2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use waldo_adapter_tests::{Exchange, Scripted, jwt};
use waldo_ureq::http::StatusCode;
use waldo_ureq::{Error, Reason, Refusal, Refused};

use crate::failures::reason;
use crate::site::{bounded, client, status};

/// Longer than the body of a rejection may take, and far shorter than a login may take.
const SOON: Duration = Duration::from_secs(10);

/// Answers a login in this way. Returns why the login failed, and how many bytes of the body were
/// taken.
#[track_caller]
fn taken(head: &str, piece: Vec<u8>) -> (Reason, usize) {
    let answer = format!("HTTP/1.1 {head}\r\n\r\n");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Scripted::start(move |exchange: &mut Exchange| {
        exchange.read_body();
        exchange.write(answer.as_bytes());
        while !piece.is_empty() && exchange.write_or_leave(&piece) {
            if piece.len() == 1 {
                // A body that trickles.
                thread::sleep(Duration::from_millis(100));
            }
            counted.fetch_add(piece.len(), Ordering::SeqCst);
        }
        exchange.wait_until_gone();
    });
    let began = Instant::now();
    let reason = reason(server.origin());
    assert!(began.elapsed() < SOON, "{head}: {:?}", began.elapsed());
    (reason, count.load(Ordering::SeqCst))
}

/// `cloudfoundry/cf-java-client#562`: a token request that failed made the client wait until its
/// timeout.
#[test]
fn rule_02_a_status_that_says_enough_needs_no_body() {
    bounded(|| {
        for status in [404, 429, 500, 503, 302] {
            for framing in ["Content-Length: 99", "Transfer-Encoding: chunked", "X: y"] {
                let head = format!("{status} No\r\n{framing}");
                let expected = Reason::Status(StatusCode::from_u16(status).unwrap());
                assert_eq!(taken(&head, Vec::new()).0, expected, "{head}");
            }
        }
    });
}

#[test]
fn rule_02_a_rejection_waits_briefly_for_its_body() {
    bounded(|| {
        for (status, framing, piece) in [
            (400, "Content-Length: 999", vec![b' ']),
            (401, "Transfer-Encoding: chunked", Vec::new()),
            (403, "X: y", vec![b' ']),
        ] {
            let head = format!("{status} No\r\n{framing}");
            let expected = Reason::Status(StatusCode::from_u16(status).unwrap());
            assert_eq!(taken(&head, piece).0, expected, "{head}");
        }
    });
}

#[test]
fn rule_02_a_rejection_counts_though_its_body_does_not_end() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            exchange.read_body();
            exchange.write(
                b"HTTP/1.1 401 No\r\nContent-Length: 999\r\n\r\n{\"code\":\"INVALID_API_KEY\"}",
            );
            exchange.wait_until_gone();
        });
        let error = client(server.origin()).get("/").call().unwrap_err();
        let is_rejection =
            matches!(&error, Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. }));
        assert!(is_rejection, "{error}");
    });
}

#[test]
fn rule_02_an_endless_body_is_left_behind() {
    bounded(|| {
        let chunk = [b"400\r\n".as_slice(), &[b' '; 0x400], b"\r\n"].concat();
        let extended = [b"1;".as_slice(), &[b'x'; 0x1000], b"\r\n \r\n"].concat();
        for (head, piece) in [
            ("200 OK\r\nX: y", vec![b' '; 0x1000]),
            ("200 OK\r\nTransfer-Encoding: chunked", chunk.clone()),
            ("401 No\r\nX: y", vec![b' '; 0x1000]),
            ("403 No\r\nTransfer-Encoding: chunked", chunk),
            ("401 No\r\nTransfer-Encoding: chunked", extended),
        ] {
            let (reason, _) = taken(head, piece);
            assert_ne!(reason, Reason::Timeout, "{head}");
        }
    });
}

/// Without the feature, nobody decompresses.
#[cfg(feature = "gzip")]
#[test]
fn rule_02_a_compressed_body_of_nothing_is_left_behind() {
    // An empty member.
    let nothing = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(100);
    bounded(move || {
        let refused = Reason::Status(StatusCode::UNAUTHORIZED);
        for (head, expected) in [
            ("200 OK\r\nContent-Encoding: gzip", Reason::BodyTooLarge),
            ("401 No\r\nContent-Encoding: gzip", refused),
        ] {
            let (reason, taken) = taken(head, nothing.clone());
            assert_eq!(reason, expected, "{head}");
            // The client's limit, and the size of the connection's buffers.
            assert!(taken < 8 << 20, "{taken}");
        }
    });
}

/// ureq decompresses an answer although the login has not asked for compression. Then the answer
/// can be read.
#[cfg(feature = "gzip")]
#[test]
fn rule_02_a_compressed_token_is_read() {
    let body = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01-\0\xd2\xff\
        {\"token\":\"eyJhbGciOiJIUzI1NiJ9.e30.00000001\"}\x07\x93ZY-\0\0\0";
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    bounded(move || {
        let server = Scripted::start(move |exchange| {
            if !exchange.is_login() {
                let status = if exchange.bears(&jwt(1)) { 200 } else { 401 };
                return exchange.answer(status, "", "");
            }
            exchange.read_body();
            exchange.write(head.as_bytes());
            exchange.write(body);
        });
        assert_eq!(status(&client(server.origin())), 200);
        assert_eq!(server.seen().len(), 2);
    });
}

#[test]
fn rule_01_a_login_asks_for_no_compression() {
    bounded(|| {
        let server = Scripted::start(|exchange| {
            assert!(!exchange.is_login() || exchange.header("accept-encoding").is_none());
            exchange.grant(&jwt(1));
        });
        assert_eq!(status(&client(server.origin())), 200);
    });
}
