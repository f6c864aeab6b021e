//! Each check fails for a faulty client. Such a client reads other bytes than the server has sent.

use std::panic;

use waldo_fuzz_checks::{header_of, login_of, retry_after_of, snapshot_of};

type CheckOf = fn(&[u8], &[u8]);

const RENEWAL: &str = "authorization: Bearer <{\"exp\":1800007200}>\n";
const OTHER_RENEWAL: &str = "authorization: Bearer <{\"exp\":1800007201}>\n";
const GRANTED: &str = "200\n\n{\"token\":\"<{\"exp\":1800003600}>\"}";
const OTHER_GRANTED: &str = "200\n\n{\"token\":\"<{\"exp\":1800003601}>\"}";
const REJECTED: &str = "403\n\n{\"code\":\"API_KEY_REVOKED\"}";

/// Runs the check for a client that reads `read` where `sent` was sent. Expects that the check
/// passes for a client that reads `sent`, and that its failure says `why`.
#[cfg(test)]
fn fails(check: CheckOf, sent: &str, read: &str, why: &str) {
    check(sent.as_bytes(), sent.as_bytes());
    let failure = panic::catch_unwind(|| check(sent.as_bytes(), read.as_bytes())).unwrap_err();
    let said = failure.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| failure.downcast_ref::<&str>().copied()).unwrap();
    assert!(said.contains(why), "the check says: {said}");
}

#[test]
fn header_check_fails_for_each_faulty_client() {
    let cases: [(&str, &str, &str); 5] = [
        ("401\n", "200\n", "a 401 must lead to a retry"),
        ("403\n", "401\n", "a 403 Forbidden must be delivered"),
        (&format!("500\n{RENEWAL}"), &format!("200\n{RENEWAL}"), "held from a 500"),
        (&format!("200\n{RENEWAL}"), "200\n", "the client ignores"),
        (&format!("200\n{RENEWAL}"), &format!("200\n{OTHER_RENEWAL}"), "e30."),
    ];
    for (sent, read, why) in cases {
        fails(header_of, sent, read, why);
    }
}

#[test]
fn login_check_fails_for_each_faulty_client() {
    let cases: [(&str, &str, &str); 7] = [
        (&GRANTED.replace("200", "500"), GRANTED, "Granted"),
        ("503\n", REJECTED, "Rejected"),
        (REJECTED, &REJECTED.replace("403", "401"), "left == right"),
        (REJECTED, "503\n", "Unavailable"),
        (GRANTED, "503\n", "Unavailable"),
        (GRANTED, OTHER_GRANTED, "is not the token of"),
        ("200\n\n{\"token\":1}", GRANTED, "is not in the answer"),
    ];
    for (sent, read, why) in cases {
        fails(login_of, sent, read, why);
    }
}

#[test]
fn retry_after_check_fails_for_each_faulty_client() {
    let dated = "200\ndate: Fri, 15 Jan 2027 07:59:00 GMT\n\n1800000060";
    let cases: [(&str, &str, &str); 6] = [
        ("503\nretry-after: 7\n", "503\n", "the wait of"),
        ("503\nretry-after: 7200\n", "503\nretry-after: 7\n", "the wait of"),
        ("503\n", "503\nretry-after: 7\n", "the wait of"),
        (dated, "200\n\n1800000060", "the lifetime of"),
        (dated, &dated.replace("\n\n", "\nage: 1\n\n"), "the lifetime of"),
        ("200\n\n1800000060", "200\n\n1800000061", "the lifetime of"),
    ];
    for (sent, read, why) in cases {
        fails(retry_after_of, sent, read, why);
    }
}

#[test]
fn snapshot_check_fails_for_faulty_client() {
    // Without this file, all files of the corpus could have an unknown field.
    let stored = include_str!("../../corpus/snapshot/fresh");
    fails(snapshot_of, stored, &stored.replace("800003600}", "800003601}"), "left == right");
}
